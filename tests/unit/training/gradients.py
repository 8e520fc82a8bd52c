"""Saves the gradients of the first step of a recipe: `gradients.py OUTPUT RECIPE [KEY=VALUE]...`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from terralex.training import Recipe, Trainer

Gradients = Callable[..., dict[str, Any]]


def assert_same_gradients(
    two: dict[str, Any], one: dict[str, Any], *, rtol: float = 1e-4, least: float = 1e-3
) -> None:
    """What two processes saved is what one saved, up to rounding.

    Args:
        two: Of two processes.
        one: Of one process.
        rtol: Relative tolerance.
        least: Gradients smaller than this are sums of larger terms that cancel, as large as this.
    """
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert one["gradients"].keys() == two["gradients"].keys()
    for key, gradient in one["gradients"].items():
        # Sums over the batch round by some eps of their largest terms, which may nearly cancel.
        scale = max(float(gradient.abs().max()), least)
        torch.testing.assert_close(two["gradients"][key], gradient, rtol=rtol, atol=1e-5 * scale)
    assert max(float(gradient.abs().max()) for gradient in one["gradients"].values()) > 1e-4


if __name__ == "__main__":
    output, name, *changes = sys.argv[1:]
    trainer = Trainer(Recipe.load(name, changes), Path(output), overwrite=True)
    gradients = {}
    for module in trainer.learner.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0

    def keep() -> None:
        named = trainer.network.named_parameters()
        gradients.update({key: value.grad.clone() for key, value in named if value.grad is not None})

    trainer.optimizer.step = keep
    rows = list(trainer.run())
    if trainer.is_first_process:
        torch.save({"gradients": gradients, "loss": rows[-1]["loss"]}, Path(output) / "gradients.pt")

"""Saves the gradients of the first step of a recipe: `gradients.py OUTPUT RECIPE [KEY=VALUE]...`."""

import sys
from pathlib import Path

import torch

from terralex.training import Recipe, Trainer

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

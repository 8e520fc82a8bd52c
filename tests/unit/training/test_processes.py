"""Two processes learn what one does."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ...processes import Starter

SCRIPT = Path(__file__).with_name("gradients.py")
Gradients = Callable[..., dict[str, Any]]


@pytest.fixture
def gradients(start: Starter, tmp_path: Path) -> Gradients:
    """The gradients of the first step of a recipe, by one process, or by two as `torchrun` starts them."""

    def run(recipe: str, changes: list[str], processes: int) -> dict[str, Any]:
        folder = tmp_path / f"{recipe}-{processes}"
        if processes == 1:
            start(SCRIPT, folder, recipe, *changes).succeed()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
            shared = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
            shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
            ranks = [{"RANK": str(i), "LOCAL_RANK": str(i), "GROUP_RANK": "0"} for i in range(processes)]
            started = [start(SCRIPT, folder, recipe, *changes, environment=shared | rank) for rank in ranks]
            for process in started:
                process.succeed()
        found: dict[str, Any] = torch.load(folder / "gradients.pt", weights_only=True)
        return found

    return run


def assert_same(two: dict[str, Any], one: dict[str, Any]) -> None:
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert one["gradients"].keys() == two["gradients"].keys()
    for key, gradient in one["gradients"].items():
        # Sums over the batch round by some eps of their largest terms, which may nearly cancel.
        scale = max(float(gradient.abs().max()), 1e-3)
        torch.testing.assert_close(two["gradients"][key], gradient, rtol=1e-4, atol=1e-5 * scale)
    assert max(float(gradient.abs().max()) for gradient in one["gradients"].values()) > 1e-4


@pytest.mark.parametrize("name", ["clip", "rcme", "radial", "meru", "atmg"])
def test_two_processes_have_the_gradients_of_one(
    tree_changes: list[str], gradients: Gradients, name: str
) -> None:
    changes = [*tree_changes, "steps=1", "accumulate=2", "batch_size=8", "clip_norm=1e9", "augment.gain=0.3"]
    one, two = (gradients(name, [*changes, "validation=null"], processes) for processes in (1, 2))
    assert_same(two, one)

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from . import made

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes an official container, by default of `made.checkpoint_state`."""

    def write(state: object = None, args: object = None, *, name: str = "made.pth.tar", **more: Any) -> Path:  # noqa: ANN401
        content = {"arch": "x", "epoch": 1, "args": args if args is not None else made.arguments()}
        if state is not None or "state_dict_ema" not in more:
            content["state_dict"] = state if state is not None else made.checkpoint_state()
        torch.save({**content, **more}, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def pixels() -> torch.Tensor:
    """Normalised, of three by five patches."""
    return torch.randn(2, 3, 48, 80, generator=torch.Generator().manual_seed(5))

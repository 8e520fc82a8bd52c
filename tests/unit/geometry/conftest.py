"""Vectors for the maths: drawn by seed, so that hypothesis can shrink what it draws."""

from collections.abc import Callable

import pytest
import torch

Draw = Callable[..., torch.Tensor]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """`draw(seed, *shape)`: float64 normal numbers."""

    def drawn(seed: int, *shape: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return drawn

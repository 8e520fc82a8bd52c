from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from terralex.evaluation.segmentation import Labeller, Names, Setting

from .make_datasets import colours, make_datasets


class ColourLabeller:
    """Names each pixel by the nearest of the classes' colours; an equal mind for pictures of any size."""

    def __init__(self, classes: int) -> None:
        self.colours = torch.from_numpy(colours(classes)).float()
        self.sizes: list[tuple[int, ...]] = []

    def label(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        self.sizes.append(tuple(pixels.shape[1:]))
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(int)
            for new, old in zip(size, pixels.shape[1:], strict=True)
        )
        seen = pixels[:, rows][:, :, columns].float().flatten(1).T
        return torch.cdist(seen, self.colours).argmin(dim=1).reshape(size)


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_datasets(tmp_path_factory.mktemp("datasets"))


@pytest.fixture
def by_colour() -> Callable[[Setting, Names], Labeller]:
    return lambda _, names: ColourLabeller(len(names))

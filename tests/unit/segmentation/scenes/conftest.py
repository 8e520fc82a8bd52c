"""A labeller that is simple enough to know the right map, and scenes of known colours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from terralex.models.card import InputSpec

UTM = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0)

SPEC = InputSpec(("red", "green", "blue"), "rgb", "8bit", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 64)

COLOURS = np.array([(230, 30, 30), (30, 230, 30), (30, 30, 230)], np.uint8)


class NearestColour:
    """Labels each patch by the nearest of three colours, whatever is around it."""

    labels = ("red roof", "green field", "blue lake")

    def __init__(self, patch: int = 1) -> None:
        self.patch = patch
        self.seen: list[torch.Size] = []

    def grid_probabilities(self, pixels: Tensor) -> Tensor:
        self.seen.append(pixels.shape)
        means = torch.from_numpy(COLOURS).float()[:, :, None, None] / 255
        pooled = F.avg_pool2d(pixels, self.patch)
        return (-20 * (pooled[:, None] - means).square().sum(dim=2)).softmax(dim=1)


WriteScene = Callable[..., Path]


@pytest.fixture
def write_scene(tmp_path: Path) -> WriteScene:
    """Write pixels (3, H, W) as a GeoTIFF in UTM; further keywords go to rasterio."""

    def write(pixels: NDArray[Any], name: str = "scene.tif", **profile: object) -> Path:
        path = tmp_path / name
        count, height, width = pixels.shape
        known = {"driver": "GTiff", "crs": "EPSG:32632", "transform": UTM, "photometric": "rgb"} | profile
        with rasterio.open(
            path, "w", count=count, height=height, width=width, dtype=pixels.dtype, **known
        ) as dataset:
            dataset.write(pixels)
        return path

    return write


def blotches(height: int, width: int, seed: int = 0, side: int = 9) -> NDArray[np.uint8]:
    """A map (H, W) of the three classes, 1 to 3, in blotches."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1, 4, (height // side + 1, width // side + 1), dtype=np.uint8)
    return np.kron(coarse, np.ones((side, side), np.uint8))[:height, :width]


def painted(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (3, H, W) of a map; no data, 0, is black."""
    table = np.concatenate([np.zeros((1, 3), np.uint8), COLOURS])
    return np.ascontiguousarray(table[labels].transpose(2, 0, 1))

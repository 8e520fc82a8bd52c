"""What a model sees in a frame: features for any words, or probabilities of some labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from terralex.imagery import Image
from terralex.models.dense import DenseEncoder
from terralex.runtime.errors import TerralexError
from terralex.segmentation.segmenter import Segmenter

if TYPE_CHECKING:
    from terralex.mapping.frames import Frame
    from terralex.models import Model


_PROBE = 64  # pixels of a picture that tells how many numbers a feature has


class FeatureEncoder:
    """Dense features of frames, to be asked in any words later.

    Attributes:
        encoder: The model's dense encoder.
        channels: Numbers a feature has.

    Args:
        model: What sees.
        crop: As of `DenseEncoder.for_model`.
        stride: See there.

    Raises:
        UsageError: As of `DenseEncoder.for_model`.
    """

    def __init__(self, model: Model, *, crop: int | None = None, stride: int | None = None) -> None:
        self._model = model
        self.encoder = DenseEncoder.for_model(model, crop=crop, stride=stride)
        blank = torch.zeros(1, len(model.card.input.bands), _PROBE, _PROBE)
        self.channels = int(self.encoder.local(blank).shape[1])

    def __call__(self, frame: Frame) -> NDArray[np.float32]:
        """Features of a frame, float32 (C, h, w)."""
        with _room_on(self._model):
            features = self.encoder(_pixels(self._model, frame))[0]
        return _array(features)


class LabelEncoder:
    """Probabilities of labels in frames; those that are nowhere in a frame are 0.

    Attributes:
        channels: How many labels there are.

    Args:
        model: What sees.
        segmenter: The model with its labels, and its refiner if there is one.
    """

    def __init__(self, model: Model, segmenter: Segmenter) -> None:
        self._model, self._segmenter = model, segmenter
        self.channels = len(segmenter.labels)

    def __call__(self, frame: Frame) -> NDArray[np.float32]:
        """Probabilities in a frame, float32 (K, h, w), or (K, H, W) if they are refined."""
        with _room_on(self._model):
            grid = self._segmenter.grid_probabilities(_pixels(self._model, frame))[0]
            if self._segmenter.refiner is not None:
                colours = torch.from_numpy(frame.rgb).permute(2, 0, 1).float() / 255
                grid = self._segmenter.refiner.probabilities(colours, grid, frame.size)
        return _array(grid)


@contextmanager
def _room_on(model: Model) -> Iterator[None]:
    """Say in words for people that a device is out of memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TerralexError(f"{model.device} has no room: make frames smaller with --size") from error


def _pixels(model: Model, frame: Frame) -> torch.Tensor:
    image = Image.from_array(frame.rgb, source=f"frame {frame.id}")
    return model.prepare(image, whole=True).pixels[None]


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = tensor.float().cpu().numpy()
    return found

"""Embeddings of pictures for SAM's decoder, by RADIO or by SAM's own vision transformer."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.models.dense import RadioTower
from terralex.models.radio import Head, Radio
from terralex.runtime.errors import UsageError
from terralex.segmentation.refinement.sam import Sam

_SAM_MEAN = (123.675 / 255, 116.28 / 255, 103.53 / 255)
_SAM_STD = (58.395 / 255, 57.12 / 255, 57.375 / 255)


class ImageEmbedder(Protocol):
    """Computes SAM's embedding of a picture."""

    def __call__(self, image: Tensor, /) -> tuple[Tensor, tuple[int, int]]:
        """RGB from 0 to 1 (3, H, W) to an embedding (1, 256, grid, grid), and the frame.

        The frame is the height and width of the part, at the top left, of SAM's square of pixels that the
        picture fills.
        """
        ...


class RadioEmbedder:
    """RADIO's features, with SCRA and in one window, in the space of SAM's trunk; then SAM's neck.

    Args:
        radio: A backbone with the head ``sam``.
        sam: Whose neck it is.
        scra: What cosines of SCRA are multiplied by.

    Raises:
        UsageError: The backbone has no head of this SAM.
    """

    def __init__(self, radio: Radio, sam: Sam, scra: float = 10.0) -> None:
        head = getattr(radio.heads, "sam", None)
        if head is None or cast(Head, head).features is None:
            raise UsageError(
                "this RADIO has no head into SAM's features (version 4 has one of SAM 3, which is another "
                "space): use SAM's own encoder, or version 3"
            )
        self._head = cast(Head, head)
        self._radio, self._tower, self._sam = radio, RadioTower(radio, "sam", scra), sam

    def __call__(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """See `ImageEmbedder`."""
        patch, square = self._tower.patch_size, self._sam.image_size
        height, width = image.shape[1:]
        cells = square // patch
        frame = tuple(max(1, side * cells // max(height, width)) * patch for side in (height, width))
        pixels = F.interpolate(image[None], size=frame, mode="bilinear", align_corners=False)
        weight = self._radio.patch_generator.embedder.weight
        features = self._tower(self._radio.condition(pixels.to(weight.device)).to(weight.dtype))
        grid = features.shape[2:]
        projected = self._head.project(features.flatten(2).transpose(1, 2), (grid[0], grid[1]))
        return self._sam.neck(projected.to(self._sam.device, torch.float32)), (frame[0], frame[1])


class SamEmbedder:
    """SAM's own vision transformer.

    Args:
        sam: Loaded with its trunk.
    """

    def __init__(self, sam: Sam) -> None:
        if not sam.has_trunk:
            raise ValueError("SAM was loaded without its trunk")
        self._sam = sam

    def __call__(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """See `ImageEmbedder`."""
        square, device = self._sam.image_size, self._sam.device
        height, width = image.shape[1:]
        scale = square / max(height, width)
        frame = max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))
        pixels = F.interpolate(
            image[None].to(device), size=frame, mode="bilinear", align_corners=False, antialias=True
        )
        mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (_SAM_MEAN, _SAM_STD))
        padded = F.pad((pixels - mean) / std, (0, square - frame[1], 0, square - frame[0]))
        return self._sam.encode(padded), frame

"""What segmenting a picture gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Grid
from terralex.recognition.records import Window

NONE = -1
"""The label of a pixel that is none of the classes, or holds no data."""


@dataclass(frozen=True, slots=True)
class ClassShare:
    """A class that is in a picture.

    Attributes:
        label: Its name.
        pixels: Pixels of it.
        area: Part of the picture's pixels with data, 0 to 1.
        score: Mean probability of the class over its pixels.
    """

    label: str
    pixels: int
    area: float
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """What each pixel of a picture is.

    Attributes:
        path: The file, or a name such as `array 0` for an image that came from memory.
        window: The part of the image that was looked at; None is all of it.
        names: The classes.
        labels: int32 (H, W): the class of each pixel by its place in `names`, or `NONE`; None if the picture
            could not be used.
        classes: The classes that are in it, the largest first.
        picture: What it looks like, uint8 (H, W, 3).
        grid: Its place on the ground; None if not known.
        model: The model's name.
        notes: What the reader of the result should know, such as bands that were filled in.
        error: Why the picture could not be used.
    """

    path: str
    window: Window | None = None
    names: tuple[str, ...] = ()
    labels: NDArray[np.int32] | None = None
    classes: tuple[ClassShare, ...] = ()
    picture: NDArray[np.uint8] | None = None
    grid: Grid | None = None
    model: str = ""
    notes: str = ""
    error: str | None = None

    def mask(self, label: str) -> NDArray[np.bool_]:
        """Where a class is: bool (H, W).

        Raises:
            ValueError: There is no such class, or the picture could not be used.
        """
        if self.labels is None:
            raise ValueError(f"{self.path} could not be used: {self.error}")
        where: NDArray[np.bool_] = self.labels == self.names.index(label)
        return where


@dataclass(frozen=True, slots=True, eq=False)
class HeatMaps:
    """How much each place of a picture is like each of some phrases.

    Attributes:
        path: The file, or a name such as `array 0` for an image that came from memory.
        window: The part of the image that was looked at; None is all of it.
        phrases: What was asked for.
        maps: float32 (len(phrases), H, W), probabilities or cosines, NaN where there is no data; None if the
            picture could not be used.
        picture: What it looks like, uint8 (H, W, 3).
        grid: Its place on the ground; None if not known.
        model: The model's name.
        notes: What the reader of the result should know, such as bands that were filled in.
        error: Why the picture could not be used.
    """

    path: str
    window: Window | None = None
    phrases: tuple[str, ...] = ()
    maps: NDArray[np.float32] | None = None
    picture: NDArray[np.uint8] | None = None
    grid: Grid | None = None
    model: str = ""
    notes: str = ""
    error: str | None = None


def share_out(
    names: tuple[str, ...],
    labels: NDArray[np.int32],
    confidence: NDArray[np.float32],
    valid: NDArray[np.bool_] | None = None,
) -> tuple[ClassShare, ...]:
    """Areas and scores of the classes that are in a picture, the largest first.

    Args:
        names: The classes.
        labels: (H, W), places in `names` or `NONE`.
        confidence: (H, W), the probability of each pixel's class.
        valid: (H, W), which pixels hold data; None: all.
    """
    there = labels >= 0
    pixels = np.bincount(labels[there], minlength=len(names))
    scores = np.bincount(labels[there], confidence[there], minlength=len(names)) / np.maximum(pixels, 1)
    whole = labels.size if valid is None else int(valid.sum())
    order = np.argsort(-pixels, kind="stable")
    return tuple(
        ClassShare(names[at], int(pixels[at]), float(pixels[at] / whole), float(scores[at]))
        for at in order
        if pixels[at]
    )

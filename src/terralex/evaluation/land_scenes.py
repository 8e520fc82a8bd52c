"""Zero-shot segmentation of made land scenes, whose every pixel is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from terralex.imagery import Image
from terralex.metrics.segmentation import Scores, count_pixels, score_pixels
from terralex.runtime import Row
from terralex.segmentation.segmenter import Segmenter
from terralex.synthetic import make_land_scene, render_rgb8

if TYPE_CHECKING:
    from terralex.models import Model

COVERS: dict[str, tuple[str, ...]] = {
    "water": ("water",),
    "forest": ("conifer forest", "broadleaf forest"),
    "grassland": ("grassland",),
    "crops": ("crops",),
    "wetland": ("wetland",),
    "bare": ("bare soil", "sand"),
    "snow": ("snow",),
    "built-up": ("built-up",),
}
"""Eight land covers and the classes of made scenes that each is of, which are also its phrases."""


@dataclass(frozen=True)
class SceneScores:
    """What became of scenes.

    Attributes:
        labels: The covers.
        count: How many pixels.
        scores: Of each cover and of all.
    """

    labels: tuple[str, ...]
    count: int
    scores: Scores

    def rows(self) -> list[Row]:
        """Figures by metric and label; those of all have no label."""
        scores = self.scores
        overall = {"miou": scores.miou, "accuracy": scores.aacc, "macro_recall": scores.macc}
        figures = [(name, "", value) for name, value in overall.items()]
        for name, values in (("iou", scores.iou), ("recall", scores.accuracy)):
            figures += [(name, label, float(value)) for label, value in zip(self.labels, values, strict=True)]
        return [
            {"metric": name, "label": label, "value": value, "n": self.count}
            for name, label, value in figures
        ]


def evaluate_scenes(
    model: Model,
    *,
    scenes: int = 8,
    size: int = 512,
    seed: int = 10_000_000,
    rgb: bool = False,
    templates: str | None = None,
) -> SceneScores:
    """Zero-shot segmentation of made scenes into `COVERS`, in all bands or in red, green and blue alone.

    Args:
        model: What is measured.
        scenes: How many.
        size: Pixels a side, of 10 m.
        seed: Of the first; training uses seeds far below the default.
        rgb: Score 8-bit renderings in red, green and blue instead of the bands.
        templates: As of `Model.class_weights`.

    Raises:
        UsageError: The model has no dense features.
    """
    segmenter = Segmenter(model, COVERS, templates=templates, prompt_denoising=0.0)
    counts = torch.zeros(3, len(COVERS), dtype=torch.int64)
    for number in range(scenes):
        scene = make_land_scene(seed + number, size)
        cover_of = torch.tensor([_cover(name) for name in scene.classes])
        image = Image.from_array(render_rgb8(scene.image)) if rgb else scene.image
        found = label_scene(model, segmenter, image)
        truth = cover_of[torch.from_numpy(scene.labels.astype(np.int64))]
        counts += count_pixels(found, truth, len(COVERS))
    return SceneScores(tuple(COVERS), scenes * size * size, score_pixels(counts))


def label_scene(model: Model, segmenter: Segmenter, image: Image) -> Tensor:
    """The number of the label of each pixel: int64 (H, W)."""
    pixels = model.prepare(image, whole=True).pixels
    return segmenter.segment(pixels[None], (image.height, image.width)).labels[0].cpu()


def _cover(name: str) -> int:
    return next(place for place, own in enumerate(COVERS.values()) if name in own)

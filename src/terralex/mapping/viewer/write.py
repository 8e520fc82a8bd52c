"""The viewer's page with a map in it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.viewer.cubes import UPRIGHT, Cubes
from terralex.runtime.files import write_atomically
from terralex.runtime.html import render

if TYPE_CHECKING:
    from terralex.mapping.voxels import VoxelMap

Colour = tuple[int, int, int]
Point = tuple[float, float, float]

MOST_SCORES = 12
"""Phrases whose probabilities a page holds for every voxel."""

_MARGIN = 0.02  # of the voxels, at each side, that the first look may leave out


@dataclass(frozen=True)
class FoundPlace:
    """A place to mark.

    Attributes:
        phrase: Which of the phrases is there.
        position: From 1, the best first.
        score: 0 to 1.
        centre: Metres.
        low: The corner of its box with the smallest coordinates.
        high: The corner with the largest.
    """

    phrase: int
    position: int
    score: float
    centre: Point
    low: Point
    high: Point


def write_viewer(
    path: Path,
    voxels: VoxelMap,
    *,
    phrases: Sequence[str] = (),
    colours: Sequence[Colour] = (),
    labels: NDArray[np.int64] | None = None,
    probabilities: NDArray[np.float32] | None = None,
    places: Sequence[FoundPlace] = (),
    footer: str = "",
) -> None:
    """Write the page.

    Args:
        path: The file.
        voxels: The map.
        phrases: What was asked for.
        colours: One for each phrase.
        labels: int64 (N,), which phrase each voxel is; negative for none.
        probabilities: float32 (N, len(phrases)).
        places: What to mark and list.
        footer: A last remark.

    Raises:
        OSError: It cannot be written.
    """
    if labels is None:
        labels = np.full(len(voxels), -1)
    if probabilities is None:
        probabilities = np.zeros((len(voxels), 0), np.float32)
    cubes = Cubes.of(voxels, labels, probabilities[:, :MOST_SCORES])
    turned = UPRIGHT[voxels.info.up]
    sizes = np.bincount(labels[labels >= 0], minlength=len(phrases))
    about = {
        "count": len(cubes.places),
        "voxel_size": cubes.side,
        "low": cubes.low.tolist(),
        **_first_look(cubes),
        "phrases": [
            {"name": name, "colour": list(colour), "voxels": int(size)}
            for name, colour, size in zip(phrases, colours, sizes, strict=True)
        ],
        "places": [_marked(place, turned) for place in places],
    }
    content = render(
        "terralex.mapping.viewer:page.html",
        title=voxels.info.sequence or "A map",
        facts=_facts(voxels, cubes),
        footer=footer,
        about=about,
        positions=_encoded(cubes.places.astype("<u2")),
        colours=_encoded(cubes.colours),
        labels=_encoded(cubes.labels),
        scores=_encoded(cubes.scores),
    )
    write_atomically(path, content.encode(errors="backslashreplace"))  # folders need not be called text


def _marked(place: FoundPlace, turned: NDArray[np.float64]) -> dict[str, Any]:
    corners = np.array([place.low, place.high]) @ turned.T
    return {
        "phrase": place.phrase,
        "position": place.position,
        "score": place.score,
        "centre": place.centre,
        "size": [high - low for low, high in zip(place.low, place.high, strict=True)],
        "low": corners.min(axis=0).tolist(),
        "high": corners.max(axis=0).tolist(),
    }


def _first_look(cubes: Cubes) -> dict[str, Any]:
    """Where to look from at first: at nearly all of it, into a room from above rather than at its ceiling."""
    centres = cubes.low + cubes.places * cubes.side
    if not len(centres):
        return {"target": [0, 0, 0], "radius": 1, "floor": 0, "ceiling": 1, "cut": 1}
    low, high = np.quantile(centres, [_MARGIN, 1 - _MARGIN], axis=0)
    floor, ceiling = float(centres[:, 2].min()), float(centres[:, 2].max()) + cubes.side / 2
    cut = _below_ceiling(centres[:, 2], cubes.side) or ceiling
    radius = max(float(np.linalg.norm(high - low)) / 2, cubes.side)
    return {
        "target": ((low + high) / 2).tolist(),
        "radius": radius,
        "floor": floor,
        "ceiling": ceiling,
        "cut": cut,
    }


def _below_ceiling(heights: NDArray[np.floating], side: float) -> float | None:
    """A height below a ceiling: a layer in the upper third that holds far more than the layers below it."""
    layers = np.bincount(np.rint((heights - heights.min()) / side).astype(int))
    upper = len(layers) * 2 // 3
    if len(layers) < 6 or not len(layers[upper:]):
        return None
    top = upper + int(layers[upper:].argmax())
    if layers[top] < 4 * np.median(layers):
        return None
    return float(heights.min() + (top - 1.5) * side)


def _facts(voxels: VoxelMap, cubes: Cubes) -> list[str]:
    info = voxels.info
    facts = [f"{len(voxels):,} voxels of {voxels.voxel_size:g} m", f"{info.frames:,} frames", info.model]
    if cubes.side != voxels.voxel_size:
        facts.append(f"shown at {cubes.side:g} m")
    return [fact for fact in facts if fact]


def _encoded(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")

"""The published settings of the benchmarks in 3D, which are data: `settings.yaml` says what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from terralex.runtime.errors import UsageError


@dataclass(frozen=True)
class MappingSetting:
    """How a dataset is mapped and scored.

    Attributes:
        dataset: What the command line calls it.
        title: What people call it.
        layout: How its recordings are kept.
        size: Height and width that frames are resized to.
        truth: Whether the truth is "points" or label "images".
        ignored: Classes that do not count.
        scenes: Those that the published mean is over.
        frame_skip: Frames left out after each that is taken.
        voxel_size: Side of a voxel, in metres.
        crop: Side of the sliding window, in pixels.
        stride: Of the sliding window, in pixels.
        neighbours: Voxels that vote on the label of a voxel of the truth; 0: the same voxel alone.
        prompt_denoising: Highest probability that a class must reach somewhere in the map.
        threshold: Probability that the best class of a voxel must reach.
    """

    dataset: str
    title: str
    layout: str
    size: tuple[int, int]
    truth: Literal["points", "images"]
    ignored: tuple[str, ...]
    scenes: tuple[str, ...]
    frame_skip: int
    voxel_size: float
    crop: int
    stride: int
    neighbours: int
    prompt_denoising: float
    threshold: float


@cache
def load_mapping_settings() -> tuple[MappingSetting, ...]:
    """All three."""
    text = (files("terralex.evaluation.mapping") / "settings.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    made = []
    for name, entry in content["datasets"].items():
        values: dict[str, Any] = {"dataset": name, **entry, **content["common"]}
        for key in ("size", "ignored", "scenes"):
            values[key] = tuple(values[key])
        made.append(MappingSetting(**values))
    return tuple(made)


def mapping_setting(dataset: str) -> MappingSetting:
    """The setting of a dataset.

    Raises:
        UsageError: None is called that.
    """
    known = {setting.dataset: setting for setting in load_mapping_settings()}
    if dataset not in known:
        raise UsageError(f"no dataset is called {dataset!r}: take {', '.join(known)}")
    return known[dataset]

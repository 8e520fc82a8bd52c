"""The published settings of the 2D benchmarks, which are data: `settings.yaml` says what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from terralex.metrics.segmentation import IGNORED
from terralex.runtime.errors import UsageError

Resolution = Literal["low", "mid", "high"]


@dataclass(frozen=True)
class TruthFiles:
    """A way in which a dataset keeps its label maps.

    Attributes:
        ending: What the names of the files end in.
        classes: uint8 (256,), the class that each value means, or `IGNORED`.
    """

    ending: str
    classes: NDArray[np.uint8]

    def last_value(self, count: int) -> int:
        """The highest value that means one of the first `count` classes."""
        return int(np.flatnonzero(self.classes < count).max())


@dataclass(frozen=True)
class Dataset:
    """Where a dataset keeps its validation pictures.

    Attributes:
        name: What the command line calls it.
        title: What people call it.
        count: How many pictures there are; None if that is not known.
        roots: Folders, below that of all data, of which one holds everything else.
        pictures: Folder of the pictures.
        picture_ending: What their names end in.
        list: File that names those to take, one a line, without ending; None for all in the folder.
        labels: Folder of the label maps.
        truth: How these are kept; what comes first is taken first.
        coarse_threshold: Below it, probabilities are no prompt for the mask refinement.
    """

    name: str
    title: str
    count: int | None
    roots: tuple[str, ...]
    pictures: str
    picture_ending: str
    list: str | None
    labels: str
    truth: tuple[TruthFiles, ...]
    coarse_threshold: float


@dataclass(frozen=True)
class Setting:
    """One of the fifteen settings.

    Attributes:
        dataset: Of which pictures.
        resolution: "low", "mid" or "high".
        scale: Longest and shortest side that a resized picture may have, in pixels.
        crop: Side of the sliding window, in pixels.
        stride: Of the sliding window, in pixels.
        scra: Scale of the self-correlating recursive attention.
        scga: Scale of the self-correlating global aggregation.
        prompt_denoising: Highest probability that a class must reach somewhere in a picture.
        threshold: Probability that the best class of a pixel must reach.
    """

    dataset: Dataset
    resolution: Resolution
    scale: tuple[int, int]
    crop: int
    stride: int
    scra: float
    scga: float
    prompt_denoising: float
    threshold: float

    @property
    def name(self) -> str:
        """Such as "voc20, low"."""
        return f"{self.dataset.name}, {self.resolution}"


@cache
def load_settings() -> tuple[Setting, ...]:
    """All of them: five datasets, each in three resolutions."""
    text = (files("terralex.evaluation.segmentation") / "settings.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    return tuple(
        Setting(
            dataset=dataset,
            resolution=resolution,
            scale=tuple(window["scale"]),
            crop=window["crop"],
            stride=window["stride"],
            **content["common"],
        )
        for name, entry in content["datasets"].items()
        for dataset in (_dataset(name, entry),)
        for resolution, window in entry["resolutions"].items()
    )


def choose_settings(datasets: Sequence[str], resolutions: Sequence[str]) -> tuple[Setting, ...]:
    """Every dataset named in every resolution named.

    Raises:
        UsageError: There is none of that name.
    """
    known = load_settings()
    for asked, there, what in (
        (datasets, [setting.dataset.name for setting in known], "dataset"),
        (resolutions, [setting.resolution for setting in known], "resolution"),
    ):
        if unknown := [name for name in asked if name not in there]:
            raise UsageError(f"no {what} is called {unknown[0]!r}: take {', '.join(dict.fromkeys(there))}")
    return tuple(s for s in known if s.dataset.name in datasets and s.resolution in resolutions)


def _dataset(name: str, entry: Mapping[str, Any]) -> Dataset:
    return Dataset(
        name=name,
        title=entry["title"],
        count=entry.get("count"),
        roots=tuple(entry["roots"]),
        pictures=entry["pictures"]["folder"],
        picture_ending=entry["pictures"]["ending"],
        list=entry["pictures"].get("list"),
        labels=entry["labels"],
        truth=tuple(TruthFiles(kept["ending"], _meaning(kept["values"])) for kept in entry["truth"]),
        coarse_threshold=entry["coarse_threshold"],
    )


def _meaning(values: str | Sequence[int]) -> NDArray[np.uint8]:
    """The class of each value, uint8 (256,)."""
    meaning = np.full(256, IGNORED, np.uint8)
    if values == "classes":
        meaning[:] = np.arange(256)
    elif values == "reduced":
        meaning[1:IGNORED] = np.arange(IGNORED - 1)
    else:
        meaning[np.array(values)] = np.arange(len(values))
    return meaning

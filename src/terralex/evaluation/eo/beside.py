"""The published figures that stand beside those that are measured; `published.yaml` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from terralex.evaluation.eo.tallies import MAP_PUBLISHED

ACCURACY = "accuracy"


@dataclass(frozen=True)
class PublishedFigure:
    """A figure of a paper.

    Attributes:
        value: A fraction of one.
        printed: Whether it is printed; else it was estimated from a picture.
    """

    value: float
    printed: bool

    def __str__(self) -> str:
        """In percent, an estimate with ``~`` before it."""
        return f"{'' if self.printed else '~'}{100 * self.value:.1f}"


@dataclass(frozen=True)
class Published:
    """What a paper reports.

    Attributes:
        title: What is measured.
        source: Where it is written.
        note: What has to be known to compare.
        tables: By metric, by model, by name of the data (`Dataset.published`).
    """

    title: str
    source: str
    note: str
    tables: Mapping[str, Mapping[str, Mapping[str, PublishedFigure]]]


@cache
def published() -> Published:
    """The figures of MS-CLIP's paper."""
    content = yaml.safe_load((files("terralex.evaluation.eo") / "published.yaml").read_text(encoding="utf-8"))
    columns = content["columns"]
    tables = {
        metric: {
            model: dict(zip(columns, map(_figure, figures), strict=True))
            for model, figures in content[metric].items()
        }
        for metric in (ACCURACY, MAP_PUBLISHED)
    }
    return Published(content["title"], content["source"], content["note"], tables)


def _figure(given: float | str) -> PublishedFigure:
    return PublishedFigure(float(str(given).removeprefix("~")) / 100, not str(given).startswith("~"))

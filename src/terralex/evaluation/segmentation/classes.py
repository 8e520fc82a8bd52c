"""What the classes of the benchmarks are called, and the words that a model is asked for them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import yaml

from terralex.runtime.errors import UsageError

Names = Mapping[str, tuple[str, ...]]
"""Classes in the order of their numbers, each with the phrases that stand for it."""

PUBLISHED, PLAIN, SYNONYMS = STYLES = ("published", "plain", "synonyms")


def class_names(dataset: str, style: str = PUBLISHED) -> Names:
    """The classes of a dataset.

    Args:
        dataset: Its name, such as "voc20".
        style: "published", each by its own name without spaces ("trafficlight"), as RADSeg was measured;
            "plain", by ordinary words ("traffic light", "brick wall"); "synonyms", by several where there
            are; or a file with a line a class, synonyms apart by commas.

    Raises:
        UsageError: The file cannot be read, or does not fit the classes.
    """
    text = (files("terralex.evaluation.segmentation") / "classes" / f"{dataset}.yaml").read_text("utf-8")
    words = {name: tuple(phrases or (name,)) for name, phrases in yaml.safe_load(text).items()}
    if style == PUBLISHED:
        return {name: (name.replace(" ", ""),) for name in words}
    if style == PLAIN:
        return {name: phrases[:1] for name, phrases in words.items()}
    if style == SYNONYMS:
        return words
    return dict(zip(words, _read(Path(style), len(words), dataset), strict=True))


def _read(path: Path, classes: int, dataset: str) -> list[tuple[str, ...]]:
    """The phrases of each line."""
    if not path.suffix and not path.exists():
        raise UsageError(f"names are {', '.join(STYLES)}, or a file with a line a class: {path} is none")
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the names of classes in {path}: {error}") from error
    parts = [[" ".join(part.split()) for part in line.split(",")] for line in lines]
    phrases = [tuple(filter(None, line)) for line in parts]
    if len(phrases) != classes:
        raise UsageError(f"{path} has {len(phrases)} lines: {dataset} has {classes} classes, one a line")
    for number, line in enumerate(phrases, 1):
        if not line:
            raise UsageError(f"{path}: line {number} is empty, and so a class would have no name")
    return phrases

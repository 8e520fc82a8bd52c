"""Labelled examples: what each input is, and which of them belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.items import Item
from terralex.runtime.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One input and its label.

    Attributes:
        item: The input.
        label: Its class; None if it has none yet.
        group: What it is grouped by in a cross-validation; None: by nothing.
    """

    item: Item
    label: str | None
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled examples of at least two classes.

    Attributes:
        items: The N inputs.
        labels: The classes, in alphabetical order; some may have no examples.
        targets: int64 (N,): the class of each input.
        groups: int64 (N,): the group of each input; None if each stands for itself.
        unlabelled: Inputs without a label.
        source: Where they come from, for messages.
    """

    items: Sequence[Item]
    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    unlabelled: Sequence[Item]
    source: str

    def keep(self, usable: NDArray[np.bool_]) -> Examples:
        """The examples that are marked as usable (N,)."""
        items = [item for item, use in zip(self.items, usable, strict=True) if use]
        groups = None if self.groups is None else self.groups[usable]
        return Examples(items, self.labels, self.targets[usable], groups, self.unlabelled, self.source)


def gather(
    examples: Iterable[Example],
    source: str,
    *,
    where: Callable[[int], str] = lambda index: f"example {index}",
    labels: Sequence[str] = (),
    zero_shot: bool = False,
) -> Examples:
    """Put examples together and check their labels.

    Args:
        examples: Labelled and unlabelled ones.
        source: Where they come from, for messages.
        where: Where the example of an index (from 0) comes from, for messages.
        labels: Classes that are there in any case, as with an empty folder.
        zero_shot: Allow classes without examples.

    Raises:
        UsageError: There are fewer than two classes, a class has no examples, or two labels differ only in
            upper and lower case or in spaces.
    """
    spellings: dict[str, tuple[str, str]] = {
        _folded(label): (label, f"the folder {label}") for label in labels
    }
    counts = dict.fromkeys(labels, 0)
    labelled: list[Example] = []
    unlabelled: list[Item] = []
    for index, example in enumerate(examples):
        if example.label is None:
            unlabelled.append(example.item)
            continue
        label = example.label
        if label not in counts:
            counts[label] = 0
            other, first = spellings.setdefault(_folded(label), (label, where(index)))
            if other != label:
                raise UsageError(
                    f"{source}: the labels {other!r} ({first}) and {label!r} ({where(index)}) differ only in "
                    "upper and lower case or spaces: spell them alike, or rename one"
                )
        counts[label] += 1
        labelled.append(example)
    classes = tuple(sorted(counts))
    _check(classes, counts, source, zero_shot)
    place = {label: index for index, label in enumerate(classes)}
    targets = np.array([place[str(example.label)] for example in labelled], np.int64)
    return Examples(
        [example.item for example in labelled],
        classes,
        targets,
        _grouped([example.group for example in labelled]),
        unlabelled,
        source,
    )


def _check(classes: Sequence[str], counts: dict[str, int], source: str, zero_shot: bool) -> None:
    if not classes:
        raise UsageError(f"{source}: no example has a label")
    if len(classes) == 1:
        raise UsageError(
            f"{source}: all examples are {classes[0]!r}: a second class is needed, such as examples of what "
            "is not that"
        )
    if not zero_shot and (empty := [label for label in classes if not counts[label]]):
        raise UsageError(f"{source}: no examples of {', '.join(empty)}")


def _folded(label: str) -> str:
    return " ".join(label.casefold().split())


def _grouped(groups: Sequence[str | None]) -> NDArray[np.int64] | None:
    if all(group is None for group in groups):
        return None
    number: dict[str | None, int] = {}
    return np.array([number.setdefault(group, len(number)) for group in groups], np.int64)

"""What the numbers in label images are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from terralex.runtime.errors import InputError, UsageError


@dataclass(frozen=True, eq=False)
class ClassTable:
    """The classes of a sequence, and the numbers by which its files call them.

    Attributes:
        names: Of the classes by index; index 0 is "", which is ignored.
        indices: The index of each number that files may hold; numbers that are not in it are ignored.
    """

    names: tuple[str, ...]
    indices: Mapping[int, int]

    @classmethod
    def of(cls, names: Mapping[int, str]) -> ClassTable:
        """The table of numbered names: each distinct name is a class, in the order of its first number."""
        kept = {number: name for number, name in sorted(names.items()) if name}
        order = {name: index for index, name in enumerate(dict.fromkeys(kept.values()), 1)}
        return cls(("", *order), {number: order[name] for number, name in kept.items()})

    def __len__(self) -> int:
        """How many classes there are, the ignored one counted."""
        return len(self.names)

    def without(self, ignored: Iterable[str]) -> ClassTable:
        """This table less some classes, whose numbers are then ignored; the others keep their order."""
        left_out = {"", *ignored}
        order = {name: i for i, name in enumerate((n for n in self.names if n not in left_out), 1)}
        kept = {number: order.get(self.names[index], 0) for number, index in self.indices.items()}
        return ClassTable(("", *order), {number: index for number, index in kept.items() if index})

    def index(self, numbers: NDArray[np.integer]) -> NDArray[np.int32]:
        """The class of each number; 0, ignored, where the table does not hold it.

        Args:
            numbers: Of any shape.
        """
        found, inverse = np.unique(numbers, return_inverse=True)
        lookup = np.array([self.indices.get(int(number), 0) for number in found], np.int32)
        return lookup[inverse].reshape(numbers.shape)


@cache
def nyu40() -> tuple[str, ...]:
    """The names of the 40 classes of NYU Depth v2, of which the first has the number 1."""
    text = (files("terralex.mapping.frames") / "data" / "nyu40.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text))


def read_class_list(path: Path) -> ClassTable:
    """The classes that a text file names, one a line; the first line's number is 1.

    Raises:
        UsageError: The file cannot be read, or a name comes twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the names of classes in {path}: {error}") from error
    names = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    if not names:
        raise UsageError(f"{path}: names no class; it should have a line for each")
    if twice := next((name for name in names.values() if list(names.values()).count(name) > 1), None):
        raise UsageError(f"{path}: names {twice!r} twice")
    return ClassTable.of(names)


def checked_names(rows: Iterable[tuple[object, object]], path: Path) -> ClassTable:
    """The table of numbers and names found in a file.

    Raises:
        InputError: One is no whole number, or a name is no text.
    """
    names: dict[int, str] = {}
    for number, name in rows:
        try:
            names[int(str(number))] = str(name).strip()
        except ValueError as error:
            raise InputError(f"{path}: {number!r} is no number of a class") from error
    return ClassTable.of(names)

"""One part of TreeOfLife-10M at a time to small JPEGs, and a record of it once it is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from terralex.runtime.errors import InputError, TerralexError
from terralex.training.treeoflife.parts import Found, Part, find_pictures
from terralex.training.treeoflife.pictures import to_jpeg
from terralex.training.treeoflife.plan import Plan
from terralex.training.treeoflife.workshop import Workshop

Tick = Callable[[int, int], None]
"""Told how many further pictures are done, and how many could not be read."""


@dataclass(frozen=True)
class Outcome:
    """What came of a part.

    Attributes:
        names: Of the pictures made, as in the plan.
        errors: Path and reason of what could not be read.
    """

    names: list[str]
    errors: list[tuple[str, str]]

    @classmethod
    def load(cls, path: Path) -> Outcome:
        """Read a record.

        Raises:
            TerralexError: It is damaged.
        """
        try:
            content = json.loads(path.read_bytes())
            return cls(content["names"], [(where, why) for where, why in content["errors"]])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TerralexError(f"cannot read {path} ({error}): remove it and go on with --resume") from None


def convert_part(shop: Workshop, part: Part, tick: Tick) -> None:
    """Make the pictures of a part that are not there yet, and its record.

    Raises:
        TerralexError: Something cannot be written.
    """
    names, errors = list[str](), list[tuple[str, str]]()
    with Plan(shop.plan) as plan:
        try:
            for found in find_pictures(shop.source, part, plan):
                try:
                    _make(shop, found)
                    names.append(found.wanted.name)
                    tick(1, 0)
                except InputError as error:
                    errors.append((found.path, _reason(error, found.path)))
                    tick(1, 1)
        except InputError as error:
            errors.append((part.path, _reason(error, part.path)))
            tick(0, 1)
    with shop.draft(shop.record(part)) as draft:
        draft.write_text(json.dumps({"names": names, "errors": errors}), "utf-8")


def _make(shop: Workshop, found: Found) -> None:
    path = shop.picture(found.wanted)
    if path.exists():  # whole, as it came in one step: made before the run was cut short
        return
    try:
        content = found.read()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from None
    picture = to_jpeg(content, shop.size, found.path)
    with shop.draft(path) as draft:
        draft.write_bytes(picture)


def _reason(error: InputError, path: str) -> str:
    return str(error).removeprefix(f"{path}: ")

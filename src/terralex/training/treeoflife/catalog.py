"""What TreeOfLife-10M says about its pictures: names by key, identifiers, splits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terralex.runtime.errors import UsageError
from terralex.taxonomy import RANKS, bioclip_names

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\_]")
_LONGEST = 250  # bytes of a folder's name; file systems take 255


@dataclass(frozen=True)
class Collection:
    """One of the three data sets that TreeOfLife-10M is made of.

    Attributes:
        label: As it is called in `image_metadata.csv`.
        folder: Where its pictures are, below the source.
        lookup: Its names, below the source.
        key: Turns a key of the lookup into a value of the column it is found by.
        columns: Of its table in `mapping.sqlite`: the key of its name, the part, the name of the file.
    """

    label: str
    folder: str
    lookup: str
    table: str
    key: Callable[[str], int | str]
    columns: tuple[str, str, str]


COLLECTIONS = (
    # Members of the archives are called by their identifier, and may stand in any archive.
    Collection(
        "EOL",
        "dataset/eol",
        "metadata/naming/eol_name_lookup.json",
        "eol",
        int,
        ("page_id", "0", "evobio10m_id"),
    ),
    Collection(
        "BIOSCAN",
        "dataset/bioscan",
        "metadata/naming/bioscan_name_lookup.json",
        "bioscan",
        str,
        ("evobio10m_id", "part", "filename"),
    ),
    Collection(
        "iNat21",
        "dataset/inat21/train",
        "metadata/naming/inat21_name_lookup.json",
        "inat21",
        int,
        ("cls_num", "cls_num", "filename"),
    ),
)

MAPPING = "metadata/mapping.sqlite"


@dataclass(frozen=True)
class Naming:
    """The names of a collection.

    Attributes:
        keys: Each key of its lookup that has all seven names.
        lineages: The names of each.
        common: The common name of each, "" where there is none.
    """

    keys: list[int | str]
    lineages: list[tuple[str, ...]]
    common: list[str]


def read_naming(source: Path) -> dict[str, Naming]:
    """The names of each collection whose lookup is there, by its label; capitals and spaces put right.

    Raises:
        UsageError: A lookup is damaged, or one is missing whose pictures are there.
    """
    found = {}
    known: dict[tuple[str, ...], tuple[str, ...]] = {}  # one object for each lineage, however many keys
    for collection in COLLECTIONS:
        path = source / collection.lookup
        if path.is_file():
            found[collection.label] = _read_lookup(path, collection, known)
        elif (source / collection.folder).is_dir():
            raise UsageError(f"{path} is missing: it has the names of the pictures in {collection.folder}")
    return found


def _read_lookup(path: Path, collection: Collection, known: dict[tuple[str, ...], tuple[str, ...]]) -> Naming:
    naming = Naming([], [], [])
    for key, value in _read_json(path):
        try:
            names, common, *_ = value
            raw = tuple(name or "" for name in names)
            if raw not in known:
                known[raw] = bioclip_names(raw)
            number = collection.key(key)
        except (TypeError, ValueError, AttributeError):
            raise UsageError(f"{path}: the entry {key!r} is not [[seven names], common name, ...]") from None
        if all(known[raw]):
            naming.keys.append(number)
            naming.lineages.append(known[raw])
            naming.common.append(" ".join((common or "").split()))
    return naming


def _read_json(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is damaged: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} is no lookup of names: expected {{key: [[seven names], common, ...]}}")
    yield from content.items()


def number_species(namings: dict[str, Naming]) -> dict[tuple[str, ...], int]:
    """A number, from 1, for every species of the catalogue: its place among all in alphabetical order.

    So it depends on the catalogue alone, neither on the split nor on the order of work.
    """
    return {
        lineage: number
        for number, lineage in enumerate(
            sorted({lineage for naming in namings.values() for lineage in naming.lineages}), start=1
        )
    }


def folder_name(number: int, lineage: Sequence[str]) -> str:
    """`NNNNNN_Kingdom_..._Genus_epithet`, with `-` for what cannot stand in a name or would split it."""
    assert len(lineage) == len(RANKS)
    name = "_".join((f"{number:06d}", *(_UNSAFE.sub("-", part) for part in lineage)))
    return name.encode()[:_LONGEST].decode(errors="ignore").rstrip()

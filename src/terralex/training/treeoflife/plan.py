"""What a conversion is to make: every picture of a split with its place and names, in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from terralex.runtime.errors import UsageError
from terralex.runtime.files import cannot_write
from terralex.taxonomy import RANKS
from terralex.training.treeoflife.catalog import (
    COLLECTIONS,
    MAPPING,
    Collection,
    Naming,
    folder_name,
    number_species,
    read_naming,
)
from terralex.training.treeoflife.exclusion import Exclusion

SPLITS = {"train": "is_val = 0", "val": "is_val = 1", "train_small": "is_val = 0 AND is_train_small = 1"}
"""The splits, and how `mapping.sqlite` marks them."""

_RANKS = ", ".join(f'"{rank}" TEXT' for rank in RANKS)
_SCHEMA = f"""
CREATE TABLE species (number INTEGER PRIMARY KEY, folder TEXT, {_RANKS});
CREATE TABLE common (number INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE wanted (
    label TEXT, part INTEGER, name TEXT, id TEXT, species INTEGER, common INTEGER,
    PRIMARY KEY (label, part, name)
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER);
"""
_WANTED = "SELECT name, id, folder FROM wanted JOIN species ON number = wanted.species"


class Wanted(NamedTuple):
    """A picture to make.

    Attributes:
        name: Its file's name in its part; of an archive's member, its identifier.
        id: Its identifier in TreeOfLife-10M, a safe name for a file.
        folder: The name of its species' folder.
    """

    name: str
    id: str
    folder: str


@dataclass(frozen=True)
class Facts:
    """What a plan comes to.

    Attributes:
        pictures: How many are to be made.
        species: How many species the whole catalogue has.
        rare_species: How many of them are kept out.
        rare_pictures: How many pictures of the split are kept out by their name.
    """

    pictures: int
    species: int
    rare_species: int
    rare_pictures: int


def make_plan(path: Path, source: Path, split: str, exclusion: Exclusion) -> None:
    """Write the plan of a split to a file, in one step as seen from outside.

    Raises:
        UsageError: The catalogue is missing, incomplete or damaged, or has no picture for the split.
        TerralexError: The file cannot be written.
    """
    namings = read_naming(source)
    present = [collection for collection in COLLECTIONS if (source / collection.folder).is_dir()]
    draft = path.with_name(path.name + ".tmp")
    draft.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(draft.absolute().as_uri(), uri=True, isolation_level=None)) as plan:
            plan.execute("PRAGMA journal_mode = OFF")  # a draft that is cut short is made anew
            plan.execute("PRAGMA synchronous = OFF")
            plan.executescript(_SCHEMA)
            _attach_mapping(plan, source / MAPPING, present)
            _fill(plan, present, namings, split, exclusion)
            _check(plan, source, split)
        draft.replace(path)
    except (sqlite3.Error, OSError) as error:
        raise cannot_write(path, error if isinstance(error, OSError) else OSError(str(error))) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _attach_mapping(plan: sqlite3.Connection, path: Path, present: Sequence[Collection]) -> None:
    """Open the mapping for reading alone, and see that its tables are as expected."""
    if not path.is_file():
        raise UsageError(f"{path} is missing: it says which picture is which, and in which split")
    # Immutable: it may stand where nothing can be written. With changes that wait in a log, it is not.
    changing = path.with_name(path.name + "-wal").exists()
    address = path.absolute().as_uri() + ("?mode=ro" if changing else "?mode=ro&immutable=1")
    try:
        plan.execute("ATTACH ? AS mapping", (address,))
        for collection in present:
            columns = ", ".join((*collection.columns, "evobio10m_id"))
            plan.execute(f"SELECT {columns} FROM mapping.{collection.table} LIMIT 1").fetchone()
        plan.execute("SELECT evobio10m_id, is_val, is_train_small FROM mapping.split LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise UsageError(f"{path} is damaged or no mapping of TreeOfLife-10M: {error}") from None


def _fill(
    plan: sqlite3.Connection,
    present: Sequence[Collection],
    namings: dict[str, Naming],
    split: str,
    exclusion: Exclusion,
) -> None:
    numbers = number_species(namings)
    rare = {number for lineage, number in numbers.items() if exclusion.has(lineage)}
    common: dict[str, int] = {}
    kept_out = 0
    plan.execute("BEGIN")
    marks = ", ".join("?" * (2 + len(RANKS)))
    rows = ((number, folder_name(number, lineage), *lineage) for lineage, number in numbers.items())
    plan.executemany(f"INSERT INTO species VALUES ({marks})", rows)
    for collection in present:
        naming = namings[collection.label]
        entries = zip(naming.keys, naming.lineages, naming.common, strict=True)
        known = ((key, numbers[names], common.setdefault(word, len(common))) for key, names, word in entries)
        plan.execute("CREATE TEMP TABLE naming (key PRIMARY KEY, species, common) WITHOUT ROWID")
        plan.executemany("INSERT INTO naming VALUES (?, ?, ?)", (row for row in known if row[1] not in rare))
        _add_pictures(plan, collection, split)
        kept_out += _remove_pictures(plan, collection, exclusion)
        plan.execute("DROP TABLE naming")
    plan.executemany("INSERT INTO common VALUES (?, ?)", ((number, word) for word, number in common.items()))
    (pictures,) = plan.execute("SELECT COUNT(*) FROM wanted").fetchone()
    facts = Facts(pictures, len(numbers), len(rare), kept_out)
    plan.executemany("INSERT INTO facts VALUES (?, ?)", asdict(facts).items())
    plan.execute("COMMIT")


def _add_pictures(plan: sqlite3.Connection, collection: Collection, split: str) -> None:
    key, part, name = collection.columns
    plan.execute(
        f"""INSERT OR IGNORE INTO wanted
        SELECT '{collection.label}', {part} AS part, {name} AS name, evobio10m_id, species, common
        FROM mapping.{collection.table} JOIN mapping.split USING (evobio10m_id)
        JOIN naming ON naming.key = {key}
        WHERE {SPLITS[split]} ORDER BY part, name, evobio10m_id"""
    )


def _remove_pictures(plan: sqlite3.Connection, collection: Collection, exclusion: Exclusion) -> int:
    """Take out the pictures that are kept out by name; how many they are."""
    plan.execute("CREATE TEMP TABLE banned (id PRIMARY KEY) WITHOUT ROWID")
    plan.executemany("INSERT OR IGNORE INTO banned VALUES (?)", ((name,) for name in exclusion.pictures))
    if collection.table == "eol":
        plan.execute("CREATE TEMP TABLE contents (content, page, PRIMARY KEY (content, page)) WITHOUT ROWID")
        plan.executemany("INSERT OR IGNORE INTO contents VALUES (?, ?)", exclusion.eol_contents)
        plan.execute(
            """INSERT OR IGNORE INTO banned SELECT evobio10m_id FROM mapping.eol
            JOIN contents ON content = content_id AND page = page_id"""
        )
        plan.execute("DROP TABLE contents")
    stem = "CASE instr(name, '.') WHEN 0 THEN name ELSE substr(name, 1, instr(name, '.') - 1) END"
    removed = plan.execute(
        f"""DELETE FROM wanted WHERE label = ?
        AND (id IN (SELECT id FROM banned) OR {stem} IN (SELECT id FROM banned))""",
        (collection.label,),
    ).rowcount
    plan.execute("DROP TABLE banned")
    return removed


def _check(plan: sqlite3.Connection, source: Path, split: str) -> None:
    if not plan.execute("SELECT 1 FROM wanted LIMIT 1").fetchone():
        raise UsageError(f"{source / MAPPING} lists no picture of the split {split} that has all seven names")
    bad = plan.execute("SELECT id FROM wanted WHERE id GLOB '*[^0-9A-Za-z-]*' OR id = '' LIMIT 1").fetchone()
    if bad:  # identifiers become names of files
        raise UsageError(f"{source / MAPPING}: {bad[0]!r} is no identifier of a picture")


class Plan:
    """A finished plan, open for reading by as many processes as like. A `with` block closes it."""

    def __init__(self, path: Path) -> None:
        """Open it."""
        self._database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)

    def __enter__(self) -> Plan:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    def facts(self) -> Facts:
        """What it comes to."""
        return Facts(**dict(self._database.execute("SELECT name, value FROM facts")))

    def part(self, label: str, number: int) -> dict[str, Wanted]:
        """The pictures to make of a part, by the names of their files."""
        rows = self._database.execute(f"{_WANTED} WHERE label = ? AND part = ?", (label, number))
        return {row[0]: Wanted(*row) for row in rows}

    def find(self, label: str, name: str) -> Wanted | None:
        """The picture of a collection in one part that has this name, None if it is not to be made."""
        row = self._database.execute(f"{_WANTED} WHERE label = ? AND part = 0 AND name = ?", (label, name))
        found = row.fetchone()
        return Wanted(*found) if found else None

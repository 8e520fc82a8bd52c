"""From the records of all parts to the tables of a split, in an order that depends on what was made alone."""

from __future__ import annotations

import csv
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from terralex.runtime.files import cannot_write
from terralex.taxonomy import RANKS, scientific_name
from terralex.training.treeoflife.convert import Outcome
from terralex.training.treeoflife.metadata import COLUMNS, METADATA
from terralex.training.treeoflife.parts import Part
from terralex.training.treeoflife.workshop import Workshop

ERRORS = "errors.csv"
"""The table of what could not be read; absent if everything could."""

_MADE = """
CREATE TABLE made (place INTEGER, id TEXT, label TEXT, species INTEGER, common INTEGER,
    PRIMARY KEY (place, id)) WITHOUT ROWID
"""
_RANKS = ", ".join(f'species."{rank}"' for rank in RANKS)


class Made(NamedTuple):
    """A picture that was made.

    Attributes:
        id: Its identifier.
        label: Its collection.
        folder: The name of its species' folder.
        common: Its common name, "" where there is none.
        lineage: Its seven names.
    """

    id: str
    label: str
    folder: str
    common: str
    lineage: tuple[str, ...]


class Results:
    """What all parts came to, in a file that is made anew from their records each time."""

    def __init__(self, shop: Workshop, parts: Sequence[Part]) -> None:
        """Gather the records.

        Raises:
            TerralexError: The file cannot be written, or a record is damaged.
        """
        self.errors: list[tuple[str, str]] = []
        path = shop.folder / "made.sqlite"
        try:
            path.unlink(missing_ok=True)
            self._database = sqlite3.connect(path.absolute().as_uri(), uri=True, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = OFF")
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.execute(_MADE)
            self._database.execute("ATTACH ? AS plan", (f"{shop.plan.absolute().as_uri()}?mode=ro",))
            self._database.create_function("scatter", 1, _scatter, deterministic=True)
            self._database.execute("BEGIN")
            for part in parts:
                outcome = Outcome.load(shop.record(part))
                self.errors += outcome.errors
                self._add(part, outcome.names, "scatter(id)" if shop.sharded else "species")
            self._database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise cannot_write(path, _as_os_error(error), "put that right and go on with --resume") from None
        self.errors.sort()

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT COUNT(*) FROM made").fetchone()[0]
        return count

    def __iter__(self) -> Iterator[Made]:
        """The pictures: species by species for folders; scattered for shards, so that each has of all."""
        rows = self._database.execute(
            f"""SELECT id, label, folder, name, {_RANKS} FROM made
            JOIN plan.species ON species.number = made.species
            JOIN plan.common ON common.number = made.common ORDER BY place, id"""
        )
        for identifier, label, folder, common, *lineage in rows:
            yield Made(identifier, label, folder, common, tuple(lineage))

    @property
    def species(self) -> int:
        """How many species the pictures show."""
        count: int = self._database.execute("SELECT COUNT(DISTINCT species) FROM made").fetchone()[0]
        return count

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _add(self, part: Part, names: Iterable[str], place: str) -> None:
        self._database.executemany(
            f"""INSERT OR IGNORE INTO made SELECT {place}, id, label, species, common FROM plan.wanted
            WHERE label = ? AND part = ? AND name = ?""",
            ((part.label, part.number, name) for name in names),
        )


def gather(shop: Workshop, parts: Sequence[Part]) -> closing[Results]:
    """The results, closed at the end of a `with` block."""
    return closing(Results(shop, parts))


def write_tables(shop: Workshop, results: Results) -> None:
    """Write `image_metadata.csv` for folders, and `errors.csv` if there were errors.

    Raises:
        TerralexError: They cannot be written.
    """
    if not shop.sharded:
        _write_csv(shop, METADATA, COLUMNS, map(_row, results))
    if results.errors:
        _write_csv(shop, ERRORS, ("path", "reason"), results.errors)


def _row(made: Made) -> tuple[str, ...]:
    file = f"{made.id}.jpg"
    scientific = scientific_name(*made.lineage[-2:])
    path = f"{made.folder}/{file}"
    return (made.id, made.folder, file, made.label, path, scientific, made.common, *made.lineage)


def _write_csv(shop: Workshop, name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table in one step."""
    with shop.draft(shop.output / name) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _scatter(identifier: str) -> int:
    """A place for a picture that has nothing to do with what it shows."""
    return int.from_bytes(hashlib.blake2b(identifier.encode(), digest_size=8).digest()) >> 1


def _as_os_error(error: Exception) -> OSError:
    return error if isinstance(error, OSError) else OSError(str(error))

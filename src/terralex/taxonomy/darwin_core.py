"""Darwin Core tables of taxa: what the columns are, what each row names, and which of the two forms it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import Table
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.rank_tables import COMMON_COLUMNS, rank_columns
from terralex.taxonomy.report import Tally
from terralex.taxonomy.scientific import normalised_epithet, parse_scientific, scientific_name
from terralex.taxonomy.status import Statuses

# Our name for a column, and what it may be called, folded; the first that is there is taken.
_COLUMNS = {
    "id": ("taxonid", "id"),
    "parent": ("parentnameusageid", "parentid"),
    "accepted id": ("acceptednameusageid",),
    "accepted name": ("acceptedscientificname",),
    "rank": ("taxonrank", "rank"),
    "name": ("canonicalname", "scientificname", "name"),
    "authorship": ("scientificnameauthorship", "authorship"),
    "epithet": ("specificepithet",),
    "infraspecific": ("infraspecificepithet",),
    "common": COMMON_COLUMNS,
}
_SPECIES_RANKS = {"species", "nothospecies", "hybrid", "sp", "sp."}
INFRASPECIFIC_RANKS = {
    *("subspecies", "nothosubspecies", "variety", "nothovariety", "subvariety", "form", "forma", "subform"),
    *("subsp", "subsp.", "ssp", "ssp.", "var", "var.", "f", "f.", "fo."),
}
_EXAMPLES = 3  # lines that an error names


def is_darwin_core(table: Table) -> bool:
    """Whether a table has names of taxa of any rank, or of species in one piece."""
    if table.find(*_COLUMNS["name"]) is None:
        return False
    if table.find("taxonrank", *_COLUMNS["parent"]):
        return True
    return table.find("scientificname") is not None and "species" not in rank_columns(table)


class Columns(NamedTuple):
    """The columns of a table that are read.

    Attributes:
        by_key: Those of `_COLUMNS` that it has.
        higher: Those of ranks.
        wanted: All of them, each once.
    """

    by_key: dict[str, str]
    higher: dict[str, str]
    wanted: list[str]


def find_columns(table: Table, ranks: Sequence[str], statuses: Statuses) -> Columns:
    """The columns of a Darwin Core table.

    Raises:
        UsageError: It has no column of names.
    """
    by_key = {key: name for key, names in _COLUMNS.items() if (name := table.find(*names))}
    if "name" not in by_key:
        raise UsageError(f"{table.path} has no column scientificName; it has {', '.join(table.columns)}")
    if statuses.column is not None:
        by_key["status"] = statuses.column
    higher = rank_columns(table, ranks)
    # In GBIF's occurrences the species is the accepted one; the epithet is that of the name in the record.
    if "species" in higher and (species := table.find("species")):
        higher["species"] = species
    return Columns(by_key, higher, list(dict.fromkeys([*by_key.values(), *higher.values()])))


class Rows:
    """Some rows of a table by our names of columns, "" where missing."""

    def __init__(self, columns: Columns, batch: Sequence[pa.Array]) -> None:
        self._arrays = dict(zip(columns.wanted, batch, strict=True))
        self._columns = columns
        self.size = len(batch[0])

    def array(self, key: str) -> pa.StringArray:
        """A column; all "" if the table has none."""
        return self._trimmed(self._columns.by_key.get(key))

    def rank(self, rank: str) -> pa.StringArray:
        """The column of a rank; all "" if the table has none."""
        return self._trimmed(self._columns.higher.get(rank))

    def _trimmed(self, column: str | None) -> pa.StringArray:
        if column is None:
            return pa.array([""] * self.size, pa.string())
        return pc.utf8_trim_whitespace(pc.fill_null(self._arrays[column], ""))

    def accepted(self, statuses: Statuses, tally: Tally) -> NDArray[np.bool_]:
        """Bool (n,): whether each row is an accepted taxon; the others are counted.

        GBIF gives the accepted name of an occurrence, and its columns of ranks are those of this name: such
        a row is used.
        """
        is_resolved = pc.not_equal(self.array("accepted name"), "")
        listed = pc.if_else(is_resolved, "", self.array("status"))
        accepted = statuses.accepted(listed)
        if "id" in self._columns.by_key:
            target = self.array("accepted id")
            points_elsewhere = pc.and_(pc.not_equal(target, ""), pc.not_equal(target, self.array("id")))
            points_elsewhere = pc.and_not(points_elsewhere, is_resolved)
            others: NDArray[np.bool_] = points_elsewhere.to_numpy(zero_copy_only=False) & accepted
            if others.any():
                tally.dropped["with another taxon as the accepted one"] += int(others.sum())
            accepted &= ~others
        return accepted


class RowName(NamedTuple):
    """The name that a row itself has.

    Attributes:
        rank: Its rank: "species" for all at and below it, "" where unknown.
        own: The name at this rank: an epithet for a species.
        genus: The genus that the name of a species begins with.
        is_open: It names a species but leaves open which one ("Canis sp.").
        capitalised: The epithet is written with a capital.
    """

    rank: str
    own: str
    genus: str
    is_open: bool = False
    capitalised: bool = False


def row_names(rows: Rows) -> list[RowName]:
    """The own names of some rows."""
    keys = ("rank", "name", "authorship", "epithet", "infraspecific")
    columns = [rows.array(key).to_pylist() for key in keys]
    accepted, species = rows.array("accepted name").to_pylist(), rows.rank("species").to_pylist()
    return [
        _row_name(rank.casefold(), resolved or name, authorship, epithet, infraspecific, cell)
        for rank, name, authorship, epithet, infraspecific, resolved, cell in zip(
            *columns, accepted, species, strict=True
        )
    ]


def _row_name(
    rank: str, name: str, authorship: str, epithet: str, infraspecific: str, species: str
) -> RowName:
    parsed = parse_scientific(name, authorship)
    is_infraspecific = rank in INFRASPECIFIC_RANKS
    if rank and rank not in _SPECIES_RANKS and not is_infraspecific:
        return RowName(rank, parsed.genus, "")
    own, genus = parsed.epithet, parsed.genus
    if species and not (is_infraspecific and not infraspecific):  # a column of species outranks parsing
        own, genus = species, ""
        if is_infraspecific:
            own = scientific_name(parse_scientific(species).epithet or species, infraspecific)
    elif epithet:
        own = normalised_epithet(
            scientific_name(epithet, infraspecific if is_infraspecific or not rank else "")
        )
    if own:
        return RowName("species", own, genus, capitalised=parsed.capitalised and own == parsed.epithet)
    return RowName(rank and "species", "" if rank else genus, genus, is_open=parsed.is_open)


def refuse_nameless_species(
    table: Table, first: int, names: Sequence[RowName], accepted: NDArray[np.bool_]
) -> None:
    """See that each accepted row of the rank species names one, or leaves it open.

    Raises:
        UsageError: Rows do not; the first of them are shown.
    """
    lost = [
        row
        for row, name in enumerate(names)
        if name.rank == "species" and not name.own and not name.is_open and accepted[row]
    ]
    if lost:
        lines = "; ".join(table.where(first + row) for row in lost[:_EXAMPLES])
        more = f" and {len(lost) - _EXAMPLES} more" if len(lost) > _EXAMPLES else ""
        raise UsageError(
            f"{lines}{more}: the rank is species, but no epithet can be read from the name: "
            "correct the name, fill the column specificEpithet, or correct the rank"
        )


def note_names(names: Sequence[RowName], accepted: NDArray[np.bool_], tally: Tally) -> None:
    """Count the names that were left open, and those that may have an author for an epithet."""
    for name, used in zip(names, accepted.tolist(), strict=True):
        if used and name.is_open:
            tally.count("with an open name ('sp.', 'cf.') end at the genus", name.genus)
        if used and name.capitalised:
            tally.count("with a capitalised epithet are read as species", f"{name.genus} {name.own}")


def present_ranks(table: Table, columns: Columns) -> list[str]:
    """The Linnaean ranks that have a column or are the rank of some row."""
    present = set(columns.higher)
    rank_column = columns.by_key.get("rank")
    for (ranks,) in table.batches([rank_column]) if rank_column else ():
        present.update(rank.strip().casefold() for rank in pc.unique(ranks.drop_null()).to_pylist())
    if rank_column is None or present & (_SPECIES_RANKS | INFRASPECIFIC_RANKS):
        present |= {"genus", "species"}
    return [rank for rank in RANKS if rank in present]


def checked_ranks(table: Table, ranks: Sequence[str]) -> tuple[str, ...]:
    """Ranks, of which there has to be at least one.

    Raises:
        UsageError: There is none.
    """
    if not ranks:
        raise UsageError(
            f"{table.path}: none of its ranks is one of {', '.join(RANKS)}; pass those to read as ranks"
        )
    return tuple(ranks)

"""Darwin Core tables of taxa: with the higher ranks as columns, or with a parent for each taxon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import Table
from terralex.taxonomy._views import drop_ancestors
from terralex.taxonomy.build import TaxonomyBuilder
from terralex.taxonomy.names import RANKS, scientific_name, split_scientific, tidy
from terralex.taxonomy.rank_tables import COMMON_COLUMNS, rank_columns
from terralex.taxonomy.taxonomy import Taxonomy

# Our name for a column, and what it may be called, folded; the first that is there is taken.
_COLUMNS = {
    "id": ("taxonid", "id"),
    "parent": ("parentnameusageid", "parentid"),
    "accepted": ("acceptednameusageid",),
    "status": ("taxonomicstatus",),
    "rank": ("taxonrank", "rank"),
    "name": ("canonicalname", "scientificname", "name"),
    "authorship": ("scientificnameauthorship",),
    "epithet": ("specificepithet",),
    "infraspecific": ("infraspecificepithet",),
    "common": COMMON_COLUMNS,
}
_OF_EPITHETS = {"species", "nothospecies", "hybrid", "subspecies", "variety", "subvariety", "form", "forma"}
_UNACCEPTED = r"(?i)synonym|misapplied"
_DEEPEST = 200  # steps from a taxon to its kingdom, after which its parents are taken to go round in a circle


def is_darwin_core(table: Table) -> bool:
    """Whether a table has names of taxa of any rank, or of species in one piece."""
    if table.find(*_COLUMNS["name"]) is None:
        return False
    if table.find("taxonrank", *_COLUMNS["parent"]):
        return True
    return table.find("scientificname") is not None and "species" not in rank_columns(table)


def read_darwin_core(table: Table, ranks: Sequence[str] | None = None) -> Taxonomy:
    """Read a Darwin Core table of taxa, a checklist or a list of occurrences.

    Synonyms are left out. A row of a higher taxon that has others below it heads a group and is no leaf; its
    common name is kept. Authors are taken off the names; a subspecies has an epithet of two words.

    Args:
        table: With `scientificName` (or `canonicalName`), and the higher ranks as columns or as
            `parentNameUsageID`; `taxonRank` says what a row is.
        ranks: By default the Linnaean ranks that occur.

    Raises:
        UsageError: A row has no name, a parent is not in the table, parents go round in a circle, or a column
            is missing.
    """
    columns = {key: name for key, names in _COLUMNS.items() if (name := table.find(*names))}
    higher = rank_columns(table, ranks or RANKS)
    if "name" not in columns:
        raise UsageError(f"{table.path} has no column scientificName; it has {', '.join(table.columns)}")
    wanted = list(dict.fromkeys([*columns.values(), *higher.values()]))
    if "parent" in columns and not higher.keys() - {"genus", "species"}:
        taxonomy = _read_tree(table, columns, wanted, ranks)
    else:
        taxonomy = _read_flat(table, columns, higher, wanted, ranks)
    if absent := [rank for rank in ranks or () if not any(names[-1] for names in taxonomy.lineages(rank))]:
        raise UsageError(f"{table.path} names no {' and no '.join(absent)}")
    return taxonomy


class _Chunk:
    """Some rows by our names of columns, "" where missing."""

    def __init__(self, columns: dict[str, str], wanted: Sequence[str], batch: Sequence[pa.Array]) -> None:
        self._arrays = dict(zip(wanted, batch, strict=True))
        self._columns = columns
        self.size = len(batch[0])

    def array(self, key: str) -> pa.StringArray:
        """A column; all "" if the table has none."""
        column = self._columns.get(key)
        if column is None:
            return pa.array([""] * self.size, pa.string())
        return pc.utf8_trim_whitespace(pc.fill_null(self._arrays[column], ""))

    def accepted(self) -> NDArray[np.bool_]:
        """Whether each row is a taxon, and no synonym of one: bool (n,)."""
        unaccepted = pc.match_substring_regex(self.array("status"), _UNACCEPTED)
        target = self.array("accepted")
        elsewhere = pc.and_(pc.not_equal(target, ""), pc.not_equal(target, self.array("id")))
        refused: NDArray[np.bool_] = pc.or_(unaccepted, elsewhere).to_numpy(zero_copy_only=False)
        return ~refused


class _Name(NamedTuple):
    """The rank and the name (a species' epithet) that a row itself has; the genus its name begins with."""

    rank: str
    own: str
    genus: str


def _row_names(chunk: _Chunk) -> list[_Name]:
    keys = ("rank", "name", "authorship", "epithet", "infraspecific")
    columns = (chunk.array(key).to_pylist() for key in keys)
    return [_row_name(*cells) for cells in zip(*columns, strict=True)]


def _row_name(rank: str, name: str, authorship: str, epithet: str, infraspecific: str) -> _Name:
    rank = rank.casefold()
    if rank and rank not in _OF_EPITHETS:
        return _Name(rank, split_scientific(name, authorship)[0] if name else "", "")
    genus, parsed = split_scientific(name, authorship) if name else ("", "")
    parsed = scientific_name(epithet, infraspecific) if epithet else parsed
    if parsed:
        return _Name("species", tidy(parsed), genus)
    return _Name("", genus, "")


def _read_flat(
    table: Table,
    columns: dict[str, str],
    higher: dict[str, str],
    wanted: Sequence[str],
    ranks: Sequence[str] | None,
) -> Taxonomy:
    """Each row has its higher ranks beside it."""
    kept = _kept_ranks(table, ranks or _flat_ranks(table, columns, higher))
    builder = TaxonomyBuilder(kept)
    for batch in table.batches(wanted):
        chunk = _Chunk(columns | {f"column {rank}": name for rank, name in higher.items()}, wanted, batch)
        lineages = _flat_lineages(chunk, kept)
        accepted = pa.array(chunk.accepted())
        names = [pa.array(names, pa.string()) for names in zip(*lineages, strict=True)]
        names = [pc.if_else(accepted, column, "") for column in names]
        seen = builder.rows
        nameless = builder.add(names, chunk.array("common"))
        if lost := [row for row in nameless.tolist() if accepted[row].as_py()]:
            advice = "fill scientificName or remove the line"
            raise UsageError(f"{table.place(seen + lost[0])}: no name at any rank; {advice}")
    return drop_ancestors(builder.finish(str(table.path)))


def _flat_ranks(table: Table, columns: dict[str, str], higher: dict[str, str]) -> list[str]:
    """The Linnaean ranks that have a column or are the rank of some row."""
    present = set(higher)
    for (ranks,) in table.batches([columns["rank"]]) if "rank" in columns else ():
        present.update(rank.casefold() for rank in pc.unique(ranks.drop_null()).to_pylist())
    if "rank" not in columns or present & _OF_EPITHETS:
        present |= {"genus", "species"}
    return [rank for rank in RANKS if rank in present]


def _kept_ranks(table: Table, ranks: Sequence[str]) -> tuple[str, ...]:
    if not ranks:
        raise UsageError(
            f"{table.path}: none of its ranks is one of {', '.join(RANKS)}; say as ranks which are to be read"
        )
    return tuple(ranks)


def _flat_lineages(chunk: _Chunk, ranks: tuple[str, ...]) -> list[list[str]]:
    """The names of each row at each rank: its columns down to its own rank, and its own name there."""
    given = list(zip(*(chunk.array(f"column {rank}").to_pylist() for rank in ranks), strict=True))
    lineages = []
    for name, cells in zip(_row_names(chunk), given, strict=True):
        lineage = list(cells)
        if name.rank in ranks:
            place = ranks.index(name.rank)
            lineage[place] = name.own or lineage[place]
            lineage[place + 1 :] = [""] * (len(ranks) - place - 1)
            if name.rank == "species" and "genus" in ranks:
                lineage[ranks.index("genus")] = lineage[ranks.index("genus")] or name.genus
        elif name.own and not any(lineage) and "genus" in ranks:
            lineage[ranks.index("genus")] = name.own
        lineages.append(lineage)
    return lineages


def _read_tree(
    table: Table, columns: dict[str, str], wanted: Sequence[str], ranks: Sequence[str] | None
) -> Taxonomy:
    """Each row has its parent's identifier."""
    for key in ("id", "parent"):
        if key not in columns:
            raise UsageError(f"{table.path} has parents but no column taxonID to find them by")
    rows = _tree_rows(table, columns, wanted)
    above = _parent_rows(table, rows.ids, rows.parents)
    if "rank" in columns:
        present = pc.unique(rows.rank).to_pylist()
        kept = _kept_ranks(table, ranks or [rank for rank in RANKS if rank in present])
        level = pc.fill_null(pc.index_in(rows.rank, value_set=pa.array(kept, pa.string())), -1).to_numpy()
    else:
        level = _depths(table, above)
        kept = tuple(ranks or (f"level {number + 1}" for number in range(int(level.max()) + 1)))
    named_by = _climb(table, above, level, len(kept))
    named_by[~rows.accepted] = -1
    with_none = pa.concat_arrays([rows.own, pa.array([""])])  # the last one is where -1 leads
    builder = TaxonomyBuilder(kept)
    builder.add([with_none.take(pa.array(column % len(with_none))) for column in named_by.T], rows.common)
    return drop_ancestors(builder.finish(str(table.path)))


class _TreeRows(NamedTuple):
    """The columns of a table with parents; `own` and `rank` are the parts of `_Name`."""

    ids: pa.StringArray
    parents: pa.StringArray
    common: pa.StringArray
    rank: pa.StringArray
    own: pa.StringArray
    accepted: NDArray[np.bool_]


def _tree_rows(table: Table, columns: dict[str, str], wanted: Sequence[str]) -> _TreeRows:
    parts = []
    for batch in table.batches(wanted):
        chunk = _Chunk(columns, wanted, batch)
        if "rank" in columns:
            names = _row_names(chunk)
            rank, own = (pa.array([name[part] for name in names], pa.string()) for part in (0, 1))
        else:
            rank, own = chunk.array("rank"), chunk.array("name")
        given = (chunk.array(key) for key in ("id", "parent", "common"))
        parts.append(_TreeRows._make([*given, rank, own, chunk.accepted()]))
    if not parts:
        raise UsageError(f"{table.path} names no taxa")
    *texts, accepted = zip(*parts, strict=True)
    return _TreeRows._make([*map(pa.concat_arrays, texts), np.concatenate(accepted)])


def _parent_rows(table: Table, ids: pa.StringArray, parents: pa.StringArray) -> NDArray[np.int64]:
    """int64 (n,): the row of each row's parent; -1 for a taxon at the top."""
    twice = pc.value_counts(ids)
    if len(ids) != len(twice):
        again = next(entry["values"] for entry in twice.to_pylist() if entry["counts"] > 1)
        raise UsageError(f"{table.path} has the taxonID {again!r} twice: it has to be unique")
    found = pc.fill_null(pc.index_in(parents, value_set=ids), -1).to_numpy().astype(np.int64)
    top = pc.or_(pc.equal(parents, ""), pc.equal(parents, ids)).to_numpy(zero_copy_only=False)
    if len(lost := np.flatnonzero((found < 0) & ~top)):
        row = int(lost[0])
        raise UsageError(
            f"{table.place(row)}: its parent {parents[row].as_py()!r} is not in the table"
            f" ({len(lost)} rows are like this); add it, or leave the parent empty for a taxon at the top"
        )
    return np.where(top, -1, found)


def _depths(table: Table, above: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (n,): steps from each row to the top."""
    depth = np.zeros(len(above), np.int64)
    at = above.copy()
    for _ in range(_DEEPEST):
        if not (at >= 0).any():
            return depth
        depth += at >= 0
        at = np.where(at >= 0, above[at], -1)
    raise _circle(table, at)


def _climb(table: Table, above: NDArray[np.int64], level: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """int64 (n, count): the row, itself or an ancestor, that names each row at each rank; -1 where none."""
    rows = np.full((len(above), count), -1, np.int64)
    at = np.arange(len(above))
    for _ in range(_DEEPEST):
        going = np.flatnonzero(at >= 0)
        if not len(going):
            return rows
        here = at[going]
        new = (level[here] >= 0) & (rows[going, level[here]] < 0)
        rows[going[new], level[here[new]]] = here[new]
        at[going] = above[here]
    raise _circle(table, at)


def _circle(table: Table, at: NDArray[np.int64]) -> UsageError:
    place = table.place(int(at[at >= 0][0]))
    return UsageError(f"{place}: its parents lead back to itself; correct parentNameUsageID")

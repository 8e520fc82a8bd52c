"""Reading Darwin Core tables: with the higher ranks as columns, or with a parent for each taxon."""

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
from terralex.taxonomy.darwin_core import (
    Columns,
    RowName,
    Rows,
    checked_ranks,
    find_columns,
    note_names,
    present_ranks,
    refuse_nameless_species,
    row_names,
)
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.rank_tables import note_ignored
from terralex.taxonomy.report import Tally
from terralex.taxonomy.status import Statuses
from terralex.taxonomy.taxonomy import Taxonomy

_DEEPEST = 200  # steps from a taxon to its kingdom, after which its parents are taken to go round in a circle


def read_darwin_core(table: Table, ranks: Sequence[str] | None = None) -> Taxonomy:
    """Read a Darwin Core table of taxa, a checklist or a list of occurrences.

    Taxa that are not accepted are left out and counted. A row of a higher taxon that has others below it is
    no leaf; its common name is used. A column `species` counts before the epithets, and these before what
    can be read from `scientificName`; a subspecies has an epithet of two words.

    Args:
        table: With `scientificName` (or `canonicalName`), and the higher ranks as columns or as
            `parentNameUsageID`; `taxonRank` gives the rank of a row.
        ranks: By default the Linnaean ranks that occur.

    Raises:
        UsageError: A row has no name, or none of a species although that is its rank; a parent is not in the
            table, parents go round in a circle, or a column is missing.
    """
    statuses, tally = Statuses(table), Tally()
    columns = find_columns(table, ranks or RANKS, statuses)
    tally.notes += note_ignored(table, columns.wanted)
    if "parent" in columns.by_key and not columns.higher.keys() - {"genus", "species"}:
        taxonomy = _read_tree(table, columns, statuses, tally, ranks)
    else:
        taxonomy = _read_flat(table, columns, statuses, tally, ranks)
    if absent := [rank for rank in ranks or () if not any(names[-1] for names in taxonomy.lineages(rank))]:
        raise UsageError(f"{table.path} names no {' and no '.join(absent)}")
    return taxonomy


def _read_flat(
    table: Table, columns: Columns, statuses: Statuses, tally: Tally, ranks: Sequence[str] | None
) -> Taxonomy:
    """Each row has its higher ranks beside it."""
    used = checked_ranks(table, ranks or present_ranks(table, columns))
    builder = TaxonomyBuilder(used, tally)
    for batch in table.batches(columns.wanted):
        rows = Rows(columns, batch)
        names = row_names(rows)
        accepted = rows.accepted(statuses, tally)
        refuse_nameless_species(table, builder.rows, names, accepted)
        note_names(names, accepted, tally)
        cells = zip(*(rows.rank(rank).to_pylist() for rank in used), strict=True)
        lineages = [_flat_lineage(name, list(given), used) for name, given in zip(names, cells, strict=True)]
        arrays = [pa.array(column, pa.string()) for column in zip(*lineages, strict=True)]
        first = builder.rows
        nameless = builder.add(
            [pc.if_else(pa.array(accepted), column, "") for column in arrays], rows.array("common")
        )
        if lost := [row for row in nameless.tolist() if accepted[row]]:
            advice = "fill scientificName or remove the line"
            raise UsageError(f"{table.where(first + lost[0])}: no name at any rank; {advice}")
    statuses.put_into(tally)
    return drop_ancestors(builder.finish(str(table.path)))


def _flat_lineage(name: RowName, lineage: list[str], ranks: tuple[str, ...]) -> list[str]:
    """The names of a row at each rank: its columns down to its own rank, and its own name there."""
    if name.rank in ranks:
        index = ranks.index(name.rank)
        lineage[index] = name.own or ("" if name.rank == "species" else lineage[index])
        lineage[index + 1 :] = [""] * (len(ranks) - index - 1)
        if name.rank == "species" and "genus" in ranks:
            genus = ranks.index("genus")
            lineage[genus] = lineage[genus] or name.genus
    elif name.own and not any(lineage) and "genus" in ranks:
        lineage[ranks.index("genus")] = name.own
    return lineage


def _read_tree(
    table: Table, columns: Columns, statuses: Statuses, tally: Tally, ranks: Sequence[str] | None
) -> Taxonomy:
    """Each row has its parent's identifier."""
    for key in ("id", "parent"):
        if key not in columns.by_key:
            raise UsageError(f"{table.path} has parents but no column taxonID to find them by")
    has_ranks = "rank" in columns.by_key
    rows = _tree_rows(table, columns, statuses, tally, has_ranks)
    statuses.put_into(tally)
    above = _parent_rows(table, rows)
    if has_ranks:
        present = set(pc.unique(rows.rank).to_pylist())
        if "species" in present:
            present.add("genus")  # the names of species begin with it
        used = checked_ranks(table, ranks or [rank for rank in RANKS if rank in present])
        level = pc.fill_null(pc.index_in(rows.rank, value_set=pa.array(used, pa.string())), -1).to_numpy()
    else:
        level = _depths(table, above)
        used = tuple(ranks or (f"level {number + 1}" for number in range(int(level.max()) + 1)))
    # A synonym gives no name to what is below it, and is no leaf.
    named_by = _climb(table, above, np.where(rows.accepted, level, -1), len(used))
    named_by[~rows.accepted] = -1
    with_none = pa.concat_arrays([rows.own, pa.array([""])])  # the last one is what -1 stands for
    names = [with_none.take(pa.array(column % len(with_none))) for column in named_by.T]
    if "genus" in used and "species" in used:
        genus, species = names[used.index("genus")], names[used.index("species")]
        is_lost = pc.and_(pc.equal(genus, ""), pc.not_equal(species, ""))
        names[used.index("genus")] = pc.if_else(is_lost, rows.genus, genus)
    if unranked := int(((named_by < 0).all(axis=1) & rows.accepted).sum()):
        tally.dropped["without a name at these ranks"] += unranked
    builder = TaxonomyBuilder(used, tally)
    builder.add(names, rows.common)
    return drop_ancestors(builder.finish(str(table.path)))


class _TreeRows(NamedTuple):
    """The columns of a table with parents; `rank`, `own` and `genus` are those of `RowName`."""

    ids: pa.StringArray
    parents: pa.StringArray
    common: pa.StringArray
    rank: pa.StringArray
    own: pa.StringArray
    genus: pa.StringArray
    accepted: NDArray[np.bool_]


def _tree_rows(
    table: Table, columns: Columns, statuses: Statuses, tally: Tally, has_ranks: bool
) -> _TreeRows:
    parts = []
    first = 0
    for batch in table.batches(columns.wanted):
        rows = Rows(columns, batch)
        accepted = rows.accepted(statuses, tally)
        if has_ranks:
            names = row_names(rows)
            refuse_nameless_species(table, first, names, accepted)
            note_names(names, accepted, tally)
            own = [pa.array([name[part] for name in names], pa.string()) for part in range(3)]
        else:
            own = [rows.array("rank"), rows.array("name"), rows.array("rank")]
        given = (rows.array(key) for key in ("id", "parent", "common"))
        parts.append(_TreeRows._make([*given, *own, accepted]))
        first += rows.size
    if not parts:
        raise UsageError(f"{table.path} names no taxa")
    *texts, all_accepted = zip(*parts, strict=True)
    return _TreeRows._make([*map(pa.concat_arrays, texts), np.concatenate(all_accepted)])


def _parent_rows(table: Table, rows: _TreeRows) -> NDArray[np.int64]:
    """int64 (n,): the row of each row's parent; -1 for a taxon at the top."""
    counts = pc.value_counts(rows.ids)
    if len(rows.ids) != len(counts):
        repeated = next(entry["values"] for entry in counts.to_pylist() if entry["counts"] > 1)
        raise UsageError(f"{table.path} has the taxonID {repeated!r} twice: it has to be unique")
    above = pc.fill_null(pc.index_in(rows.parents, value_set=rows.ids), -1).to_numpy().astype(np.int64)
    top = pc.or_(pc.equal(rows.parents, ""), pc.equal(rows.parents, rows.ids)).to_numpy(zero_copy_only=False)
    if len(orphans := np.flatnonzero((above < 0) & ~top & rows.accepted)):
        row = int(orphans[0])
        raise UsageError(
            f"{table.where(row)}: its parent {rows.parents[row].as_py()!r} is not in the table"
            f" ({len(orphans)} rows are like this); add it, or leave the parent empty for a taxon at the top"
        )
    return np.where(top, -1, above)


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
    where = table.where(int(at[at >= 0][0]))
    return UsageError(f"{where}: its parents lead back to itself; correct parentNameUsageID")

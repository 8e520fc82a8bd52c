"""Tables with a column for each rank, and those with a column of chains "a => b => c"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import Table, folded, text_lines
from terralex.taxonomy.build import TaxonomyBuilder, make_taxonomy
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.status import Statuses
from terralex.taxonomy.taxonomy import Taxonomy

COMMON_COLUMNS = ("commonname", "common", "vernacularname")
"""What a column of common names may be called, folded."""

CHAIN_COLUMNS = ("captions", "positive", "chain", "chains", "lineage")
"""What a column of chains may be called, folded: HierarCaps has the first two."""

CHAIN = "=>"
"""Separates the names of a chain in a file."""

# BioCLIP's lists say `cls`, and may have a column `class` that is a label for evaluation.
_SPELLINGS = {
    "phylum": ("phylum", "division"),
    "class": ("cls", "class"),
    "species": ("speciesepithet", "specificepithet", "epithet", "species"),
}

# What stands around the name of a rank in other tables: iNaturalist's `taxon_family_name`, the Red List's
# `familyName`, `scientific_family`, `Family (Latin)`.
_FORMS = ("taxon{}name", "{}name", "taxon{}", "scientific{}", "{}scientificname", "{}latin", "{}(latin)")

_RANK_WORD = re.compile(r"(?:sub|super|infra|parv|mega)?(?:kingdom|phylum|class|order|family|genus|species)")
_ABOUT_A_RANK = {"key", "id", "code", "count", "number", "rank", "url", "uri", "authority", "author", "year"}


def rank_columns(table: Table, ranks: Sequence[str] = RANKS) -> dict[str, str]:
    """The column of each of these ranks that the table has one for.

    Other spellings, such as `familyName`, count where several columns are spelt alike, or others have the
    plain name of a rank.
    """
    columns = {rank: _find(table, rank, "{}") for rank in ranks}
    for form in _FORMS:
        alike = {rank: _find(table, rank, form) for rank in ranks if rank in RANKS and columns[rank] is None}
        if sum(column is not None for column in [*columns.values(), *alike.values()]) > 1:
            columns |= alike
    return {rank: column for rank, column in columns.items() if column is not None}


def _find(table: Table, rank: str, form: str) -> str | None:
    return table.find(*(form.format(name) for name in _SPELLINGS.get(rank, (folded(rank),))))


def note_ignored(table: Table, used: Iterable[str]) -> list[str]:
    """A note on columns that are not read although their names contain that of a rank."""
    used = set(used)
    spelt = {name for names in _SPELLINGS.values() for name in names}
    ignored = [
        column
        for column in table.columns
        if column not in used
        and folded(column) not in spelt
        and any(map(_RANK_WORD.fullmatch, words := _words(column)))
        and not _ABOUT_A_RANK & set(words)
    ]
    if not ignored:
        return []
    one = len(ignored) == 1
    return [f"the column{'' if one else 's'} {', '.join(ignored)} {'is' if one else 'are'} not read"]


def _words(column: str) -> list[str]:
    """The words of a column's name in lower case: of `taxon_familyName1` taxon, family and name."""
    return [word.casefold() for word in re.findall(r"[^\W\d_a-z]*[^\W\d_A-Z]+|[^\W\d_a-z]+", column)]


def read_rank_table(table: Table, ranks: Sequence[str] | None, *, every_row: bool = False) -> Taxonomy:
    """Read a table with a column for each rank; see `read_taxonomy`.

    Args:
        table: The table.
        ranks: Its ranks, if they are not the Linnaean ones.
        every_row: Also use rows whose taxonomic status is not accepted.

    Raises:
        UsageError: A rank that was asked for has no column, a row names nothing, or there is no header.
    """
    columns = rank_columns(table, RANKS if ranks is None else ranks)
    if missing := [rank for rank in ranks or () if rank not in columns]:
        raise UsageError(
            f"{table.path} has no column {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    builder = TaxonomyBuilder(tuple(columns))
    common = table.find(*COMMON_COLUMNS)
    statuses = None if every_row else Statuses(table)
    status = None if statuses is None else statuses.column
    others = [column for column in (common, status) if column]
    for batch in table.batches([*columns.values(), *others]):
        names, extra = batch[: len(columns)], dict(zip(others, batch[len(columns) :], strict=True))
        if ranks is None:
            _refuse_ranks_as_names(table, columns, names)
        seen = builder.rows
        accepted = statuses.accepted(extra[status]) if statuses and status else None
        if accepted is not None:
            names = [pc.if_else(pa.array(accepted), column, "") for column in names]
        for row in builder.add(names, extra[common] if common else None).tolist():
            if accepted is None or accepted[row]:
                called = ", ".join(columns.values())
                raise UsageError(
                    f"{table.where(seen + row)}: no name in any of the columns {called}; "
                    "add one or remove the line"
                )
    if statuses is not None:
        statuses.put_into(builder.tally)
    builder.tally.notes += note_ignored(table, [*columns.values(), *others])
    return builder.finish(str(table.path))


def _refuse_ranks_as_names(table: Table, columns: dict[str, str], names: Sequence[pa.Array]) -> None:
    """A cell that is the name of a rank shows that the first line was one of data.

    Raises:
        UsageError: There is such a cell.
    """
    for (rank, column), cells in zip(columns.items(), names, strict=True):
        words = [
            word
            for word in pc.unique(cells.drop_null()).to_pylist()
            if word == column or (word.casefold() in RANKS and word.casefold() != rank)
        ]
        if words:
            raise UsageError(
                f"{table.path} has no line of headings: the column {column!r} has the cell {words[0]!r}, "
                "which is a rank and not a name; write the names of the columns in its first line"
            )


def read_chain_table(table: Table, column: str, ranks: Sequence[str] | None) -> Taxonomy:
    """Read the chains of one column of a table; see `read_chains`."""
    batches = table.batches([column], keep_na=True)
    chains = (text or "" for batch in batches for text in batch[0].to_pylist())
    return _from_chains(chains, ranks, table.path, table.where)


def read_chains(path: Path, ranks: Sequence[str] | None) -> Taxonomy:
    """Read a text file with a chain "a => b => c" in each line, from general to specific.

    Chains may differ in length; without `ranks`, theirs are called "level 1", "level 2" and so on.

    Raises:
        UsageError: A line is not a chain, or has more names than there are `ranks`.
    """
    lines = list(text_lines(path))
    where = [f"{path}, line {number}" for number, _ in lines]
    return _from_chains((text for _, text in lines), ranks, path, where.__getitem__)


def chain_names(text: str) -> tuple[str, ...]:
    """The names of a chain "a => b => c", from general to specific."""
    return tuple(part.strip() for part in text.split(CHAIN))


def _from_chains(
    chains: Iterable[str], ranks: Sequence[str] | None, path: Path, where: Callable[[int], str]
) -> Taxonomy:
    rows = [chain_names(chain) for chain in chains]
    for number, names in enumerate(rows):
        if not any(names):
            raise UsageError(f"{where(number)}: no chain there; write one as 'general {CHAIN} specific'")
        if ranks is not None and len(names) > len(ranks):
            raise UsageError(f"{where(number)}: {len(names)} names for the {len(ranks)} ranks asked for")
    if not rows:
        raise UsageError(f"{path} names no taxa")
    depth = max(map(len, rows))
    return make_taxonomy(rows, ranks or [f"level {level}" for level in range(1, depth + 1)])

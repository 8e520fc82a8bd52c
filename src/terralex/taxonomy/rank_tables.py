"""Tables with a column for each rank, and those with a column of chains "a => b => c"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import Table, folded, text_lines
from terralex.taxonomy.build import TaxonomyBuilder, make_taxonomy
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.taxonomy import Taxonomy

COMMON_COLUMNS = ("commonname", "common", "vernacularname")
"""What a column of common names may be called, folded."""

CHAIN_COLUMNS = ("captions", "positive", "chain", "chains", "lineage")
"""What a column of chains may be called, folded: HierarCaps has the first two."""

CHAIN = "=>"
"""Stands between the names of a chain in a file."""

# BioCLIP's lists say `cls`, and may have a column `class` that is a label for evaluation.
_SPELLINGS = {
    "phylum": ("phylum", "division"),
    "class": ("cls", "class"),
    "species": ("speciesepithet", "specificepithet", "epithet", "species"),
}


def rank_columns(table: Table, ranks: Sequence[str] = RANKS) -> dict[str, str]:
    """The column of each of these ranks that the table has one for."""
    found = {rank: table.find(*_SPELLINGS.get(rank, (folded(rank),))) for rank in ranks}
    return {rank: column for rank, column in found.items() if column is not None}


def read_rank_table(table: Table, ranks: Sequence[str] | None) -> Taxonomy:
    """Read a table with a column for each rank; see `read_taxonomy`.

    Raises:
        UsageError: A rank that was asked for has no column, or a row names nothing.
    """
    columns = rank_columns(table, RANKS if ranks is None else ranks)
    if missing := [rank for rank in ranks or () if rank not in columns]:
        raise UsageError(
            f"{table.path} has no column {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    builder = TaxonomyBuilder(tuple(columns))
    common = table.find(*COMMON_COLUMNS)
    wanted = [*columns.values(), *([common] if common else [])]
    for batch in table.batches(wanted):
        seen = builder.rows
        nameless = builder.add(batch[: len(columns)], batch[-1] if common else None)
        if len(nameless):
            where = table.place(seen + int(nameless[0]))
            names = ", ".join(columns.values())
            raise UsageError(f"{where}: no name in any of the columns {names}; add one or remove the line")
    return builder.finish(str(table.path))


def read_chain_table(table: Table, column: str, ranks: Sequence[str] | None) -> Taxonomy:
    """Read the chains of one column of a table; see `read_chains`."""
    batches = table.batches([column], words=True)
    chains = (text or "" for batch in batches for text in batch[0].to_pylist())
    return _from_chains(chains, ranks, table.path, table.place)


def read_chains(path: Path, ranks: Sequence[str] | None) -> Taxonomy:
    """Read a text file with a chain "a => b => c" in each line, from general to specific.

    Chains may differ in length; without `ranks`, theirs are called "level 1", "level 2" and so on.

    Raises:
        UsageError: A line is no chain, or has more names than there are `ranks`.
    """
    lines = list(text_lines(path))
    place = [f"{path}, line {number}" for number, _ in lines]
    return _from_chains((text for _, text in lines), ranks, path, place.__getitem__)


def chain_names(text: str) -> tuple[str, ...]:
    """The names of a chain "a => b => c", from general to specific."""
    return tuple(part.strip() for part in text.split(CHAIN))


def _from_chains(
    chains: Iterable[str], ranks: Sequence[str] | None, path: Path, place: Callable[[int], str]
) -> Taxonomy:
    rows = [chain_names(chain) for chain in chains]
    for number, names in enumerate(rows):
        if not any(names):
            raise UsageError(f"{place(number)}: no chain there; write one as 'general {CHAIN} specific'")
        if ranks is not None and len(names) > len(ranks):
            raise UsageError(f"{place(number)}: {len(names)} names for the {len(ranks)} ranks asked for")
    if not rows:
        raise UsageError(f"{path} names no taxa")
    depth = max(map(len, rows))
    return make_taxonomy(rows, ranks or [f"level {level}" for level in range(1, depth + 1)])

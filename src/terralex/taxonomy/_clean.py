"""Columns of names in the form that a taxonomy has them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from terralex.runtime.errors import UsageError
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.scientific import split_species, tidy

_IN_CAPITALS = re.compile(r"[A-Z]{4,}")


def clean_lineages(lineages: Iterable[Sequence[str]], ranks: Sequence[str]) -> list[pa.StringArray]:
    """One clean column a rank; lineages that stop early are filled up with "".

    Raises:
        UsageError: A lineage has more names than there are ranks.
    """
    rows = list(lineages)
    for row in rows:
        if len(row) > len(ranks):
            raise UsageError(f"{len(row)} names for {len(ranks)} ranks ({', '.join(ranks)}): {list(row)}")
    columns = [[row[index] if index < len(row) else "" for row in rows] for index in range(len(ranks))]
    return clean_columns([pa.array(column, pa.string()) for column in columns], ranks)


def clean_columns(columns: Sequence[pa.Array], ranks: Sequence[str]) -> list[pa.StringArray]:
    """Tidy names, "" where missing; a species beside a genus becomes its epithet."""
    cleaned = [
        clean_column(column, in_capitals=rank in RANKS[:-1])
        for column, rank in zip(columns, ranks, strict=True)
    ]
    if "genus" in ranks and "species" in ranks:
        genus, species = ranks.index("genus"), ranks.index("species")
        cleaned[genus], cleaned[species] = _split(cleaned[genus], cleaned[species])
    return cleaned


def clean_column(column: pa.Array, *, in_capitals: bool = False) -> pa.StringArray:
    """Tidy strings, "" where missing; each distinct one is looked at once.

    Args:
        column: The strings.
        in_capitals: Names may be in capitals, as in the Red List: "FELIDAE" is Felidae.
    """
    encoded = pc.fill_null(column, "").dictionary_encode()
    names = [tidy(name) for name in encoded.dictionary.to_pylist()]
    if in_capitals:
        names = [name.capitalize() if _IN_CAPITALS.fullmatch(name) else name for name in names]
    return pa.array(names, pa.string()).take(encoded.indices)


def _split(genus: pa.StringArray, species: pa.StringArray) -> tuple[pa.StringArray, pa.StringArray]:
    spaced = pc.match_substring(species, " ")
    rows = pa.array(np.flatnonzero(spaced.to_numpy(zero_copy_only=False)))
    if not len(rows):
        return genus, species
    pairs = zip(genus.take(rows).to_pylist(), species.take(rows).to_pylist(), strict=True)
    genera, epithets = zip(*(split_species(*pair) for pair in pairs), strict=True)
    return (
        pc.replace_with_mask(genus, spaced, pa.array(genera, pa.string())),
        pc.replace_with_mask(species, spaced, pa.array(epithets, pa.string())),
    )

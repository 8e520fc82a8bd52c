"""Columns of names brought into the form in which a taxonomy keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from terralex.runtime.errors import UsageError
from terralex.taxonomy.names import split_species, tidy


def clean_lineages(lineages: Iterable[Sequence[str]], ranks: Sequence[str]) -> list[pa.StringArray]:
    """One clean column a rank; lineages that stop early are filled up with "".

    Raises:
        UsageError: A lineage has more names than there are ranks.
    """
    rows = list(lineages)
    for row in rows:
        if len(row) > len(ranks):
            raise UsageError(f"{len(row)} names for {len(ranks)} ranks ({', '.join(ranks)}): {list(row)}")
    columns = [[row[place] if place < len(row) else "" for row in rows] for place in range(len(ranks))]
    return clean_columns([pa.array(column, pa.string()) for column in columns], ranks)


def clean_columns(columns: Sequence[pa.Array], ranks: Sequence[str]) -> list[pa.StringArray]:
    """Tidy names, "" where missing; a species beside a genus becomes its epithet."""
    cleaned = [clean_column(column) for column in columns]
    if "genus" in ranks and "species" in ranks:
        genus, species = ranks.index("genus"), ranks.index("species")
        cleaned[genus], cleaned[species] = _split(cleaned[genus], cleaned[species])
    return cleaned


def clean_column(column: pa.Array) -> pa.StringArray:
    """Tidy strings, "" where missing. Each distinct one is looked at once."""
    encoded = pc.fill_null(column, "").dictionary_encode()
    tidied = pa.array([tidy(name) for name in encoded.dictionary.to_pylist()], pa.string())
    return tidied.take(encoded.indices)


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

"""Making a taxonomy from rows of names, in memory that grows with the taxa and not with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy._clean import clean_column, clean_columns, clean_lineages
from terralex.taxonomy._views import group
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.taxonomy import Taxonomy

CHUNK = 2**16
"""Rows that are read and coded at a time."""

_HELD = 2**20  # rows after which equal ones are merged


def make_taxonomy(
    lineages: Iterable[Sequence[str]],
    ranks: Sequence[str] = RANKS,
    common: Iterable[str | None] | None = None,
) -> Taxonomy:
    """Make a taxonomy from lineages.

    Args:
        lineages: For each leaf its names from general to specific: one a rank, "" where missing; those
            missing at the end may be left out. Spaces are put in order; a species that begins with its genus
            loses it. A lineage given several times is one leaf.
        ranks: Names of the ranks.
        common: For each leaf its common name, or None.

    Raises:
        UsageError: There are no lineages, one has no names or more than there are ranks.
    """
    builder = TaxonomyBuilder(ranks)
    rows = iter(lineages)
    spoken = None if common is None else iter(common)
    while chunk := list(islice(rows, CHUNK)):
        names = None if spoken is None else pa.array(list(islice(spoken, len(chunk))), pa.string())
        seen = builder.rows
        if len(nameless := builder.add(clean_lineages(chunk, builder.ranks), names)):
            raise UsageError(f"lineage number {seen + nameless[0] + 1} has no names")
    return builder.finish("the list of lineages")


@dataclass(frozen=True)
class _Rows:
    """Coded rows: codes (n, R), common name (n,) with 0 for none, row of the source (n,), how often (n,)."""

    codes: NDArray[np.int32]
    common: NDArray[np.int32]
    source: NDArray[np.int64]
    counts: NDArray[np.int64]


class TaxonomyBuilder:
    """Takes rows of names, chunk after chunk.

    Attributes:
        ranks: Names of the ranks.
        rows: Number of rows taken.
    """

    def __init__(self, ranks: Sequence[str]) -> None:
        if not ranks or len(set(ranks)) < len(ranks) or not all(ranks):
            raise UsageError(f"ranks are distinct names, from general to specific, not {list(ranks)}")
        self.ranks = tuple(ranks)
        self.rows = 0
        self._codes: list[dict[str, int]] = [{"": 0} for _ in ranks]
        self._common: dict[str, int] = {"": 0}
        self._held: list[_Rows] = []

    def add(self, columns: Sequence[pa.Array], common: pa.Array | None = None) -> NDArray[np.intp]:
        """Take a chunk of rows: a column of strings for each rank, and one of common names.

        Returns:
            Which rows of the chunk have no name at all; they are left out.
        """
        cleaned = clean_columns(columns, self.ranks)
        codes = np.stack([_code(names, known) for names, known in zip(cleaned, self._codes, strict=True)], 1)
        size = len(codes)
        spoken = np.zeros(size, np.int32) if common is None else _code(clean_column(common), self._common)
        source = np.arange(self.rows, self.rows + size, dtype=np.int64)
        self.rows += size
        named = codes.any(axis=1)
        self._held.append(_Rows(codes[named], spoken[named], source[named], np.ones(named.sum(), np.int64)))
        if len(self._held) > 1 and sum(len(rows.source) for rows in self._held[1:]) > _HELD:
            self._held = [_merge(self._held)[0]]
        return np.flatnonzero(~named)

    def finish(self, where: str) -> Taxonomy:
        """The taxonomy of all rows.

        Raises:
            UsageError: There were none; `where` names the source in the message.
        """
        if not any(len(rows.source) for rows in self._held):
            raise UsageError(f"{where} names no taxa")
        vocabularies = [sorted(known) for known in self._codes]
        for place, (known, names) in enumerate(zip(self._codes, vocabularies, strict=True)):
            in_order = np.empty(len(names), np.int32)
            in_order[[known[name] for name in names]] = np.arange(len(names), dtype=np.int32)
            for rows in self._held:
                rows.codes[:, place] = in_order[rows.codes[:, place]]
        merged, begins = _merge(self._held)
        groups = group(begins)
        texts: list[str] = []
        for place, vocabulary in enumerate(vocabularies):
            first_leaves = groups.lo[groups.offsets[place] : groups.offsets[place + 1]]
            texts += [vocabulary[code] for code in merged.codes[first_leaves, place].tolist()]
        return Taxonomy(
            self.ranks,
            **groups._asdict(),
            names=tuple(texts),
            common=self._common_names(merged, groups.nodes),
            source_rows=merged.source,
            counts=merged.counts,
        )

    def _common_names(self, rows: _Rows, nodes: NDArray[np.int32]) -> dict[int, str]:
        """A common name belongs to the finest taxon that its row names."""
        spoken = np.flatnonzero(rows.common)
        named = rows.codes[spoken] > 0
        finest = len(self.ranks) - 1 - np.argmax(named[:, ::-1], axis=1)
        words = list(self._common)
        texts = [words[code] for code in rows.common[spoken].tolist()]
        return dict(zip(nodes[spoken, finest].tolist(), texts, strict=True))


def _code(names: pa.StringArray, known: dict[str, int]) -> NDArray[np.int32]:
    """int32 codes of names; new ones are added to those known."""
    encoded = names.dictionary_encode()
    codes = [known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()]
    places: NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False)
    return np.array(codes, np.int32)[places]


def _merge(held: Sequence[_Rows]) -> tuple[_Rows, NDArray[np.bool_]]:
    """Sort rows by their codes and merge equal ones; also where each rank's groups begin, bool (n, R).

    Of equal rows the first one of the source is kept, with the first common name that any of them has.
    """
    codes = np.concatenate([rows.codes for rows in held])
    order = np.lexsort(codes.T[::-1])  # stable: equal rows stay in the order of the source
    codes = codes[order]
    begins = np.ones(codes.shape, np.bool_)
    np.logical_or.accumulate(codes[1:] != codes[:-1], axis=1, out=begins[1:])
    first = np.flatnonzero(begins[:, -1])
    common = np.concatenate([rows.common for rows in held])[order]
    spoken = np.where(common > 0, np.arange(len(common)), len(common))
    heard = np.minimum.reduceat(spoken, first)
    merged = _Rows(
        codes[first],
        np.append(common, np.int32(0))[heard],
        np.concatenate([rows.source for rows in held])[order][first],
        np.add.reduceat(np.concatenate([rows.counts for rows in held])[order], first),
    )
    return merged, begins[first]

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
from terralex.taxonomy.report import Tally
from terralex.taxonomy.taxonomy import Taxonomy

CHUNK = 2**16
"""Rows that are read and coded at a time."""

_UNMERGED = 2**20  # rows after which equal ones are merged


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
        tally: What the reader counts of them, for the report.
    """

    def __init__(self, ranks: Sequence[str], tally: Tally | None = None) -> None:
        if not ranks or len(set(ranks)) < len(ranks) or not all(ranks):
            raise UsageError(f"ranks are distinct names, from general to specific, not {list(ranks)}")
        self.ranks = tuple(ranks)
        self.rows = 0
        self.tally = Tally() if tally is None else tally
        self._codes: list[dict[str, int]] = [{"": 0} for _ in ranks]
        self._common: dict[str, int] = {"": 0}
        self._batches: list[_Rows] = []

    def add(self, columns: Sequence[pa.Array], common: pa.Array | None = None) -> NDArray[np.intp]:
        """Take a chunk of rows: a column of strings for each rank, and one of common names.

        Returns:
            Which rows of the chunk have no name at all; they are left out.
        """
        cleaned = clean_columns(columns, self.ranks)
        codes = np.stack([_code(names, known) for names, known in zip(cleaned, self._codes, strict=True)], 1)
        size = len(codes)
        if common is None:
            common_codes = np.zeros(size, np.int32)
        else:
            common_codes = _code(clean_column(common), self._common)
        source = np.arange(self.rows, self.rows + size, dtype=np.int64)
        self.rows += size
        named = codes.any(axis=1)
        self._batches.append(
            _Rows(codes[named], common_codes[named], source[named], np.ones(named.sum(), np.int64))
        )
        if len(self._batches) > 1 and sum(len(rows.source) for rows in self._batches[1:]) > _UNMERGED:
            self._batches = [_merge(self._batches)[0]]
        return np.flatnonzero(~named)

    def finish(self, source: str) -> Taxonomy:
        """The taxonomy of all rows; `source` names where they come from.

        Raises:
            UsageError: There were none.
        """
        if not any(len(rows.source) for rows in self._batches):
            dropped = ", ".join(f"{count:,} {reason}" for reason, count in self.tally.dropped.items())
            raise UsageError(f"{source} names no taxa" + (f"; left out: {dropped}" if dropped else ""))
        vocabularies = [sorted(known) for known in self._codes]
        for index, (known, names) in enumerate(zip(self._codes, vocabularies, strict=True)):
            in_order = np.empty(len(names), np.int32)
            in_order[[known[name] for name in names]] = np.arange(len(names), dtype=np.int32)
            for rows in self._batches:
                rows.codes[:, index] = in_order[rows.codes[:, index]]
        merged, begins = _merge(self._batches)
        groups = group(begins)
        texts: list[str] = []
        for index, vocabulary in enumerate(vocabularies):
            first_leaves = groups.lo[groups.offsets[index] : groups.offsets[index + 1]]
            texts += [vocabulary[code] for code in merged.codes[first_leaves, index].tolist()]
        return Taxonomy(
            self.ranks,
            **groups._asdict(),
            names=tuple(texts),
            common=self._common_names(merged, groups.nodes),
            source_rows=merged.source,
            counts=merged.counts,
            report=self.tally.report(source, self.rows, len(merged.source)),
        )

    def _common_names(self, rows: _Rows, nodes: NDArray[np.int32]) -> dict[int, str]:
        """A common name belongs to the finest taxon that its row names."""
        with_one = np.flatnonzero(rows.common)
        named = rows.codes[with_one] > 0
        finest = len(self.ranks) - 1 - np.argmax(named[:, ::-1], axis=1)
        words = list(self._common)
        texts = [words[code] for code in rows.common[with_one].tolist()]
        return dict(zip(nodes[with_one, finest].tolist(), texts, strict=True))


def _code(names: pa.StringArray, known: dict[str, int]) -> NDArray[np.int32]:
    """int32 codes of names; new ones are added to those known."""
    encoded = names.dictionary_encode()
    codes = [known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()]
    indices: NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False)
    return np.array(codes, np.int32)[indices]


def _merge(batches: Sequence[_Rows]) -> tuple[_Rows, NDArray[np.bool_]]:
    """Sort rows by their codes and merge equal ones; also where each rank's groups begin, bool (n, R).

    Of equal rows the first one of the source is kept, with the first common name that any of them has.
    """
    codes = np.concatenate([rows.codes for rows in batches])
    order = np.lexsort(codes.T[::-1])  # stable: equal rows stay in the order of the source
    codes = codes[order]
    begins = np.ones(codes.shape, np.bool_)
    np.logical_or.accumulate(codes[1:] != codes[:-1], axis=1, out=begins[1:])
    first = np.flatnonzero(begins[:, -1])
    common = np.concatenate([rows.common for rows in batches])[order]
    rows_with_one = np.where(common > 0, np.arange(len(common)), len(common))
    first_with_one = np.minimum.reduceat(rows_with_one, first)
    merged = _Rows(
        codes[first],
        np.append(common, np.int32(0))[first_with_one],
        np.concatenate([rows.source for rows in batches])[order][first],
        np.add.reduceat(np.concatenate([rows.counts for rows in batches])[order], first),
    )
    return merged, begins[first]

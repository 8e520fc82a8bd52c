"""Labels put together in bins: the probability of a bin is the sum over what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded
from terralex.recognition.ranking import domain_test, rank_labels
from terralex.recognition.records import Prediction
from terralex.runtime.errors import UsageError
from terralex.runtime.tables import open_table
from terralex.taxonomy import Taxonomy

if TYPE_CHECKING:
    from terralex.models import Model


def load_bins(path: str | PathLike[str]) -> dict[str, str]:
    """Read a table whose first column is a label, or a taxon, and whose second is its bin.

    The first line has the headings, whatever they are; columns without one, such as row numbers, are not
    read.

    Raises:
        UsageError: The file cannot be read, a cell is empty, or a label is in two bins.
    """
    table = open_table(Path(path))
    columns = [index for index, heading in enumerate(table.columns) if heading.strip()][:2]
    if len(columns) < 2:
        raise UsageError(f"{path}, line 1: 2 columns are expected, there is {len(columns)}")
    bins: dict[str, str] = {}
    for line, cells in table.rows():
        label, name = (cells[column] for column in columns)
        if not label or not name:
            raise UsageError(f"{path}, line {line}: a {'bin' if label else 'label'} is missing")
        if bins.setdefault(label, name) != name:
            raise UsageError(f"{path}, line {line}: {label!r} is in the bins {bins[label]!r} and {name!r}")
    if not bins:
        raise UsageError(f"{path} has no rows: a line of headings and then the rows are expected")
    return bins


def bins_of_taxa(taxonomy: Taxonomy, bins: Mapping[str, str]) -> tuple[Taxonomy, dict[str, list[int]]]:
    """The part of a taxonomy that is in bins of taxa, and the leaves of that part in each bin.

    Args:
        taxonomy: What the taxa belong to.
        bins: The bin of each taxon, which may be of any rank; see `Taxonomy.find` for how it is named.

    Raises:
        UsageError: A taxon is unknown, or lies within another that is in another bin.
    """
    names = list(dict.fromkeys(bins.values()))
    bin_of = np.full(len(taxonomy), -1)
    for taxon, name in zip(taxonomy.find_all(bins), bins.values(), strict=True):
        inside = slice(taxon.leaves.start, taxon.leaves.stop)
        number = names.index(name)
        if (clash := (bin_of[inside] != number) & (bin_of[inside] >= 0)).any():
            other = names[bin_of[inside][clash][0]]
            raise UsageError(f"{taxon} belongs to the bin {other!r} and to {name!r}: bins may not share taxa")
        bin_of[inside] = number
    part = taxonomy.subset(bin_of >= 0)
    bin_of = bin_of[bin_of >= 0]
    return part, {name: np.flatnonzero(bin_of == number).tolist() for number, name in enumerate(names)}


class BinClassifier:
    """Bins of what has probabilities.

    Args:
        probabilities: From points of the model, (N, embed_dim), to probabilities, float32 (N, columns).
        bins: For each bin the columns that are in it.
        model: What turned the images into vectors.
        top_k: How many bins an image gets.
        scores: Also give the score of every bin.

    Attributes:
        labels: Names of the bins.
    """

    def __init__(
        self,
        probabilities: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        bins: Mapping[str, Sequence[int]],
        model: Model,
        *,
        top_k: int = 1,
        scores: bool = False,
    ) -> None:
        self.labels = tuple(bins)
        self._every = probabilities
        self._columns = [np.asarray(columns) for columns in bins.values()]
        self._model, self._top_k, self._scores = model, top_k, scores

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the model, (N, embed_dim), to probabilities of the bins: float32 (N, bins)."""
        every = self._every(vectors)
        return np.stack([every[:, columns].sum(axis=1) for columns in self._columns], axis=1)

    def predict(self, chunk: Sequence[Encoded]) -> Iterator[Prediction]:
        """The bins of each image of a chunk, best first; one record with an error for each that failed."""
        return rank_labels(
            chunk,
            self,
            self._model.name,
            top_k=self._top_k,
            scores=self._scores,
            in_domain=domain_test(self._model),
        )

"""Taxa for images: every rank with its probability, or the best taxa of one rank, or as far as it is safe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.loading import open_model
from terralex.recognition.ranking import with_rows
from terralex.recognition.records import TaxonPrediction
from terralex.recognition.stopping import Stopping, load_stopping
from terralex.recognition.taxon_scores import TaxonomySource, TaxonScorer, load_taxa, wording
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunKeywords, RunOptions
from terralex.taxonomy import Taxonomy, best_paths, roll_ups

if TYPE_CHECKING:
    from terralex.metrics.calibration import Calibration
    from terralex.models import Model


def classify_taxa(
    inputs: object,
    taxonomy: TaxonomySource,
    *,
    rank: str | None = None,
    top_k: int = 1,
    subset: str | PathLike[str] | None = None,
    stop_at_error: float | None = None,
    calibration: str | PathLike[str] | Calibration | None = None,
    model: str | Model = "pocket",
    templates: str | Sequence[str] | None = None,
    **options: Unpack[RunKeywords],
) -> Iterator[TaxonPrediction]:
    """Name the taxon that images show, at every rank.

    Args:
        inputs: As for `classify`.
        taxonomy: A taxonomy, or what `read_taxonomy` takes.
        rank: Give the best taxa of this rank. By default an image gets one answer, the way down from the most
            probable taxon of the first rank, always to the most probable child.
        top_k: How many taxa an image gets at `rank`.
        subset: A table of the taxa to choose from; see `load_subset`.
        stop_at_error: Stop at the finest rank that the image supports, such that with 95 % certainty no more
            than this part of the answers is wrong, for images like those calibrated on; 0 to 1.
        calibration: What `evaluate taxonomy --calibration` wrote; by default what comes with the model.
        model: A model, or what `load_model` takes.
        templates: Sentences with `{c}` for the name, or what `load_templates` takes; by default none.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        An iterator of predictions, image by image in the order given. An image that cannot be used gives one
        with `error` set. Probabilities are the softmax over all leaves of the taxonomy, summed to each rank.

    Raises:
        UsageError: The taxonomy, rank, subset, calibration or another argument is wrong.
        TerralexError: The model cannot be loaded or run.
    """
    taxa = load_taxa(taxonomy, subset)
    check_rank(taxa.taxonomy, rank, top_k, stop_at_error)
    prompts = named_templates(templates)
    run = RunOptions(**options)
    loaded = open_model(model, run)
    stop = None
    if stop_at_error is not None:
        said = wording(taxa, loaded, prompts)
        stop = load_stopping(stop_at_error, calibration, loaded, taxa.taxonomy, said)
    scorer = TaxonScorer(loaded, taxa, prompts, cache=run.cache)
    classifier = TaxonClassifier(scorer, rank=rank, top_k=top_k, stopping=stop)
    encoder = Encoder.of(loaded, run)
    return (row for chunk in encoder.stream(inputs) for row in classifier.predict(chunk))


def check_rank(taxonomy: Taxonomy, rank: str | None, top_k: int, stop_at_error: float | None) -> None:
    """See that there are taxa to answer with, before anything is loaded.

    Raises:
        UsageError: There is no such rank, no taxon of it has a name, or what is asked for does not go
            together.
    """
    if rank is None and top_k > 1:
        raise UsageError(
            f"the {top_k} best taxa of which rank? Give the rank too: {', '.join(taxonomy.ranks)}"
        )
    if stop_at_error is not None and not 0 < stop_at_error < 1:
        raise UsageError(f"to stop at an error of {stop_at_error:g}: give a part of the answers, such as 0.1")
    if rank is None:
        return
    if stop_at_error is not None:
        raise UsageError("the rank is given, or found by where to stop: not both")
    level = taxonomy.rank_index(rank)
    if not taxonomy.named[taxonomy.offsets[level] : taxonomy.offsets[level + 1]].any():
        raise UsageError(f"no taxon of this taxonomy has a name at the rank {rank!r}")


def named_templates(templates: str | Sequence[str] | None) -> tuple[str, ...]:
    """Sentences around names; none by default: names of taxa are encoded as they stand.

    Raises:
        UsageError: There are no such templates, or one has no ``{c}``.
    """
    if templates is None:
        return ()
    from terralex.models.prompts import check_templates, load_templates

    return (
        load_templates(templates) if isinstance(templates, str) else check_templates(templates, "templates")
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """Taxa by number from the first rank down, and the probability of each; none where no rank is safe."""

    nodes: Sequence[int]
    probabilities: Sequence[float]


class TaxonClassifier:
    """Taxa for images.

    Args:
        scorer: The leaves as vectors.
        rank: Give the best taxa of this rank; by default the way down.
        top_k: How many of them.
        stopping: Where the way down ends; by default at the last taxon that has a name.

    Attributes:
        taxonomy: What answers come from.
    """

    def __init__(
        self,
        scorer: TaxonScorer,
        *,
        rank: str | None = None,
        top_k: int = 1,
        stopping: Stopping | None = None,
    ) -> None:
        self.taxonomy = scorer.taxonomy
        self._scorer = scorer
        self._place = None if rank is None else self.taxonomy.rank_index(rank)
        self._top_k = top_k
        self._stopping = stopping

    def predict(self, chunk: Sequence[Encoded]) -> Iterator[TaxonPrediction]:
        """The answers for each image of a chunk, best first; one with an error for each that failed."""
        for entry, answers in with_rows(chunk, self._answers):
            if answers is None or not entry.features:
                yield TaxonPrediction(
                    entry.path, entry.window, model=self._scorer.model.name, error=entry.error
                )
                continue
            for position, answer in enumerate(answers, start=1):
                yield self._record(entry, position, answer, entry.features.notes)

    def _answers(self, vectors: NDArray[np.float32]) -> Iterator[list[_Answer]]:
        probabilities = self._scorer.probabilities(vectors)
        if self._place is None:
            return self._ways_down(probabilities)
        return self._best(probabilities, self._place)

    def _ways_down(self, probabilities: NDArray[np.float32]) -> Iterator[list[_Answer]]:
        paths = best_paths(self.taxonomy, probabilities)
        if self._stopping:
            shown, places = self._stopping.apply(paths.confidence)
            ends = places + 1
        else:
            shown = paths.confidence
            named = ~np.isnan(shown)
            ends = named.shape[1] - named[:, ::-1].argmax(axis=1)
        for nodes, row, end in zip(paths.nodes, shown, ends.tolist(), strict=True):
            yield [_Answer(nodes[:end].tolist(), row[:end].tolist())]

    def _best(self, probabilities: NDArray[np.float32], level: int) -> Iterator[list[_Answer]]:
        tables = roll_ups(self.taxonomy, probabilities)[: level + 1]
        offsets = self.taxonomy.offsets
        named = np.flatnonzero(self.taxonomy.named[offsets[level] : offsets[level + 1]])
        for row, values in enumerate(tables[level][:, named]):
            answers = []
            for column in named[_highest(values, self._top_k)]:
                leaf = self.taxonomy.lo[offsets[level] + column]
                nodes = self.taxonomy.nodes[leaf, : level + 1].tolist()
                rows = [float(t[row, n - o]) for t, n, o in zip(tables, nodes, offsets, strict=False)]
                answers.append(_Answer(nodes, rows))
            yield answers

    def _record(self, entry: Encoded, position: int, answer: _Answer, notes: str) -> TaxonPrediction:
        taxonomy = self.taxonomy
        ranks = taxonomy.ranks[: len(answer.nodes)]
        names = [taxonomy.full_names[node] for node in answer.nodes]
        common = taxonomy.common.get(answer.nodes[-1]) if names else None
        if not names and self._stopping:
            said = f"no rank is sure enough for an expected error of {self._stopping.error:g}"
            notes = f"{notes}; {said}" if notes else said
        shares = zip(ranks, names, answer.probabilities, strict=True)
        return TaxonPrediction(
            path=entry.path,
            window=entry.window,
            position=position,
            rank=ranks[-1] if ranks else "",
            label=names[-1] if names else "",
            common_name=common,
            score=answer.probabilities[-1] if names else None,
            lineage=dict(zip(ranks, names, strict=True)),
            probabilities={rank: share for rank, name, share in shares if name},
            model=self._scorer.model.name,
            notes=notes,
        )


def _highest(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the highest values, from high to low, of equal ones the first: without sorting them all."""
    if count >= len(values):
        return np.argsort(-values, kind="stable")
    least = np.partition(values, len(values) - count)[len(values) - count]
    candidates = np.flatnonzero(values >= least)
    return candidates[np.argsort(-values[candidates], kind="stable")][:count]

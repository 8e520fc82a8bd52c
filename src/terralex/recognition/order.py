"""Texts for a picture or a phrase, from general to specific: a sweep outwards from the root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.labels import load_queries
from terralex.recognition.loading import open_model
from terralex.recognition.ranking import with_rows
from terralex.recognition.records import Link
from terralex.recognition.taxon_scores import TaxonomySource, load_taxa
from terralex.recognition.text_store import Watch, text_vectors
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunKeywords, RunOptions
from terralex.taxonomy import Taxonomy, chain_names, read_taxonomy, taxonomic_name

if TYPE_CHECKING:
    from terralex.models import Model

STEPS = 50

_LISTS = (".txt", ".yaml", ".yml")
_BLOCK = 2**14  # texts whose depth is computed at once


def order(
    inputs: object = (),
    *,
    queries: str | Sequence[str] = (),
    taxonomy: TaxonomySource | None = None,
    captions: str | PathLike[str] | None = None,
    texts: Sequence[str] = (),
    root: str | None = None,
    steps: int = STEPS,
    model: str | Model = "pocket",
    **options: Unpack[RunKeywords],
) -> Iterator[Link]:
    """Describe pictures and phrases in texts that go from general to specific.

    The texts lie at a distance from the root, the more specific the farther. A sweep over growing distances
    takes at each the text that is most similar to the picture among those no farther; the distinct texts that
    it takes are the chain. They need not be each other's ancestors.

    Args:
        inputs: Pictures, as the inputs of `classify`.
        queries: Phrases.
        taxonomy: The texts are the taxa of all ranks of a taxonomy, or of what `read_taxonomy` takes.
        captions: The texts are those of a file; see `load_captions`.
        texts: The texts themselves. One of `taxonomy`, `captions` and `texts` is needed.
        root: The most general text, in place of the model's; for a model that has none.
        steps: Levels of the sweep, evenly from the least to the greatest distance.
        model: A model, or what `load_model` takes.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        An iterator of the links of each chain, most general first: of the pictures in the order given, then
        of the phrases. An image that cannot be used gives one with `error` set.

    Raises:
        UsageError: The texts, the root, bands, units or the model's name are wrong.
        TerralexError: The model cannot be loaded or run.
    """
    phrases = [queries] if isinstance(queries, str) else list(queries)
    check_phrases(phrases)
    chosen = candidates(taxonomy=taxonomy, captions=captions, texts=texts)
    run = RunOptions(**options)
    loaded = open_model(model, run)
    orderer = Orderer(loaded, chosen, root=root, steps=steps, cache=run.cache)
    encoder = Encoder.of(loaded, run)

    def links() -> Iterator[Link]:
        for chunk in encoder.stream(inputs):
            yield from orderer.describe(chunk)
        yield from orderer.describe_phrases(phrases)

    return links()


@dataclass(frozen=True, eq=False)
class Candidates:
    """Texts that chains are made of.

    Attributes:
        texts: What the model reads.
        names: What people read.
        ranks: Rank of the taxon that each stands for; None for other texts.
    """

    texts: Sequence[str]
    names: Sequence[str]
    ranks: Sequence[str | None]


def candidates(
    *,
    taxonomy: TaxonomySource | None = None,
    captions: str | PathLike[str] | None = None,
    texts: Sequence[str] = (),
) -> Candidates:
    """The texts to choose from: exactly one of the arguments says which.

    Raises:
        UsageError: None or several do, a text is empty, or a file cannot be used.
    """
    given = [taxonomy is not None, captions is not None, bool(texts)]
    if sum(given) != 1:
        raise UsageError(
            "which texts should be put in order? Pass a taxonomy (--taxonomy FILE), a file of captions "
            '(--captions FILE) or texts (--texts "animal,bird,robin"), one of them'
        )
    if taxonomy is not None:
        return taxon_candidates(load_taxa(taxonomy).taxonomy)
    chosen = load_captions(captions) if captions is not None else [" ".join(text.split()) for text in texts]
    if not all(chosen):
        raise UsageError("one of the texts is empty: leave it out")
    chosen = list(dict.fromkeys(chosen))
    return Candidates(chosen, chosen, [None] * len(chosen))


def taxon_candidates(taxonomy: Taxonomy) -> Candidates:
    """Every taxon of every rank that has a name: its text has the names of all ranks above it, too."""
    named = np.flatnonzero(taxonomy.named).tolist()
    places = np.searchsorted(taxonomy.offsets, named, side="right") - 1
    lineages = (
        taxonomy.lineage(int(taxonomy.lo[node]), taxonomy.ranks[place])
        for node, place in zip(named, places.tolist(), strict=True)
    )
    return Candidates(
        [taxonomic_name(lineage) for lineage in lineages],
        [taxonomy.full_names[node] for node in named],
        [taxonomy.ranks[place] for place in places.tolist()],
    )


def load_captions(path: str | PathLike[str]) -> list[str]:
    """The distinct texts of a file.

    It is a list, with one text or a chain "general => specific" in each line; or a table with such chains in
    a column `captions`, as RCME's and HierarCaps' benchmarks are.

    Raises:
        UsageError: The file cannot be used, or holds no texts.
    """
    path = Path(path)
    if path.suffix.lower() in _LISTS:
        names = [name for line in load_queries(path) for name in chain_names(line)]
    else:
        levels = read_taxonomy(path)
        if not levels.ranks[0].startswith("level"):
            raise UsageError(f"{path} is a taxonomy, not a file of captions: pass it with --taxonomy")
        names = list(levels.names)
    return [name for name in dict.fromkeys(names) if name]


def check_phrases(phrases: Sequence[str]) -> None:
    """See that phrases say something.

    Raises:
        UsageError: One is empty.
    """
    if not all(phrase.strip() for phrase in phrases):
        raise UsageError("a query is empty: write what to describe")


class Orderer:
    """Candidates by their depth, ready to be swept through.

    Args:
        model: What turned the images into vectors.
        candidates: The texts that chains are made of.
        root: The most general text, in place of the model's.
        steps: Levels of the sweep.
        cache: Look up and keep vectors of texts on disk.
        watch: Shows how far the encoding of texts is.

    Attributes:
        space: The geometry that gives texts their depth.
        root: What its root is called.

    Raises:
        UsageError: As `Model.hierarchy`; there are fewer than two steps or no candidates.
    """

    def __init__(
        self,
        model: Model,
        candidates: Candidates,
        *,
        root: str | None = None,
        steps: int = STEPS,
        cache: bool = True,
        watch: Watch | None = None,
    ) -> None:
        import torch

        if steps < 2:
            raise UsageError(f"a sweep has at least two steps, not {steps}")
        self.space = model.hierarchy(root)
        text = model.card.root if root is None else root
        words = " ".join(text.split()) if text else ""
        self.root = "the origin" if text is None else f"“{words}”" if words else "the empty text"
        self._model, self._candidates, self._steps = model, candidates, steps
        vectors = text_vectors(model, candidates.texts, cache=cache, watch=watch)
        points = torch.from_numpy(vectors).to(model.device)
        depths = torch.cat([self.space.depth(block) for block in torch.split(points, _BLOCK)])
        self._depths, places = depths.sort(stable=True)
        self._points = points[places]
        self._keys = self.space.keys(self._points)
        self._places: list[int] = places.tolist()

    def describe(self, chunk: Sequence[Encoded]) -> Iterator[Link]:
        """The chain of each image of a chunk; one link with an error for each that failed."""
        for entry, links in with_rows(chunk, self._chains):
            if links is None or entry.features is None:
                yield Link(entry.path, entry.window, model=self._model.name, error=entry.error)
                continue
            for position, found in enumerate(links, start=1):
                yield self._link(found, position, entry.path, entry.window, entry.features.notes)

    def describe_phrases(self, phrases: Sequence[str]) -> Iterator[Link]:
        """The chain of each phrase."""
        if not phrases:
            return
        vectors = self._model.encode_texts(phrases).cpu().numpy()
        for phrase, links in zip(phrases, self._chains(vectors), strict=True):
            for position, found in enumerate(links, start=1):
                yield self._link(found, position, phrase, query=phrase)

    def _chains(self, vectors: NDArray[np.float32]) -> Iterator[list[tuple[int, float, float]]]:
        """For each point (n, embed_dim) the texts of its chain: candidate, radius, score."""
        import torch

        from terralex.metrics.ordering import radius_sweep

        points = torch.from_numpy(vectors).to(self._model.device)
        swept = radius_sweep(self.space.queries(points), self._keys, self._depths, self._steps)
        for point, row in zip(points, swept, strict=True):
            chain = torch.unique_consecutive(row)  # what is displaced never comes back
            scores = self.space.scores(point[None], self._points[chain])[0].tolist()
            yield [
                (self._places[place], radius, score)
                for place, radius, score in zip(
                    chain.tolist(), self._depths[chain].tolist(), scores, strict=True
                )
            ]

    def _link(
        self,
        found: tuple[int, float, float],
        position: int,
        path: str,
        window: tuple[int, int, int, int] | None = None,
        notes: str = "",
        query: str | None = None,
    ) -> Link:
        candidate, radius, score = found
        return Link(
            path=path,
            window=window,
            query=query,
            position=position,
            name=self._candidates.names[candidate],
            rank=self._candidates.ranks[candidate],
            radius=radius,
            score=score,
            text=self._candidates.texts[candidate],
            model=self._model.name,
            notes=notes,
        )

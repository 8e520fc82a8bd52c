"""The taxa to choose from: a taxonomy or a part of it, and its leaves as vectors of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.subsets import load_subset
from terralex.recognition.text_store import Watch, stored, text_vectors
from terralex.runtime.cache import cache_key
from terralex.taxonomy import NameTable, Taxonomy, read_name_table, read_taxonomy, taxonomic_name

if TYPE_CHECKING:
    from terralex.models import Model

TaxonomySource = str | PathLike[str] | Taxonomy

AS_PUBLISHED = ("as published",)
"""The `wording` of names whose embeddings come with them."""

_BLOCK = 2**14  # leaves scored at once


@dataclass(frozen=True, eq=False)
class Taxa:
    """A taxonomy to choose from.

    Attributes:
        taxonomy: The taxonomy.
        table: The text embeddings that were published for it, if there are any.
        notes: What a person should know of it.
    """

    taxonomy: Taxonomy
    table: NameTable | None = None
    notes: tuple[str, ...] = ()


def load_taxa(source: TaxonomySource, subset: str | PathLike[str] | None = None) -> Taxa:
    """Read a taxonomy, or the part of it that a table lists.

    Raises:
        UsageError: As `read_taxonomy` and `load_subset`.
    """
    if isinstance(source, Taxonomy):
        taxa = Taxa(source)
    elif Path(source).suffix.lower() == ".json" and Path(source).with_suffix(".npy").is_file():
        table = read_name_table(Path(source))
        taxa = Taxa(table.taxonomy, table)
    else:
        taxa = Taxa(read_taxonomy(source))
    if subset is None:
        return taxa
    part, notes = load_subset(subset, taxa.taxonomy)
    return replace(part_of_taxa(taxa, part), notes=notes)


def part_of_taxa(taxa: Taxa, taxonomy: Taxonomy) -> Taxa:
    """Taxa of a part of the taxonomy, with the embeddings that belong to it."""
    return Taxa(taxonomy, taxa.table and NameTable(taxonomy, taxa.table.embeddings))


class TaxonScorer:
    """The leaves of a taxonomy as vectors of a model.

    Args:
        model: What turned the images into vectors.
        taxa: The taxonomy. Embeddings that were published for it are used with the models that they are of.
        templates: Sentences around the names.
        cache: Look up and keep vectors of names on disk.
        watch: Shows how far the encoding of names is.
    """

    def __init__(
        self,
        model: Model,
        taxa: Taxa,
        templates: Sequence[str] = (),
        *,
        cache: bool = True,
        watch: Watch | None = None,
    ) -> None:
        import torch

        self.model = model
        self.taxonomy = taxa.taxonomy
        if taxa.table is not None and not templates and _is_of(taxa.table, model):  # as `wording` says
            vectors = _published(taxa.table, cache)
        else:
            names = [taxonomic_name(lineage) for lineage in taxa.taxonomy.lineages()]
            vectors = text_vectors(model, names, templates, cache=cache, watch=watch)
        self._texts = torch.from_numpy(vectors).to(model.device)

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the model, (n, embed_dim), to probabilities of the leaves: float32 (n, N)."""
        import torch

        images = torch.from_numpy(vectors).to(self.model.device)
        logits = torch.empty(len(images), len(self._texts), device=self.model.device)
        for start in range(0, len(self._texts), _BLOCK):
            block = self._texts[start : start + _BLOCK]
            logits[:, start : start + _BLOCK] = self.model.logits(images, block)
        probabilities: NDArray[np.float32] = logits.softmax(dim=1).cpu().numpy()
        return probabilities


def wording(taxa: Taxa, model: Model, templates: Sequence[str]) -> tuple[str, ...]:
    """How names are put to the model, which decides the numbers: in templates, or as was published."""
    if not templates and taxa.table is not None and _is_of(taxa.table, model):
        return AS_PUBLISHED
    return tuple(templates)


def _is_of(table: NameTable, model: Model) -> bool:
    """Whether published embeddings are of this model: BioCLIP's are, and have to be of its size."""
    return model.name.startswith("bioclip") and len(table.embeddings) == model.embed_dim


def _published(table: NameTable, cache: bool) -> NDArray[np.float32]:
    """The published embeddings in the order of the leaves, unit rows."""

    def rows(start: int, stop: int) -> NDArray[np.float32]:
        found = table.vectors(slice(start, stop))
        unit: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    file = Path(str(table.embeddings.filename)) if isinstance(table.embeddings, np.memmap) else None
    key = None
    if cache and file:
        state = file.stat()
        where = f"{file.resolve()} {state.st_size} {state.st_mtime_ns}"
        key = cache_key("published", where, table.taxonomy.digest)
    return stored(key, len(table.taxonomy), len(table.embeddings), rows)

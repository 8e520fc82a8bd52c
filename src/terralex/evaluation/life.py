"""How a model orders and names species of the made tree of life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from terralex.evaluation.encoding import encode_pictures, encode_texts
from terralex.evaluation.taxon_texts import encode_ranks
from terralex.imagery import Image
from terralex.metrics.ordering import OrderingReport, measure_ordering, number_texts
from terralex.metrics.taxa import TaxonomyReport, measure_taxonomy
from terralex.models import Model
from terralex.recognition.encoder import Encoder
from terralex.recognition.items import Item
from terralex.synthetic import held_out_species, make_tree_of_life, render_specimen
from terralex.synthetic.life.tree import TreeOfLife
from terralex.taxonomy import make_taxonomy, taxonomic_name

ROOT = "Eukarya"
FIRST_SPECIMEN = 500_000  # seed of the first picture of a species; training uses seeds far below


@dataclass(frozen=True)
class LifeReport:
    """What was measured.

    Attributes:
        ordering: Of the names of the species measured, from kingdom to species.
        naming: Zero-shot accuracy at each rank among the same names.
        species: How many species.
    """

    ordering: OrderingReport
    naming: TaxonomyReport
    species: int

    def rows(self) -> Iterator[dict[str, object]]:
        """The figures as rows of (metric, rank, value, low, high, n)."""
        for metric, (low, high) in self.ordering.intervals.items():
            value, n = getattr(self.ordering, metric), self.ordering.images
            yield {"metric": metric, "rank": "", "value": value, "low": low, "high": high, "n": n}
        for row in self.naming.rows():
            yield {"low": None, "high": None, **row}


def evaluate_life(
    model: Model,
    *,
    tree_seed: int = 0,
    pictures: int = 10,
    trained: bool = False,
    root: str | None = None,
    steps: int = 50,
    resamples: int = 1000,
) -> LifeReport:
    """Order and name made species, by default those that no model is trained on.

    Args:
        model: What is measured.
        tree_seed: Seed of the tree; the pocket model is trained on that of 0.
        pictures: Pictures of each species, which no training has seen either.
        trained: Measure the species that models are trained on instead.
        root: The most general text, "Eukarya" unless the model has its own.
        steps: Levels of the radius sweep.
        resamples: Draws of the bootstrap.

    Raises:
        UsageError: A hyperbolic model is given a root.
    """
    tree = make_tree_of_life(tree_seed)
    species = np.flatnonzero(held_out_species(tree) != trained).tolist()
    items = [
        Item(" ".join(tree.lineage(index)), (index, FIRST_SPECIMEN + number))
        for index in species
        for number in range(pictures)
    ]
    images = encode_pictures(Encoder(model, read=partial(_render, tree)), items).vectors
    lineages = [tree.lineage(index) for index in species]
    taxonomy = make_taxonomy(lineages)
    leaves = np.repeat(taxonomy.locate(lineages), pictures)
    chains = [
        [taxonomic_name(taxonomy.lineage(leaf)[: end + 1]) for end in range(7)] for leaf in leaves.tolist()
    ]
    texts, references = number_texts(chains)
    vectors = encode_texts(model, texts)
    if root is None and model.card.geometry == "cosine":
        root = ROOT
    space = model.hierarchy(root)
    ordering = measure_ordering(
        space.queries(images),
        space.keys(vectors),
        space.depth(vectors),
        references,
        torch.arange(len(images)),
        steps=steps,
        resamples=resamples,
    )
    naming = measure_taxonomy(
        images,
        torch.from_numpy(leaves),
        taxonomy,
        encode_ranks(model, taxonomy),
        model.geometry,
        logit_scale=model.logit_scale,
    )
    return LifeReport(ordering, naming, len(species))


def _render(tree: TreeOfLife, item: Item) -> Image:
    return Image.from_array(render_specimen(tree, *item.source))

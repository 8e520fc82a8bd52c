"""The labels of a taxonomy's taxa, as text and as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch

from terralex.evaluation.encoding import encode_texts
from terralex.metrics.taxa import RankTexts
from terralex.models import Model
from terralex.runtime.errors import UsageError
from terralex.taxonomy import Taxon, Taxonomy, taxonomic_name

Style = Literal["prefix", "name", "common"]
STYLES: tuple[Style, ...] = get_args(Style)


def taxon_text(taxonomy: Taxonomy, taxon: Taxon, style: Style = "prefix") -> str:
    """What a taxon is called.

    Args:
        taxonomy: Where it is from.
        taxon: It.
        style: "prefix": all names down to its rank, "Animalia Chordata Aves", as RCME is trained; "name": its
            own, "Canis lupus" for a species; "common": its common name, or its own where it has none.

    Returns:
        The text; "" for a group without a name.
    """
    if not taxon.name:
        return ""
    if style == "prefix":
        return taxonomic_name(taxon.lineage)
    spoken = taxonomy.common_name(taxon.number) if style == "common" else None
    return spoken.name if spoken is not None and spoken.rank == taxon.rank else taxon.name


def encode_ranks(
    model: Model,
    taxonomy: Taxonomy,
    style: Style = "prefix",
    templates: str | Sequence[str] | None = None,
) -> list[RankTexts]:
    """The labels of every rank.

    Args:
        model: What encodes them.
        taxonomy: Whose taxa.
        style: See `taxon_text`.
        templates: Prompts around them; none when not given, the habit of models trained on lineages.

    Raises:
        UsageError: There is no such style, no such templates, or no common name to use.
    """
    if style not in STYLES:
        raise UsageError(f"labels of taxa are one of {', '.join(STYLES)}, not {style!r}")
    if style == "common" and not taxonomy.common:
        raise UsageError("these pictures come without common names: choose prefix or name")
    called = [
        [taxon_text(taxonomy, taxon, style) for taxon in taxonomy.taxa(rank)] for rank in taxonomy.ranks
    ]
    labels = [list(dict.fromkeys(filter(None, texts))) for texts in called]
    vectors = encode_texts(model, [label for own in labels for label in own], templates)
    ranks = []
    for texts, own, rows in zip(
        called, labels, torch.split(vectors, [len(own) for own in labels]), strict=True
    ):
        place = {label: i for i, label in enumerate(own)}
        ranks.append(RankTexts(rows, torch.tensor([place.get(text, -1) for text in texts])))
    return ranks

"""The pocket model, which ships with this package and can be trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from torch import nn

from terralex.models.card import InputSpec, ModelCard
from terralex.models.dense.tower import Tower
from terralex.models.dense.towers import PocketTower
from terralex.models.families.family import Family
from terralex.models.interfaces import LoadedModel, Tokenizer
from terralex.models.pocket import PocketCLIP, PocketConfig
from terralex.models.tokenizer import PocketTokenizer
from terralex.runtime.errors import UsageError


class PocketFamily(Family):
    """See `Family`."""

    uses_scga = False
    trains_on_several_sizes = True
    trains_dense = True

    def _build(self, card: ModelCard) -> tuple[nn.Module, Tokenizer]:
        """See `Family`."""
        return _network(PocketConfig.from_card(card.architecture))

    def tower(self, model: LoadedModel, scra: float) -> Tower:
        """See `Family`; its dense features were trained for words and use no SCRA."""
        return PocketTower(cast(PocketCLIP, model.network))

    def with_band_count(self, card: ModelCard, count: int) -> ModelCard:
        """See `Family`."""
        return replace(card, architecture={**card.architecture, "bands": count})

    def from_scratch(
        self, card: ModelCard, spec: InputSpec, changes: Mapping[str, Any]
    ) -> tuple[ModelCard, nn.Module, Tokenizer]:
        """See `Family`."""
        architecture = {**card.architecture, **changes, "bands": len(spec.bands)}
        try:
            config = PocketConfig.from_card(architecture)
            network, tokenizer = _network(config)
        except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise UsageError(
                f"architecture in the recipe: there is no such pocket network ({error})"
            ) from None
        card = replace(
            card,
            architecture=architecture,
            embed_dim=config.embed_dim,
            input=replace(spec, size=config.image_size),
            text=replace(card.text, context=config.context),
        )
        return card, network, tokenizer


def _network(config: PocketConfig) -> tuple[nn.Module, Tokenizer]:
    tokenizer = PocketTokenizer(config.merges, config.context)
    return PocketCLIP(config, tokenizer.vocab_size), tokenizer


FAMILY = PocketFamily()

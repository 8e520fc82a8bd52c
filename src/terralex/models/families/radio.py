"""RADIO, whose texts go through the text tower of one of its teachers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from torch import nn

from terralex.models.card import ModelCard
from terralex.models.dense.tower import Tower
from terralex.models.dense.towers import RadioTower
from terralex.models.families.family import Family
from terralex.models.interfaces import LoadedModel, Tokenizer
from terralex.models.radio.network import RadioCLIP, open_radio
from terralex.models.radio.text import text_tower
from terralex.runtime.errors import TerralexError


class RadioFamily(Family):
    """See `Family`."""

    checkpoint_suffix = ".pth.tar"
    dense_window = 336

    def _build(self, card: ModelCard) -> tuple[nn.Module, Tokenizer]:
        """See `Family`.

        Raises:
            TerralexError: Always: the sizes of the network are known from its weights alone.
        """
        raise TerralexError(f"{card.name}: a RADIO network is only built together with its weights")

    def open(
        self, card: ModelCard, weights: Path, *, offline: bool
    ) -> tuple[ModelCard, nn.Module, Tokenizer]:
        """See `Family`."""
        return open_radio(card, weights, offline=offline)

    def tower(self, model: LoadedModel, scra: float) -> Tower:
        """See `Family`."""
        network = cast(RadioCLIP, model.network)
        return RadioTower(network.radio, network.adaptor, scra)

    def fetch_text_tower(self, card: ModelCard) -> None:
        """See `Family`."""
        if card.text.tower:
            text_tower(card.text, card.name).fetch()

    def as_published(self, card: ModelCard) -> ModelCard:
        """See `Family`: RADIO's hub code resizes the position table without aligned corners."""
        return replace(card, architecture={**card.architecture, "align_corners": False})


FAMILY = RadioFamily()

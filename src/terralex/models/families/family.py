"""What a model family is: everything that differs between kinds of models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from terralex.models.card import InputSpec, ModelCard
from terralex.models.checkpoints import StateDict, load_strict, read_state_dict
from terralex.models.dense.tower import Tower
from terralex.models.hyperbolic import LorentzScales
from terralex.models.interfaces import LoadedModel, Tokenizer
from terralex.runtime.errors import UsageError


class Family(ABC):
    """Builds and loads the models of one family, and answers what holds for all of them.

    Attributes:
        weight_file: Name of the file of weights in a folder of `save_model`.
        checkpoint_suffix: End of the names of checkpoint files that only this family has; "" for none.
        dense_window: Side in pixels of the windows for dense features; None: the size of the card's input.
        uses_scga: Dense features are refined by SCGA.
        trains_on_several_sizes: The network takes pictures smaller than the card's input.
        trains_dense: Recipes can train its dense features.
    """

    weight_file: str = "model.safetensors"
    checkpoint_suffix: str = ""
    dense_window: int | None = None
    uses_scga: bool = True
    trains_on_several_sizes: bool = False
    trains_dense: bool = False

    def build(self, card: ModelCard) -> tuple[nn.Module, Tokenizer]:
        """The network that a card describes, without weights, and its tokenizer.

        Networks of hyperbolic geometry have their `LorentzScales` as ``lorentz``.
        """
        network, tokenizer = self._build(card)
        if card.geometry == "lorentz":
            network.lorentz = LorentzScales(card.embed_dim)
        return network, tokenizer

    @abstractmethod
    def _build(self, card: ModelCard) -> tuple[nn.Module, Tokenizer]:
        """As `build`, before the geometry is known."""

    def open(
        self, card: ModelCard, weights: Path, *, offline: bool
    ) -> tuple[ModelCard, nn.Module, Tokenizer]:
        """The network with the weights of a file, and the card, completed by what the file knows.

        Raises:
            TerralexError: The file is damaged or does not fit the card.
        """
        network, tokenizer = self.build(card)
        load_strict(network, read_state_dict(weights), str(weights))
        return card, network, tokenizer

    @abstractmethod
    def tower(self, model: LoadedModel, scra: float) -> Tower:
        """The image tower for dense features, which shares the weights of the model.

        Args:
            model: A model of this family.
            scra: What cosines of SCRA are multiplied by, where the family uses SCRA.

        Raises:
            UsageError: The model has no dense features.
        """

    def fetch_text_tower(self, card: ModelCard) -> None:
        """Download the text tower where it is not part of the weights."""
        return

    def extra_files(self, card: ModelCard) -> dict[str, bytes]:
        """Files, by name, that `save_model` writes beside the card and the weights."""
        return {}

    def disagreement(self, card: ModelCard, weights: Path) -> tuple[Path, str] | None:
        """The publisher's description beside the weights, and how the card differs; None: not at all."""
        return None

    def fits(self, card: ModelCard, tensors: StateDict) -> bool:
        """Whether tensors of unknown origin could be the weights of a card, by their shapes."""
        return False

    def as_published(self, card: ModelCard) -> ModelCard:
        """The card with which the published figures of segmentation were measured."""
        return card

    def with_band_count(self, card: ModelCard, count: int) -> ModelCard:
        """The card of a model whose first layer takes another number of bands."""
        return card

    def from_scratch(
        self, card: ModelCard, spec: InputSpec, changes: Mapping[str, Any]
    ) -> tuple[ModelCard, nn.Module, Tokenizer]:
        """A network with fresh weights, for training.

        Args:
            card: The card that it is like.
            spec: The bands, units and statistics of its input.
            changes: Sizes in place of those in the card's ``architecture``.

        Raises:
            UsageError: The family cannot be trained from scratch, or there is no such architecture.
        """
        raise UsageError(f"model {card.name}: only the pocket model is made from scratch")

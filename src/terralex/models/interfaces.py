"""What networks, tokenizers and loaded models offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from terralex.models.card import ModelCard
from terralex.models.hyperbolic import LorentzScales


class Network(Protocol):
    """What the networks of every family offer; they are ``nn.Module`` besides."""

    logit_scale: Tensor
    lorentz: LorentzScales
    """Only where the geometry of the card is ``lorentz``."""

    def encode_image(self, pixels: Tensor) -> Tensor:
        """(N, bands, size, size) to (N, embed_dim), not yet of unit length."""
        ...

    def encode_text(self, tokens: Tensor) -> Tensor:
        """(N, context) to (N, embed_dim), not yet of unit length."""
        ...


class Tokenizer(Protocol):
    """Texts to token ids."""

    def __call__(self, texts: Sequence[str], /) -> Tensor:
        """Token ids, int64, of shape (len(texts), context)."""
        ...


class LoadedModel(Protocol):
    """The part of `terralex.models.Model` from which dense features are made."""

    card: ModelCard
    network: nn.Module

    @property
    def name(self) -> str:
        """The card's name."""
        ...

"""Networks and tokenizers built from a card, without weights and without the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from terralex.models.card import ModelCard
from terralex.models.hyperbolic import LorentzScales
from terralex.runtime.errors import TerralexError

CLIP_VOCABULARY = 49408


class Network(Protocol):
    """What every family of models offers; an ``nn.Module`` besides."""

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


def build(card: ModelCard) -> tuple[nn.Module, Tokenizer]:
    """The network that the card describes and its tokenizer.

    Large networks come on the meta device: their weights take neither time nor memory until they are loaded.
    Those of hyperbolic geometry have their `LorentzScales` as ``lorentz``.
    """
    network, tokenizer = _build_pocket(card) if card.family == "pocket" else _build_open_clip(card)
    if card.geometry == "lorentz":
        network.lorentz = LorentzScales(card.embed_dim)
    return network, tokenizer


def open_clip_config(architecture: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The complete open_clip configuration: of a shipped name (``name``), or as it stands (``config``).

    Raises:
        TerralexError: open_clip has no such architecture, or it is one that is not supported here.
    """
    import open_clip

    config: dict[str, Any] | None
    if "config" in architecture:
        config = dict(architecture["config"])
    else:
        name = architecture.get("name")
        config = open_clip.get_model_config(name) if isinstance(name, str) else None
        if config is None:
            raise TerralexError(f"{where}: architecture.name must be one of open_clip's, not {name!r}")
    vision, text = config.get("vision_cfg"), config.get("text_cfg")
    if not isinstance(vision, Mapping) or not isinstance(text, Mapping):
        raise TerralexError(f"{where}: an open_clip configuration has vision_cfg and text_cfg")
    foreign = [
        key
        for part in (vision, text)
        for key in ("timm_model_name", "hf_model_name", "hf_tokenizer_name", "tokenizer_kwargs")
        if part.get(key)
    ]
    if text.get("vocab_size", CLIP_VOCABULARY) != CLIP_VOCABULARY:
        foreign.append("vocab_size")
    if foreign or config.get("custom_text") or config.get("multimodal_cfg"):
        raise TerralexError(
            f"{where}: only CLIP's own towers and tokenizer are supported; this architecture has "
            f"{', '.join(foreign) or 'another text tower'}"
        )
    return config


def _build_open_clip(card: ModelCard) -> tuple[nn.Module, Tokenizer]:
    import open_clip

    from terralex.models.clip import CLIP

    config = open_clip_config(card.architecture, card.name)
    with torch.device("meta"):
        try:
            network = CLIP(**config)
        except Exception as error:  # a configuration is anyone's, and open_clip trusts it
            raise TerralexError(f"{card.name}: open_clip cannot build its architecture: {error}") from error
        first = network.visual.conv1
        if (channels := len(card.input.bands)) != first.in_channels:
            network.visual.conv1 = nn.Conv2d(
                channels,
                first.out_channels,
                first.kernel_size,
                first.stride,
                first.padding,
                bias=first.bias is not None,
            )
    if network.attn_mask is not None:  # no weight, so no file brings it
        network.attn_mask = causal_mask(network.attn_mask.shape[-1])
    return network, cast(Tokenizer, open_clip.SimpleTokenizer(context_length=card.text.context))


def _build_pocket(card: ModelCard) -> tuple[nn.Module, Tokenizer]:
    from terralex.models.pocket import PocketCLIP, PocketConfig
    from terralex.models.tokenizer import PocketTokenizer

    config = PocketConfig.from_card(card.architecture)
    tokenizer = PocketTokenizer(config.merges, config.context)
    return PocketCLIP(config, tokenizer.vocab_size), tokenizer


def causal_mask(length: int) -> Tensor:
    """What CLIP's text tower adds to its attention: a token sees none after it."""
    return torch.full((length, length), float("-inf")).triu_(1)

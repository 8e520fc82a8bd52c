"""Networks and tokenizers built from a card, without weights and without the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from terralex.models.card import ModelCard
from terralex.models.families.registry import get_family
from terralex.models.interfaces import Tokenizer
from terralex.runtime.errors import TerralexError

CLIP_VOCABULARY = 49408


def build(card: ModelCard) -> tuple[nn.Module, Tokenizer]:
    """The network that the card describes and its tokenizer.

    Large networks come on the meta device: their weights take neither time nor memory until they are loaded.
    Those of hyperbolic geometry have their `LorentzScales` as ``lorentz``.
    """
    return get_family(card.family).build(card)


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


def causal_mask(length: int) -> Tensor:
    """What CLIP's text tower adds to its attention: a token sees none after it."""
    return torch.full((length, length), float("-inf")).triu_(1)

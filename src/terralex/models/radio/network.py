"""RADIO as a model of pictures and words: a backbone, one teacher's head, and that teacher's text tower."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from terralex.models.card import ModelCard
from terralex.models.radio.arguments import Teacher
from terralex.models.radio.backbone import Radio
from terralex.models.radio.build import build_radio, find_teacher
from terralex.models.radio.containers import Container, read_container
from terralex.models.radio.heads import Head
from terralex.models.radio.text import TextTower, text_spec, text_tower
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.fields import Fields

_REFINER = "sam"
"""The adaptor that refinement of masks needs; it is loaded beside the one of language, where there is one."""


class RadioCLIP(nn.Module):
    """Pictures and texts into the space of one of RADIO's teachers.

    Attributes:
        radio: The backbone with its heads.
        adaptor: Name of the teacher whose space it is.
        text: Its text tower, which is read when it is first needed and is not among the weights.
        logit_scale: Logarithm of what cosines are multiplied by.
    """

    logit_scale: Tensor

    def __init__(self, radio: Radio, adaptor: str, text: TextTower, logit_scale: float) -> None:
        super().__init__()
        self.radio = radio
        self.adaptor = adaptor
        self.text = text
        self.register_buffer("logit_scale", torch.tensor(math.log(logit_scale)), persistent=False)

    @property
    def head(self) -> Head:
        """The head of `adaptor`."""
        return cast(Head, self.radio.heads[self.adaptor])

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (N, 3, H, W), H and W multiples of the patch, to (N, D), not of unit length."""
        prefix, _ = self.radio.encode(pixels)
        return self.align(prefix[:, self.head.slot])

    def align(self, features: Tensor) -> Tensor:
        """Tokens of the backbone (..., C) to the space of texts (..., D), not of unit length."""
        assert self.head.summary is not None
        return cast(Tensor, self.head.summary(features))

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Token ids (N, context) to (N, D), not of unit length.

        Raises:
            TerralexError: The text tower is not on this machine, damaged, or not of this space.
        """
        features = self.text.encode(tokens, next(self.radio.parameters()).dtype)
        if (ours := self.head.out_features) != features.shape[-1]:
            raise TerralexError(
                f"the text tower {self.text.tower} gives {features.shape[-1]} numbers, but the head "
                f"{self.adaptor!r} of {self.text.name} gives {ours}: they do not belong together"
            )
        return features


def open_radio(card: ModelCard, path: Path, *, offline: bool) -> tuple[ModelCard, RadioCLIP, TextTower]:
    """A RADIO model from its card and its weights.

    Args:
        card: ``architecture`` names the ``adaptor`` whose space texts are in and says ``align_corners``.
        path: A container; or the bare backbone of the Hugging Face Hub, with the container in its folder.
        offline: Never use the network for the text tower.

    Returns:
        The card, with what the file knows better; the network; and the tokenizer.

    Raises:
        TerralexError: The file does not fit, or is damaged.
        UsageError: It has no such adaptor, or one without a text tower.
    """
    adaptor, align_corners, arguments = _architecture(card)
    container = read_container(path, arguments)
    source = container if any(container.heads.values()) else _beside(path) or container
    teacher = find_teacher(source, adaptor)
    text = text_spec(teacher, card.text)
    if text is None or not source.heads[teacher.name]:
        raise UsageError(f"{source.path}: the adaptor {teacher.name!r} has no text tower; use another")
    wanted = [teacher.name, *([_REFINER] if _offers(source, _REFINER) else [])]
    radio = build_radio(container, source, wanted, align_corners=align_corners)
    network = RadioCLIP(
        radio, teacher.name, text_tower(text, card.name, offline=offline), card.logit_scale or 100.0
    )
    kept = {
        "adaptor": teacher.name,
        "align_corners": align_corners,
        "args": _kept_arguments(radio, source, wanted),
    }
    card = replace(card, architecture=kept, embed_dim=network.head.out_features, text=text)
    return _with_conditioning(card, radio), network, network.text


def with_adaptor(card: ModelCard, adaptor: str) -> ModelCard:
    """The card of a RADIO model, with the space of another of its teachers that has a text tower."""
    return replace(card, architecture={**card.architecture, "adaptor": adaptor})


def _architecture(card: ModelCard) -> tuple[str, bool, Mapping[str, Any] | None]:
    fields = Fields(card.architecture, f"the card of {card.name}", "architecture.")
    adaptor = fields.text("adaptor")
    align_corners = fields.flag("align_corners", default=False)
    arguments = fields.mapping("args") if "args" in card.architecture else None
    fields.finish()
    return adaptor, align_corners, arguments


def _beside(path: Path) -> Container | None:
    """The container in the folder of a bare backbone, which has the heads."""
    found = sorted(path.parent.glob("*.pth.tar"))
    return read_container(found[0]) if len(found) == 1 else None


def _offers(container: Container, adaptor: str) -> bool:
    teacher = container.arguments.teacher(adaptor)
    return teacher is not None and bool(container.projections[teacher.name])


def _kept_arguments(radio: Radio, source: Container, wanted: list[str]) -> dict[str, Any]:
    """What has to be known, beside the tensors, to build the network again."""
    teachers = [one for name in wanted if (one := source.arguments.teacher(name))]
    return {
        "model_kwargs": {"num_heads": cast(Any, radio.blocks[0]).attn.num_heads},
        "model_norm": not isinstance(radio.norm, nn.Identity),
        "summary_slots": list(radio.summary_slots),
        "teachers": [_plain(teacher) for teacher in teachers],
    }


def _plain(teacher: Teacher) -> dict[str, Any]:
    plain = {
        "name": teacher.name,
        "type": teacher.kind,
        "token_slot": teacher.slot,
        "model": teacher.model,
        "pretrained": teacher.pretrained,
        "fd_upsample_factor": teacher.upsample,
    }
    return {name: value for name, value in plain.items() if value is not None}


def _with_conditioning(card: ModelCard, radio: Radio) -> ModelCard:
    """The card with the mean and deviation that the weights bring."""
    mean, std = (values.flatten().tolist() for values in radio.input_conditioner.buffers())
    if torch.allclose(torch.tensor([*mean, *std]), torch.tensor([*card.input.mean, *card.input.std])):
        return card
    return replace(card, input=replace(card.input, mean=tuple(mean), std=tuple(std)))

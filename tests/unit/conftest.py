"""A CLIP small enough to build in a moment, with the real tokenizer and every part of the real one."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from terralex.models import ModelCard, TextSpec, WeightSource, get_card
from terralex.models.checkpoints import load_strict
from terralex.models.model import Model
from terralex.models.networks import build

SIZE = 32

CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": SIZE, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def _card(like: str, name: str) -> ModelCard:
    shipped = get_card(like)
    return replace(
        shipped,
        name=name,
        architecture={"config": CONFIG},
        embed_dim=24,
        weights=WeightSource(files=("model.safetensors",)),
        input=replace(shipped.input, size=SIZE),
        text=TextSpec("clip", 77, "photo"),
        logit_scale=None,
    )


@pytest.fixture(scope="session")
def rgb_card() -> ModelCard:
    return _card("clip-vit-b16", "tiny")


@pytest.fixture(scope="session")
def ms_card() -> ModelCard:
    return _card("msclip", "tiny-ms")


@pytest.fixture(scope="session")
def make_state() -> Callable[[ModelCard], dict[str, torch.Tensor]]:
    """Random weights for a card's network, always the same."""

    made: dict[int, dict[str, torch.Tensor]] = {}

    def make(card: ModelCard) -> dict[str, torch.Tensor]:
        bands = len(card.input.bands)
        if bands not in made:
            made[bands] = fill(card)
        return made[bands]

    def fill(card: ModelCard) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(7)
        network, _ = build(card)
        state = {
            name: torch.randn(tensor.shape, generator=generator) * max(tensor.shape[-1:] or (1,)) ** -0.5
            for name, tensor in network.state_dict().items()
        }
        return {**state, "logit_scale": torch.tensor(2.0)}

    return make


@pytest.fixture(scope="session")
def make_model(make_state: Callable[[ModelCard], dict[str, torch.Tensor]]) -> Callable[..., Model]:
    def make(card: ModelCard, dtype: torch.dtype = torch.float32) -> Model:
        network, tokenizer = build(card)
        load_strict(network, make_state(card), "random weights")
        return Model(card, network, tokenizer, dtype=dtype)

    return make

"""A CLIP small enough to build in a moment, with the real tokenizer and every part of the real one."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
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


@pytest.fixture(scope="session")
def model(rgb_card: ModelCard, make_model: Callable[..., Model]) -> Model:
    return make_model(rgb_card)


@pytest.fixture(scope="session")
def ms_model(ms_card: ModelCard, make_model: Callable[..., Model]) -> Model:
    return make_model(ms_card)


@pytest.fixture
def rgb() -> np.ndarray:
    """A colour picture, uint8 (40, 56, 3)."""
    return np.random.default_rng(3).integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.fixture
def put_in_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Lays files into a Hugging Face cache of its own, the way its client does."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))

    def put(repo: str, files: dict[str, bytes], commit: str = "a" * 40, ref: str | None = "main") -> Path:
        folder = tmp_path / "hf" / "hub" / f"models--{repo.replace('/', '--')}"
        for name, content in files.items():
            blob = folder / "blobs" / f"{name.replace('/', '-')}-{commit[:4]}"
            link = folder / "snapshots" / commit / name
            for path in (blob, link):
                path.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
        if ref:
            (folder / "refs").mkdir(exist_ok=True)
            (folder / "refs" / ref).write_text(commit)
        return folder / "snapshots" / commit

    return put

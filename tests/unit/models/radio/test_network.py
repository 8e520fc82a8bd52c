"""RADIO through `load_model`: pictures and words in one space, from a card and a file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from terralex.models import Model, get_card, list_cards, load_model, load_templates, loading, save_model
from terralex.models.card import card_to_yaml
from terralex.models.hub import hand_folder
from terralex.models.radio import RadioCLIP, load_radio, with_adaptor
from terralex.runtime.cache import VectorCache
from terralex.runtime.errors import TerralexError, UsageError

from ....rounding import equal_up_to_rounding, equal_weights
from . import made
from .conftest import Save
from .towers import write_siglip2

TOWER = "google/siglip2-so400m-patch16-naflex"


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return hand_folder(TOWER.replace("/", "--"))


@pytest.fixture
def model(save: Save, caches: Path) -> Iterator[Model]:
    write_siglip2(caches, out=made.OUT)
    return load_model(f"c-radio-v3-b@{save()}", offline=True)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def network(model: Model) -> RadioCLIP:
    assert isinstance(model.network, RadioCLIP)
    return model.network


def test_the_file_knows_more_than_the_card(model: Model) -> None:
    assert (model.name, model.embed_dim, model.logit_scale) == ("c-radio-v3-b", made.OUT, 100)
    assert model.card.input.mean == pytest.approx((0.48, 0.46, 0.41)), "of the weights"
    assert model.card.input.size == 512
    assert model.card.text.tower == TOWER
    assert network(model).radio.align_corners, "of the card"
    assert list(network(model).radio.heads) == ["siglip2", "sam"]


def test_pictures(model: Model, picture: np.ndarray, save: Save) -> None:
    vectors = model.encode_images([picture, picture[::-1].copy()])
    assert vectors.shape == (2, made.OUT)
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(2), atol=1e-6)
    prepared = torch.stack([model._prepared(item).pixels for item in (picture, picture[::-1].copy())])
    radio = load_radio(save(name="again.pth.tar"), align_corners=True)
    prefix, _ = radio.encode(prepared)
    expected = F.normalize(radio.heads["siglip2"].summary(prefix[:, 1]), dim=-1)
    assert torch.allclose(vectors, expected, atol=1e-5)


def test_words(model: Model) -> None:
    vectors = model.encode_texts(["a cat", "A CAT.", "photo of tree"])
    assert vectors.shape == (3, made.OUT)
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.allclose(vectors[0], vectors[2], atol=1e-3)


def test_the_text_tower_is_read_when_it_is_needed(save: Save, caches: Path, picture: np.ndarray) -> None:
    model = load_model(f"c-radio-v3-b@{save()}", offline=True)
    assert model.encode_images([picture]).shape == (1, made.OUT)
    with pytest.raises(
        TerralexError, match=f"c-radio-v3-b needs tokenizer.json of https://huggingface.co/{TOWER}"
    ):
        model.encode_texts(["a cat"])


def test_eighty_templates_are_one_batch_and_kept(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    encode = network(model).text.encode

    def counted(tokens: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        batches.append(len(tokens))
        return encode(tokens, dtype)

    monkeypatch.setattr(network(model).text, "encode", counted)
    cache = VectorCache("radio-words")
    labels = {"cat": ["cat"], "dog": ["dog", "puppy"]}
    weights = model.class_weights(labels, cache=cache)
    assert batches == [3 * len(load_templates("openai"))] == [240]
    prompts = [template.replace("{c}", "cat") for template in load_templates("openai")]
    expected = F.normalize(model.encode_texts(prompts).mean(dim=0), dim=-1)
    assert torch.allclose(weights[0], expected, atol=1e-6)
    batches.clear()
    assert torch.allclose(model.class_weights(labels, cache=cache), weights, atol=1e-6)
    assert batches == [], "nothing is encoded twice"


def test_a_tower_of_another_space(save: Save, caches: Path) -> None:
    write_siglip2(caches, out=made.OUT - 8)
    model = load_model(f"c-radio-v3-b@{save()}", offline=True)
    with pytest.raises(TerralexError, match=r"gives 16 numbers, but the head 'siglip2' .* gives 24"):
        model.encode_texts(["a cat"])


def test_other_adaptors(save: Save, caches: Path, model: Model) -> None:
    card = get_card("c-radio-v3-b")
    clip = load_model(str(save()), card=with_adaptor(card, "clip"), offline=True)
    assert network(clip).adaptor == "clip"
    assert clip.card.text.tower == "tiny-clip/made"
    assert clip.revision != model.revision
    for adaptor, message in {"dino_v2": "has no text tower", "siglip": "has no adaptor 'siglip'"}.items():
        with pytest.raises(UsageError, match=message):
            load_model(str(save()), card=with_adaptor(card, adaptor), offline=True)


def test_corners_are_of_the_card(save: Save, caches: Path, picture: np.ndarray) -> None:
    card = get_card("c-radio-v3-b")
    other = replace(card, architecture={**card.architecture, "align_corners": False})
    one, two = (load_model(str(save()), card=which, offline=True) for which in (card, other))
    assert one.revision != two.revision
    assert not torch.allclose(one.encode_images([picture]), two.encode_images([picture]), atol=1e-4)


@pytest.mark.parametrize("gated", [False, True])
def test_saved_and_loaded(model: Model, save: Save, tmp_path: Path, picture: np.ndarray, gated: bool) -> None:
    if gated:
        arguments = made.arguments(model_norm=True, model_kwargs={"num_heads": 4, "scaled_ln": True})
        norm = made.under("base_model.norm.", {"weight": torch.ones(32), "bias": torch.ones(32)})
        path = save(made.checkpoint_state() | norm, arguments, name="normed.pth.tar")
        model = load_model(f"c-radio-v3-b@{path}", offline=True)
    again = load_model(f"local-dir:{save_model(model, tmp_path / 'saved')}", offline=True)
    assert equal_weights(again, model)
    assert equal_up_to_rounding(again.encode_images([picture]), model.encode_images([picture]))
    assert equal_up_to_rounding(again.encode_texts(["a cat"]), model.encode_texts(["a cat"]))
    assert network(again).radio.summary_slots == network(model).radio.summary_slots
    assert card_to_yaml(replace(again.card, weights=model.card.weights)) == card_to_yaml(model.card)


def test_bare_backbone_beside_its_container(
    save: Save, caches: Path, picture: np.ndarray, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    bare = tmp_path / "bare" / "model.safetensors"
    bare.parent.mkdir()
    save_file(made.under("radio_model.model.", made.backbone()), bare)
    (bare.parent / "config.json").write_text('{"args": {"model_kwargs": {"num_heads": 4}}}')
    with pytest.raises(UsageError, match="it holds a backbone alone"):
        load_model(f"c-radio-v3-b@{bare}", offline=True)
    container = save()
    container.rename(bare.parent / "heads.pth.tar")
    both = load_model(f"c-radio-v3-b@{bare}", offline=True)
    whole = load_model(f"c-radio-v3-b@{bare.parent / 'heads.pth.tar'}", offline=True)
    pixels = torch.randn(1, 3, 64, 64)
    assert equal_up_to_rounding(network(both).encode_image(pixels), network(whole).encode_image(pixels))


def test_half_precision(save: Save, caches: Path, model: Model, picture: np.ndarray) -> None:
    half = load_model(f"c-radio-v3-b@{save()}", precision="bfloat16", offline=True)
    assert half.encode_texts(["a cat"]).dtype == torch.float32
    assert torch.cosine_similarity(half.encode_images([picture]), model.encode_images([picture])) > 0.99
    assert torch.cosine_similarity(half.encode_texts(["a cat"]), model.encode_texts(["a cat"])) > 0.99


def test_absent_weights_are_named(caches: Path) -> None:
    with pytest.raises(
        TerralexError, match=r"c-radio_v3-b_half\.pth\.tar of https://huggingface.co/nvidia/C-RADIOv3-B"
    ):
        load_model("c-radio-v3-b", offline=True)


def test_whose_weights_must_be_said(save: Save) -> None:
    with pytest.raises(UsageError, match=r"whose weights are these\? .*RADIO.*c-radio-v3-b"):
        load_model(str(save()))


def test_pulling_fetches_the_text_tower(caches: Path, monkeypatch: pytest.MonkeyPatch, save: Save) -> None:
    card = get_card("c-radio-v3-b")
    folder = hand_folder(card.name)
    folder.mkdir(parents=True)
    save().rename(folder / card.weights.files[0])
    monkeypatch.setenv("TERRALEX_OFFLINE", "1")
    with pytest.raises(TerralexError, match="c-radio-v3-b needs config"):
        loading.pull(card)
    write_siglip2(caches)
    assert loading.pull(card) == folder / card.weights.files[0]


RADIO = [card for card in list_cards() if card.family == "radio"]


def test_published_sizes_have_cards() -> None:
    assert {card.name for card in RADIO} == {
        *(f"radio-v2.5-{size}" for size in "blhg"),
        *(f"c-radio-v3-{size}" for size in "blhg"),
        "c-radio-v4-so400m",
        "c-radio-v4-h",
    }


@pytest.mark.parametrize("card", RADIO, ids=lambda card: card.name)
def test_cards(card: object) -> None:
    found = get_card(getattr(card, "name", ""))
    assert found.architecture.keys() == {"adaptor", "align_corners"}
    assert found.text.tower
    assert found.input.size % (14 if found.name == "radio-v2.5-g" else 16) == 0
    commercial = found.name.startswith("c-radio")
    assert ("non-commercial" in found.licence) is not commercial
    assert any("forbids commercial use" in note for note in found.notes) is not commercial

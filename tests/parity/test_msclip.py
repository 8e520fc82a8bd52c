"""MS-CLIP: ten bands, fifty prompts, scaled cosines; and its checkpoint's layout."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from terralex.imagery import read_image
from terralex.models import InputSpec, Model, ModelCard, get_card, load_model, load_templates
from terralex.models.checkpoints import MSCLIP_PREFIXES, load_strict
from terralex.models.networks import build

EMBEDDING = 1e-4
PROBABILITY = 1e-3

# Published beside the ten bands of the weights that are public.
ALL_BANDS = {"B01": (794.311, 1164.883), "B09": (2703.298, 1660.395)}
TWELVE = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")

Fill = Callable[[str, tuple[int, ...], int], torch.Tensor]


@pytest.fixture(scope="module")
def card(case: SimpleNamespace) -> ModelCard:
    shipped = get_card("msclip")
    spec = shipped.input if case.settings["channels"] == 10 else _twelve(shipped.input)
    return replace(shipped, architecture={"name": case.settings["model"]}, input=spec)


@pytest.fixture(scope="module")
def state(case: SimpleNamespace, card: ModelCard, fill: Fill) -> dict[str, torch.Tensor]:
    network, _ = build(card)
    seed = case.settings["seed"]
    return {name: fill(name, tuple(tensor.shape), seed) for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def model(card: ModelCard, state: dict[str, torch.Tensor]) -> Model:
    network, tokenizer = build(card)
    load_strict(network, state, "the rule")
    return Model(card, network, tokenizer)


@pytest.fixture(scope="module")
def expected(case: SimpleNamespace) -> Mapping[str, np.ndarray]:
    found: Mapping[str, np.ndarray] = case.expected()
    return found


@pytest.fixture(scope="module")
def pixels(case: SimpleNamespace, model: Model, data_dir: Path) -> torch.Tensor:
    """The images, prepared: (N, bands, size, size)."""
    prepared = []
    for name in case.settings["images"]:
        level = next(level for level in ("l2a", "l1c") if (data_dir / "sentinel2" / level / name).is_file())
        image = read_image(data_dir / "sentinel2" / level / name, bands=f"sentinel-2-{level}", units="dn")
        prepared.append(model.prepare(image).pixels)
    return torch.stack(prepared)


@pytest.fixture(scope="module")
def templates(case: SimpleNamespace) -> tuple[str, ...]:
    return load_templates(case.folder / "prompts.txt")


@pytest.fixture(scope="module")
def images(model: Model, pixels: torch.Tensor) -> torch.Tensor:
    return model.encode_images(pixels)


@pytest.fixture(scope="module")
def weights(case: SimpleNamespace, model: Model, templates: tuple[str, ...]) -> torch.Tensor:
    return model.class_weights(case.settings["classes"], templates)


def test_input(pixels: torch.Tensor, expected: Mapping[str, np.ndarray]) -> None:
    np.testing.assert_allclose(pixels[:, :, :8, :8], expected["input_corner"], atol=EMBEDDING)
    np.testing.assert_allclose(pixels.mean(dim=(2, 3)), expected["input_mean_per_band"], atol=EMBEDDING)


def test_image_embeddings(images: torch.Tensor, expected: Mapping[str, np.ndarray]) -> None:
    np.testing.assert_allclose(images, expected["image_embeddings"], atol=EMBEDDING)


def test_text_embeddings(case: SimpleNamespace, model: Model, expected: Mapping[str, np.ndarray]) -> None:
    texts = model.encode_texts(case.settings["texts"])
    np.testing.assert_allclose(texts, expected["text_embeddings"], atol=EMBEDDING)


def test_class_weights(weights: torch.Tensor, expected: Mapping[str, np.ndarray]) -> None:
    np.testing.assert_allclose(weights, expected["class_weights"], atol=EMBEDDING)


def test_probabilities(
    model: Model, images: torch.Tensor, weights: torch.Tensor, expected: Mapping[str, np.ndarray]
) -> None:
    np.testing.assert_allclose(model.logits(images, weights), expected["logits"], atol=100 * EMBEDDING)
    np.testing.assert_allclose(
        model.probabilities(images, weights), expected["probabilities"], atol=PROBABILITY
    )


def test_templates_are_shipped(case: SimpleNamespace, templates: tuple[str, ...]) -> None:
    assert load_templates(case.settings["templates"]) == templates


def test_published_layout(
    case: SimpleNamespace,
    card: ModelCard,
    state: dict[str, torch.Tensor],
    images: torch.Tensor,
    pixels: torch.Tensor,
    tmp_path: Path,
) -> None:
    """The checkpoint names one network three times and adds a temperature; it loads by its names alone."""
    file = tmp_path / "Llama3_MS_CLIP_weights.pt"
    published = {prefix + name: tensor for prefix in MSCLIP_PREFIXES for name, tensor in state.items()}
    published["temperature"] = torch.tensor(0.07)
    assert {name.split(".")[0] for name in published} == set(case.settings["state_dict_prefixes"])
    torch.save(published, file)
    assert file.stat().st_size < 1.1 * sum(tensor.nbytes for tensor in state.values())

    by_card = load_model(str(file), card=card, device="cpu")
    torch.testing.assert_close(by_card.encode_images(pixels), images, atol=1e-6, rtol=0)
    if card.input == get_card("msclip").input:
        assert len(published) == 907
        by_names = load_model(str(file), device="cpu")
        assert (by_names.name, by_names.revision) == ("msclip", by_card.revision)
        torch.testing.assert_close(by_names.encode_images(pixels), images, atol=1e-6, rtol=0)


def _twelve(spec: InputSpec) -> InputSpec:
    ten = dict(zip(spec.bands, zip(spec.mean, spec.std, strict=True), strict=True))
    mean, std = zip(*({**ten, **ALL_BANDS}[band] for band in TWELVE), strict=True)
    return replace(spec, bands=TWELVE, mean=mean, std=std)

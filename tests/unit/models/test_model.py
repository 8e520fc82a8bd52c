from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch
from torch.nn import functional as F

from terralex.imagery import Bands, Image
from terralex.models import ModelCard, load_templates
from terralex.models.model import Model
from terralex.models.networks import build
from terralex.runtime.cache import VectorCache
from terralex.runtime.errors import InputError, UsageError

TEXTS = ["a photo of a cat.", "x", "a satellite image showing the " + "very " * 90 + "long text", ""]


@pytest.fixture(scope="module")
def reference(
    rgb_card: ModelCard, make_state: Callable[[ModelCard], dict[str, torch.Tensor]]
) -> torch.nn.Module:
    """open_clip's own network with the same weights."""
    network = open_clip.CLIP(**rgb_card.architecture["config"])
    network.load_state_dict(make_state(rgb_card))
    return network.eval()


def test_images_are_what_open_clip_computes(
    model: Model, reference: torch.nn.Module, rgb: np.ndarray
) -> None:
    spec = model.card.input
    transform = open_clip.image_transform(spec.size, is_train=False, mean=spec.mean, std=spec.std)
    with torch.inference_mode():
        wanted = F.normalize(reference.encode_image(transform(PIL.Image.fromarray(rgb))[None]), dim=-1)
    torch.testing.assert_close(model.encode_images([PIL.Image.fromarray(rgb)]), wanted, atol=1e-6, rtol=0)


def test_texts_are_what_open_clip_computes(model: Model, reference: torch.nn.Module) -> None:
    some_lengths = [f"{'very ' * (7 * number % 60)}{number}" for number in range(50)]
    for texts in (TEXTS, some_lengths):
        tokens = open_clip.get_tokenizer("ViT-B-16")(texts)
        with torch.inference_mode():
            wanted = F.normalize(reference.encode_text(tokens), dim=-1)
        torch.testing.assert_close(model.encode_texts(texts), wanted, atol=1e-6, rtol=0)


def test_long_texts_are_cut(model: Model) -> None:
    long = ["word " * 100, "word " * 75]
    found = model.encode_texts(long)
    torch.testing.assert_close(found[0], found[1])


def test_every_kind_of_picture_is_the_same(model: Model, rgb: np.ndarray, tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(rgb)
    picture.save(tmp_path / "a.png")
    image = Image.from_pil(picture)
    kinds = [picture, rgb, tmp_path / "a.png", str(tmp_path / "a.png"), image, model.prepare(image)]
    rows = model.encode_images(kinds)
    assert rows.shape == (len(kinds), model.embed_dim)
    torch.testing.assert_close(rows, rows[:1].expand_as(rows), atol=1e-6, rtol=0)
    pixels = torch.stack([model.prepare(image).pixels] * 3)
    torch.testing.assert_close(model.encode_images(pixels), rows[:3], atol=1e-6, rtol=0)


def test_batches_do_not_matter(model: Model) -> None:
    pixels = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    whole = model.encode_images(pixels)
    torch.testing.assert_close(model.encode_images(pixels, batch_size=3), whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        model.encode_texts(TEXTS, batch_size=1), model.encode_texts(TEXTS), atol=1e-6, rtol=0
    )


def test_nothing_in_nothing_out(model: Model) -> None:
    assert model.encode_images([]).shape == model.encode_texts([]).shape == (0, model.embed_dim)


def test_a_picture_that_cannot_be_read(model: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        model.encode_images([tmp_path / "absent.jpg"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_precision(
    make_model: Callable[..., Model], rgb_card: ModelCard, model: Model, dtype: torch.dtype
) -> None:
    half = make_model(rgb_card, dtype)
    pixels = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    images, texts = half.encode_images(pixels), half.encode_texts(TEXTS)
    assert next(half.network.parameters()).dtype == dtype
    for rows, full in ((images, model.encode_images(pixels)), (texts, model.encode_texts(TEXTS))):
        assert rows.dtype == torch.float32
        torch.testing.assert_close(rows.norm(dim=-1), torch.ones(4), atol=1e-6, rtol=0)
        assert F.cosine_similarity(rows, full).min() > 0.99
    probabilities = half.probabilities(images, texts)
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones(4), atol=1e-6, rtol=0)
    assert half.logit_scale == pytest.approx(np.exp(2.0), rel=1e-6), "the scale is not rounded"


def test_similarity_of_half_precision_vectors_is_float32(model: Model) -> None:
    rows = F.normalize(torch.randn(5, 24), dim=-1)
    logits = model.logits(rows.bfloat16(), rows.bfloat16())
    assert logits.dtype == torch.float32
    torch.testing.assert_close(
        logits, model.logit_scale * rows.bfloat16().float() @ rows.bfloat16().float().T
    )


def test_scale_is_the_cards_or_the_learned_one(make_model: Callable[..., Model], rgb_card: ModelCard) -> None:
    assert make_model(rgb_card).logit_scale == pytest.approx(np.exp(2.0))
    assert make_model(replace(rgb_card, logit_scale=100.0)).logit_scale == 100.0


def test_class_weights_by_definition(model: Model) -> None:
    templates = load_templates("msclip")
    labels = ["ocean", "a {forest}", "ocean"]
    rows = []
    for label in labels:
        prompts = F.normalize(model.encode_texts([t.replace("{c}", label) for t in templates]), dim=-1)
        rows.append(F.normalize(prompts.mean(dim=0), dim=-1))
    wanted = torch.stack(rows[:2])
    torch.testing.assert_close(model.class_weights(labels[:2], "msclip"), wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(model.class_weights(labels[:2], templates), wanted, atol=1e-6, rtol=0)


def test_class_weights_stand_in_the_order_of_the_labels(model: Model) -> None:
    """A label given twice has two rows: else every column after it would be of another label."""
    weights = model.class_weights(["ocean", "forest", "ocean", "sand"], "msclip")
    assert len(weights) == 4
    assert torch.equal(weights[0], weights[2])
    torch.testing.assert_close(weights[3:], model.class_weights(["sand"], "msclip"), atol=1e-6, rtol=0)


def test_a_template_without_a_place_for_the_label_is_an_error(model: Model) -> None:
    with pytest.raises(UsageError, match=r"'a photo of \{\}' has no \{c\}"):
        model.class_weights(["ocean", "forest"], ["a photo of {}"])


def test_class_weights_of_phrases(model: Model) -> None:
    found = model.class_weights({"water": ["a lake", "a river"]}, ["{c}"])
    wanted = F.normalize(model.encode_texts(["a lake", "a river"]).mean(dim=0), dim=-1)
    torch.testing.assert_close(found[0], wanted, atol=1e-6, rtol=0)


def test_templates_of_the_card_are_the_default(model: Model) -> None:
    assert model.card.text.templates == "photo"
    wanted = model.encode_texts(["a photo of fog."])
    torch.testing.assert_close(model.class_weights(["fog"]), wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("labels", "templates"), [([], None), ({"a": []}, None), (["a"], [])])
def test_no_labels(model: Model, labels: Any, templates: Any) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match=r"no labels|no phrases|no prompt templates"):
        model.class_weights(labels, templates)


class _Counting:
    """A tokenizer that counts the texts it is given."""

    def __init__(self, inner: Callable[[list[str]], torch.Tensor]) -> None:
        self.inner, self.texts = inner, 0

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        self.texts += len(texts)
        return self.inner(list(texts))


def test_prompts_are_encoded_once(
    make_model: Callable[..., Model], rgb_card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path))
    model = make_model(rgb_card)
    model.tokenizer = counting = _Counting(model.tokenizer)
    labels = {"a": ["x", "y"], "b": ["y", "z"]}
    fresh = model.class_weights(labels, "msclip", cache=VectorCache("t"))
    assert counting.texts == 150, "each of the 3 phrases in 50 sentences, though one is of two labels"

    again = make_model(rgb_card)
    again.tokenizer = counting
    kept = again.class_weights({"b": ["y", "z"], "c": ["z", "new"]}, "msclip", cache=VectorCache("t"))
    assert counting.texts == 200, "only the new phrase"
    torch.testing.assert_close(kept[0], fresh[1], atol=1e-6, rtol=0)

    other = make_model(replace(rgb_card, name="other"))
    other.tokenizer = counting
    other.class_weights(["x"], "msclip", cache=VectorCache("t"))
    assert counting.texts == 250, "another model's vectors are not used"


def test_keys_tell_apart_what_gives_other_vectors(
    make_model: Callable[..., Model], rgb_card: ModelCard
) -> None:
    cards = [
        rgb_card,
        replace(rgb_card, name="other"),
        replace(rgb_card, input=replace(rgb_card.input, resize="squash")),
        replace(rgb_card, architecture={"config": {**rgb_card.architecture["config"], "quick_gelu": True}}),
    ]
    keys = {make_model(card).key for card in cards} | {make_model(rgb_card, torch.bfloat16).key}
    assert len(keys) == 5
    assert make_model(rgb_card).key in keys
    assert make_model(rgb_card).revision == make_model(rgb_card, torch.bfloat16).revision


def test_ten_bands(ms_model: Model) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (12, 50, 50)).astype(np.uint16)
    image = Image(pixels, Bands.parse("sentinel-2-l2a"), "dn")
    assert ms_model.prepare(image).pixels.shape == (10, 32, 32)
    assert ms_model.encode_images([image]).shape == (1, 24)


def test_building_reads_no_weights(rgb_card: ModelCard) -> None:
    network, tokenizer = build(replace(rgb_card, architecture={"name": "ViT-L-14"}))
    assert all(parameter.is_meta for parameter in network.parameters())
    assert not any(buffer.is_meta for buffer in network.buffers())
    assert tokenizer(["a"]).shape == (1, 77)

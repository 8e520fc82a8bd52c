from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import straightforward as plain
import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.imagery import Image
from terralex.models import Model, ModelCard, load_model
from terralex.models.dense import ClipTower, DenseEncoder, PocketTower
from terralex.runtime.errors import UsageError
from terralex.segmentation.labelling import NONE
from terralex.segmentation.segmenter import Segmenter

from ...rounding import equal_up_to_rounding

MakeModel = Callable[..., Model]


@pytest.fixture(scope="module")
def pocket(tiny_model: str) -> Model:
    return load_model(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def clip(make_model: MakeModel, rgb_card: ModelCard) -> Model:
    return make_model(rgb_card)


def pixels(bands: int, height: int, width: int, pictures: int = 1) -> Tensor:
    return torch.randn(pictures, bands, height, width, generator=torch.Generator().manual_seed(0))


def test_a_clip_tower_without_scra_is_open_clip(clip: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ordinary attention in its last block, tokens are those of open_clip's own forward pass."""
    towers = import_module("terralex.models.dense.towers")
    monkeypatch.setattr(
        towers, "scra", lambda qkv, project, heads, scale: towers.attention(qkv, project, heads)
    )
    tower, visual = ClipTower(clip.network.visual, 10.0), clip.network.visual
    image = pixels(3, 32, 32, 2)
    with torch.no_grad():
        _, tokens = visual._pool(visual.transformer(visual._embeds(image)))
        torch.testing.assert_close(tower(image).flatten(2).transpose(1, 2), tokens, atol=1e-5, rtol=1e-5)
        tower(pixels(3, 24, 64))  # positions for another grid


def test_the_last_block_of_clip_has_scra(clip: Model) -> None:
    tower, visual = ClipTower(clip.network.visual, 7.0), clip.network.visual
    image = pixels(3, 32, 32, 2)
    with torch.no_grad():
        first, last = visual.transformer.resblocks
        tokens = first(visual._embeds(image))
        qkv = F.linear(last.ln_1(tokens), last.attn.in_proj_weight, last.attn.in_proj_bias)
        tokens = tokens + plain.scra(qkv, last.attn.out_proj, last.attn.num_heads, 7.0)
        tokens = visual.ln_post(tokens + last.mlp(last.ln_2(tokens)))[:, 1:]
        torch.testing.assert_close(tower(image).flatten(2).transpose(1, 2), tokens, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(tower.align(tokens[0]), tokens[0] @ visual.proj)


def test_ten_bands(make_model: MakeModel, ms_card: ModelCard) -> None:
    model = make_model(ms_card)
    found = Segmenter(model, ["water", "forest"]).segment(pixels(10, 70, 90))
    assert found.labels.shape == found.confidence.shape == (1, 70, 90)


def test_the_pocket_model(pocket: Model) -> None:
    encoder = DenseEncoder.for_model(pocket, scga=None)
    assert isinstance(encoder.tower, PocketTower)
    assert (encoder.crop, encoder.stride) == (128, 64)
    image = pixels(10, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(encoder(image), pocket.network.encode_dense(image))


def test_pictures_of_a_batch_do_not_meet(clip: Model) -> None:
    segmenter = Segmenter(clip, ["a cat", "a dog", "a tree"], crop=32, stride=16, prompt_denoising=0.3)
    images = pixels(3, 60, 70, 3)
    together = segmenter.grid_probabilities(images)
    apart = torch.cat([segmenter.grid_probabilities(one[None]) for one in images])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def test_features_are_those_of_the_formulas(clip: Model) -> None:
    encoder = DenseEncoder.for_model(clip, scga=5.0, crop=32, stride=16)
    image = pixels(3, 48, 64)
    with torch.no_grad():
        grid = plain.slide(image, encoder.tower, 32, 16, 8)
        expected = plain.scga(grid[0].flatten(1).T, 5.0).T.reshape(grid.shape)
    torch.testing.assert_close(encoder.local(image), grid, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(encoder(image), expected, atol=1e-4, rtol=1e-4)


def test_synonyms_and_what_is_not_in_the_picture(clip: Model) -> None:
    image = pixels(3, 64, 64)
    names = {"animal": ["a cat", "a dog"], "plant": ["a tree"]}
    apart = Segmenter(clip, ["a cat", "a dog", "a tree"], prompt_denoising=0).grid_probabilities(image)[0]
    found = Segmenter(clip, names, prompt_denoising=0)
    assert found.labels == ("animal", "plant")
    torch.testing.assert_close(found.grid_probabilities(image)[0], torch.stack([apart[:2].amax(0), apart[2]]))
    nothing = Segmenter(clip, names, prompt_denoising=1.1).segment(image, (10, 20))
    assert nothing.labels.shape == (1, 10, 20)
    assert (nothing.labels == NONE).all()


def test_any_size_without_windows(clip: Model) -> None:
    encoder = DenseEncoder.for_model(clip, crop=0)
    assert encoder(pixels(3, 37, 3)).shape[2:] == (5, 1)


def test_the_model_is_left_as_it_was(clip: Model) -> None:
    image = pixels(3, 32, 32)
    before = clip.encode_images(image)
    Segmenter(clip, ["a cat", "a dog"]).segment(image)
    assert equal_up_to_rounding(clip.encode_images(image), before)


def test_half_precision(make_model: MakeModel, rgb_card: ModelCard, clip: Model) -> None:
    half = make_model(rgb_card, torch.bfloat16)
    image = pixels(3, 96, 96)
    exact, rounded = (DenseEncoder.for_model(model)(image) for model in (clip, half))
    assert exact.dtype == rounded.dtype == torch.float32
    assert (rounded - exact).norm() < 0.03 * exact.norm()


def test_encode_dense(clip: Model, pocket: Model) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    found = clip.encode_dense(picture)
    assert found.shape == (24, 8, 8)  # 40 x 50 is resized to 64 x 64
    torch.testing.assert_close(found.norm(dim=0), torch.ones(8, 8))
    assert clip.prepare(Image.from_array(picture), whole=True).pixels.shape == (3, 40, 50)
    assert pocket.encode_dense(picture).shape[0] == pocket.embed_dim


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scra": 0.0}, "SCRA must be above 0"),
        ({"scga": -1.0}, "SCGA must be above 0"),
        ({"crop": 30, "stride": 16}, "multiples of the patch of 8"),
        ({"crop": 16, "stride": 32}, "no more than the window"),
        ({"crop": 32, "stride": 0}, "no more than the window"),
    ],
)
def test_settings_that_make_no_sense(clip: Model, options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DenseEncoder.for_model(clip, **options)


def test_labels_that_make_no_sense(clip: Model) -> None:
    with pytest.raises(UsageError, match="twice"):
        Segmenter(clip, ["a cat", "a cat"])
    with pytest.raises(UsageError, match="no phrases"):
        Segmenter(clip, {"a cat": ["a cat", "a kitten"], "a dog": []})


def test_hyperbolic_models_have_none(clip: Model) -> None:
    model = Model.__new__(Model)
    model.__dict__.update(clip.__dict__, card=replace(clip.card, geometry="lorentz"))
    with pytest.raises(UsageError, match="no dense features"):
        DenseEncoder.for_model(model)

"""The first layer of image towers, extended to other bands by their names."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from terralex.models import InputSpec, get_card
from terralex.models.clip import CLIP
from terralex.models.extension import extend_bands, patch_embedding
from terralex.models.pocket import PocketCLIP, PocketConfig
from terralex.runtime.errors import UsageError

SIZE = 32
TEXT = {"context_length": 77, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
VIT = {"image_size": SIZE, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8}
RESNET = {"image_size": SIZE, "layers": [1, 1, 1, 1], "width": 8, "head_width": 8, "patch_size": None}

TEN = get_card("msclip").input
PHOTO = get_card("clip-vit-b16").input


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "pocket":
        return PocketCLIP(PocketConfig(bands=3, image_size=SIZE, width=64, depth=1), 64).eval()
    return CLIP(embed_dim=16, vision_cfg=VIT if kind == "vit" else RESNET, text_cfg=TEXT).eval()


def places(spec: InputSpec, bands: tuple[str, ...]) -> list[int]:
    return [spec.bands.index(band) for band in bands]


@pytest.mark.parametrize("kind", ["vit", "resnet", "pocket"])
@pytest.mark.parametrize("start", ["zero", "mean"])
@torch.no_grad()
def test_the_extended_model_is_the_rgb_model_on_the_rgb_bands(kind: str, start: str) -> None:
    """Red, green and blue of a photo are B04, B03 and B02, which stand the other way round."""
    model = network(kind)
    rgb = torch.randn(2, 3, SIZE, SIZE)
    before = model.encode_image(rgb)
    extend_bands(model, PHOTO, TEN, start)
    ten = torch.zeros(2, 10, SIZE, SIZE)
    ten[:, places(TEN, ("B04", "B03", "B02"))] = rgb
    torch.testing.assert_close(model.encode_image(ten), before, rtol=1e-4, atol=1e-5)
    ten[:, places(TEN, ("B08", "B11"))] = 3.0
    same = torch.allclose(model.encode_image(ten), before, rtol=1e-4, atol=1e-5)
    assert same == (start == "zero"), "the published rule is deaf to new bands, the other is not"


def test_the_published_rule_copies_blue_green_red_and_leaves_the_rest_at_nothing() -> None:
    model = network("vit")
    old = patch_embedding(model).detach().clone()
    extend_bands(model, PHOTO, TEN)
    new = patch_embedding(model)
    assert new.shape == (32, 10, 8, 8)
    assert torch.equal(new[:, :3], old.flip(1))
    assert not new[:, 3:].any()


def test_new_bands_at_the_mean_weigh_together_as_much_as_one() -> None:
    model = network("vit")
    mean = patch_embedding(model).detach().mean(dim=1)
    extend_bands(model, PHOTO, TEN, "mean")
    torch.testing.assert_close(patch_embedding(model)[:, 3:].sum(dim=1), mean)


def test_bands_of_one_sensor_are_told_apart_by_their_names_alone() -> None:
    """B8A is at nearly the wavelength of B08, but it is another band."""
    bands = ("B8A", "B04", "B03")
    old = replace(TEN, bands=bands, mean=(1.0,) * 3, std=(1.0,) * 3)
    model = network("vit")
    weight = patch_embedding(model).detach().clone()
    extend_bands(model, old, TEN)
    new = patch_embedding(model)
    assert torch.equal(new[:, places(TEN, bands)], weight)
    others = [k for k, band in enumerate(TEN.bands) if band not in bands]
    assert not new[:, others].any()


def test_without_a_band_in_common_there_is_nothing_to_extend() -> None:
    infrared = replace(TEN, bands=("B11", "B12"), mean=(1.0, 1.0), std=(1.0, 1.0))
    with pytest.raises(UsageError, match=r"no band of B11, B12 is one of the model's red, green, blue"):
        extend_bands(network("vit"), PHOTO, infrared)


def test_a_tower_without_a_first_layer_is_refused() -> None:
    model = nn.Module()
    model.visual = nn.Linear(3, 3)
    with pytest.raises(UsageError, match="no first layer of a known kind"):
        extend_bands(model, PHOTO, TEN)


@torch.no_grad()
def test_dense_features_of_the_pocket_network_are_extended_too() -> None:
    model = network("pocket")
    rgb, ten = torch.randn(1, 3, SIZE, SIZE), torch.zeros(1, 10, SIZE, SIZE)
    before = model.encode_dense(rgb)
    extend_bands(model, PHOTO, TEN)
    ten[:, places(TEN, ("B04", "B03", "B02"))] = rgb
    torch.testing.assert_close(model.encode_dense(ten), before, rtol=1e-4, atol=1e-4)

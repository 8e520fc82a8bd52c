"""Clipped, not wrapped; and what the published code does instead, on request."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from terralex.evaluation.eo import Found, find_datasets
from terralex.evaluation.eo.descriptions import AsPublished
from terralex.evaluation.eo.reading import SampleReader, prepare_as_published, read_sample
from terralex.evaluation.eo.run import class_words
from terralex.imagery import Bands, Image
from terralex.models import InputSpec, Model, Prepared, get_card, prepare
from terralex.recognition import Item
from terralex.runtime.errors import InputError

from .make_datasets import EUROSAT, L1C, value

RGB = replace(get_card("clip-vit-b16").input, size=8)
WRAP = AsPublished(wrap_dn=2000, interpolation="bicubic")


def scene(*dn: int) -> Image:
    """A picture in ten bands, whose columns have these digital numbers."""
    pixels = np.tile(np.array(dn, np.uint16), (10, len(dn), 1))
    return Image(pixels, Bands(get_card("msclip").input.bands, "sentinel-2-l2a"), "dn")


def eight_bit(pixels: torch.Tensor, spec: InputSpec) -> np.ndarray:
    """Values of a prepared picture as they were in 8 bits, the first row of red."""
    values: np.ndarray = (255 * (pixels[0, 0] * spec.std[0] + spec.mean[0])).numpy()
    return values


def test_bright_places_stay_bright() -> None:
    """Digital numbers above 2000 are white for a model in red, green and blue."""
    bright = scene(1000, 2000, 2100, 2500, 4000, 9000, 15000, 0)
    values = eight_bit(prepare(bright, RGB).pixels, RGB)
    assert values == pytest.approx([127.5, 255, 255, 255, 255, 255, 255, 0], abs=0.01)


def test_the_published_picture_wraps() -> None:
    """The values that the published code gives for 2100, 2500 and 4000: 11, 62 and 254."""
    bright = scene(1000, 2000, 2100, 2500, 4000, 9000, 15000, 0)
    values = eight_bit(prepare_as_published(bright, WRAP, RGB).pixels, RGB)
    assert values == pytest.approx([127, 255, 11, 62, 254, 1147 % 256, 1912 % 256, 0], abs=0.01)


def test_the_published_picture_is_resized_in_floating_point() -> None:
    image = scene(0, 0, 0, 2000, 2000, 0, 0, 0)
    small = replace(RGB, size=4)
    found = prepare_as_published(image, WRAP, small).pixels
    step = torch.tensor([0, 0, 0, 255, 255, 0, 0, 0]).expand(3, 8, 8) / 255
    resized = F.resize(step, [4], InterpolationMode.BICUBIC, antialias=True)
    assert torch.allclose(found, F.normalize(resized, list(RGB.mean), list(RGB.std)), atol=1e-5)
    assert resized.min() < 0, "what overshoots stays"


def test_a_picture_of_eight_bits_is_not_wrapped_once_more() -> None:
    picture = Image.from_array(np.full((8, 8, 3), 250, np.uint8))
    rule = AsPublished(wrap_dn=2000, interpolation="bilinear")
    assert eight_bit(prepare_as_published(picture, rule, RGB).pixels, RGB) == pytest.approx(
        [250] * 8, abs=0.01
    )


def test_the_published_code_needs_all_bands(model: Model) -> None:
    picture = Image.from_array(np.full((8, 8, 3), 250, np.uint8))
    with pytest.raises(InputError, match="the published code needs B05"):
        prepare_as_published(picture, WRAP, model.card.input)


def test_eurosat_as_published_takes_other_bands(made: Path, model: Model) -> None:
    """By its indices, B09, B12 and B8A of the official files stand for B8A, B11 and B12."""
    found = find_datasets(made / "msclip", ["EuroSAT_MS"])[0]
    image = read_sample(found, found.samples[0], as_published=True)
    for band, read in zip(EUROSAT, L1C, strict=True):
        assert (image.pixels[image.bands.find(read)] == value(band, 0, 1)).all()
    ours = _prepared(model, found).pixels
    theirs = _prepared(model, found, as_published=True).pixels
    assert torch.equal(ours[:7], theirs[:7])
    assert not torch.isclose(ours[7:], theirs[7:]).any()


def test_bigearthnet_as_published_is_bilinear(made: Path, model: Model) -> None:
    found = find_datasets(made / "official", ["BigEarthNet_MS"])[0]
    spec = model.card.input
    image = read_sample(found, found.samples[0]).select(spec.bands)
    theirs = _prepared(model, found, as_published=True).pixels
    planes = torch.from_numpy(image.pixels.astype(np.float32))
    resized = F.resize(planes, [spec.size, spec.size], InterpolationMode.BILINEAR, antialias=True)
    assert torch.allclose(theirs, F.normalize(resized, list(spec.mean), list(spec.std)), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("EuroSAT_MS", "annual crop land", "annualcrop"),
        ("AID_RGB", "bare land", "bareland"),
        ("RESISC45_RGB", "baseball diamond", "baseball diamond"),
        ("METERML_MS", "coal mines", "coal mines"),
        ("BigEarthNet_MS", "Inland waters", "Inland waters"),
        ("ForestNet_RGB", "smallholder agriculture", "Smallholder agriculture"),
    ],
)
def test_what_classes_are_called(made: Path, name: str, ours: str, theirs: str) -> None:
    found = find_datasets(made / "msclip", [name])[0]
    words, published = class_words(found, False), class_words(found, True)
    assert published[words.index(ours)] == theirs


def _prepared(model: Model, found: Found, *, as_published: bool = False) -> Prepared:
    sample = found.samples[0]
    image = SampleReader(found, model.card.input, as_published)(Item(sample.name, sample))
    return image if isinstance(image, Prepared) else model.prepare(image)

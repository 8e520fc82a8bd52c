import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch
from torchvision.transforms import Compose, Normalize, Resize, ToTensor
from torchvision.transforms import functional as F

from terralex.imagery import Bands, Image, read_image
from terralex.models import InputSpec, Model, get_card, load_model, prepare, save_model
from terralex.models.card import Interpolation
from terralex.models.card import Resize as ResizeName
from terralex.models.preprocess import match_bands, off_heap, picture_remark
from terralex.runtime.errors import InputError

RGB = get_card("clip-vit-b16").input
MS = get_card("msclip").input
S2 = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")


def scene(height: int = 60, width: int = 80, **changes: Any) -> Image:  # noqa: ANN401
    """A Sentinel-2 image whose band number k is around 1000 + 100 k."""
    noise = np.random.default_rng(0).integers(-50, 50, (12, height, width))
    pixels = (1000 + 100 * np.arange(12)[:, None, None] + noise).astype(np.uint16)
    image = Image(pixels, Bands(S2, "sentinel-2-l2a"), "dn", source="scene.tif")
    return replace(image, **changes)


def picture(rgb: np.ndarray) -> Image:
    return Image.from_pil(PIL.Image.fromarray(rgb), source="photo.jpg")


def by_hand(planes: np.ndarray, spec: InputSpec) -> torch.Tensor:
    """The recipe of MS-CLIP, for planes in the spec's bands and units."""
    resized = F.resize(torch.from_numpy(planes.astype(np.float32)), [spec.size], F.InterpolationMode.BICUBIC)
    return F.normalize(F.center_crop(resized, [spec.size]), list(spec.mean), list(spec.std))


@pytest.mark.parametrize("shape", [(300, 400), (400, 300), (224, 224), (97, 31)])
def test_squash_is_that_of_pybioclip(model: Model, shape: tuple[int, int], tmp_path: Path) -> None:
    """Its recipe: ToTensor, Resize to both sides (bilinear, on floating-point numbers), Normalize."""
    squashing = load_model(str(save_model(model, tmp_path)), device="cpu", resize="squash")
    spec = model.card.input
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    recipe = Compose(
        [ToTensor(), Resize((spec.size, spec.size), antialias=True), Normalize(spec.mean, spec.std)]
    )
    prepared = squashing.prepare(picture(rgb))
    torch.testing.assert_close(prepared.pixels, recipe(PIL.Image.fromarray(rgb)), atol=1e-5, rtol=0)
    assert squashing.revision != model.revision, "their vectors do not mix"


class TestPictures:
    @pytest.mark.parametrize("shape", [(300, 400), (400, 300), (224, 224), (97, 31), (1, 2), (1000, 250)])
    @pytest.mark.parametrize("resize", ["shortest", "squash"])
    @pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
    def test_equal_open_clip_to_the_bit(
        self, shape: tuple[int, int], resize: ResizeName, interpolation: Interpolation
    ) -> None:
        rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
        spec = replace(RGB, resize=resize, interpolation=interpolation)
        theirs = open_clip.image_transform(
            spec.size,
            is_train=False,
            mean=spec.mean,
            std=spec.std,
            resize_mode=resize,
            interpolation=interpolation,
        )
        ours = prepare(picture(rgb), spec)
        assert torch.equal(ours.pixels, theirs(PIL.Image.fromarray(rgb)))
        assert (ours.bands_used, ours.bands_filled, ours.coverage, ours.note) == (RGB.bands, (), 1.0, "")

    @pytest.mark.parametrize("name", ["bioclip", "bioclip-2", "rcme", "clip-vit-l14", "remoteclip-vit-l14"])
    def test_real_photos_equal_open_clip(self, data_dir: Path, name: str) -> None:
        spec = get_card(name).input
        theirs = open_clip.image_transform(spec.size, is_train=False, mean=spec.mean, std=spec.std)
        photos = sorted((data_dir / "photos").rglob("*.jpg"))[:3]
        assert photos
        for photo in photos:
            with PIL.Image.open(photo) as opened:
                assert torch.equal(prepare(read_image(photo), spec).pixels, theirs(opened.convert("RGB")))

    def test_masked_pixels_are_zero(self, rgb: np.ndarray) -> None:
        valid = np.ones(rgb.shape[:2], bool)
        valid[:, :14] = False
        prepared = prepare(replace(picture(rgb), valid=valid), replace(RGB, resize="squash"))
        assert prepared.pixels[:, :, :40].abs().max() < 1e-6
        assert prepared.coverage == pytest.approx(0.75)
        assert prepared.note == "25.0% of the pixels hold no data"
        whole = prepare(picture(rgb), replace(RGB, resize="squash"))
        apart = (prepared.pixels - whole.pixels)[:, :, -60:].abs()
        assert apart.mean() < 0.01, "Pillow rounds and clips between its two passes; nothing else differs"

    def test_a_fourth_band_that_a_picture_lacks(self, rgb: np.ndarray) -> None:
        four = replace(
            RGB,
            bands=("red", "green", "blue", "nir"),
            sensor="naip",
            mean=(*RGB.mean, 0.5),
            std=(*RGB.std, 0.25),
            missing="mean",
        )
        prepared = prepare(picture(rgb), four)
        assert prepared.bands_filled == ("nir",)
        assert prepared.pixels.shape == (4, 224, 224)
        assert (prepared.pixels[3] == 0).all()

    def test_too_narrow(self) -> None:
        with pytest.raises(InputError, match=r"photo\.jpg: 1000 x 2 pixels are too narrow"):
            prepare(picture(np.zeros((2, 1000, 3), np.uint8)), RGB)


class TestMultispectral:
    @pytest.mark.parametrize("shape", [(60, 80), (80, 60), (224, 224), (300, 500)])
    def test_recipe(self, shape: tuple[int, int]) -> None:
        image = scene(*shape)
        prepared = prepare(image, MS)
        assert torch.equal(prepared.pixels, by_hand(image.pixels[[1, 2, 3, 4, 5, 6, 7, 8, 10, 11]], MS))
        assert prepared.bands_used == MS.bands
        assert prepared.note == ""

    def test_bands_go_by_name_whatever_their_order(self) -> None:
        image = scene()
        order = np.random.default_rng(5).permutation(12)
        shuffled = replace(
            image, pixels=image.pixels[order], bands=Bands(tuple(S2[i] for i in order), "sentinel-2-l2a")
        )
        assert torch.equal(prepare(shuffled, MS).pixels, prepare(image, MS).pixels)

    def test_eurosat_has_b8a_last(self, data_dir: Path) -> None:
        file = next(iter(sorted((data_dir / "eurosat_ms").rglob("*.tif"))))
        image = read_image(file, bands="eurosat")
        planes = read_image(file, bands="eurosat").pixels[[1, 2, 3, 4, 5, 6, 7, 12, 10, 11]]
        assert torch.equal(prepare(image, MS).pixels, by_hand(planes, MS))

    @pytest.mark.parametrize(
        ("units", "convert"),
        [
            ("dn+1000", lambda dn: dn + 1000),
            ("reflectance", lambda dn: dn.astype(np.float64) / 10000),
            ("landsat-c2", lambda dn: (dn.astype(np.float64) / 10000 + 0.2) / 0.0000275),
        ],
    )
    def test_units_are_brought_to_the_models(self, units: Any, convert: Any) -> None:  # noqa: ANN401
        image = scene()
        same = replace(image, pixels=convert(image.pixels), units=units)
        torch.testing.assert_close(prepare(same, MS).pixels, prepare(image, MS).pixels, atol=2e-3, rtol=0)

    def test_missing_bands_are_zero_and_named(self) -> None:
        image = scene().select(["B02", "B03", "B04", "B08"])
        prepared = prepare(image, MS)
        assert prepared.bands_used == ("B02", "B03", "B04", "B08")
        assert prepared.bands_filled == ("B05", "B06", "B07", "B8A", "B11", "B12")
        assert prepared.note == "no B05, B06, B07, B8A, B11, B12: filled with the mean"
        full = prepare(scene(), MS).pixels
        for channel, name in enumerate(MS.bands):
            wanted = full[channel] if name in prepared.bands_used else torch.zeros(MS.size, MS.size)
            assert torch.equal(prepared.pixels[channel], wanted), name

    def test_missing_bands_may_be_an_error(self) -> None:
        with pytest.raises(InputError, match=r"scene\.tif: the model needs B8A, B11; the image has B01"):
            prepare(scene().select([b for b in S2 if b not in ("B8A", "B11")]), replace(MS, missing="error"))

    def test_no_band_in_common(self) -> None:
        with pytest.raises(
            InputError, match=r"scene\.tif: none of its bands B01 is one of the model's B02, B03"
        ):
            prepare(scene().select(["B01"]), MS)

    def test_nodata_is_zero_and_counted(self) -> None:
        valid = np.ones((60, 80), bool)
        valid[:20] = False
        prepared = prepare(scene(valid=valid), MS)
        assert prepared.pixels[:, :60].abs().max() < 1e-6
        assert (prepared.pixels[:, -130:] != 0).all()
        assert prepared.coverage == pytest.approx(2 / 3)
        assert "33.3% of the pixels hold no data" in prepared.note

    def test_nan_is_nodata_and_does_not_spread(self) -> None:
        pixels = scene().pixels.astype(np.float32)
        pixels[:, :10, :10] = np.nan
        pixels[4] = np.inf
        prepared = prepare(scene(pixels=pixels), MS)
        assert prepared.pixels.isfinite().all()
        assert prepared.bands_filled == ("B05",)
        assert (prepared.pixels[MS.bands.index("B05")] == 0).all()

    @pytest.mark.parametrize("dtype", [np.uint16, np.float32])
    def test_nothing_but_nodata(self, dtype: type) -> None:
        image = scene(valid=np.zeros((60, 80), bool), pixels=scene().pixels.astype(dtype))
        with pytest.raises(InputError, match=r"scene\.tif: no pixel holds data"):
            prepare(image, MS)

    def test_prepare_does_not_touch_the_image(self) -> None:
        image = scene(valid=np.random.default_rng(0).random((60, 80)) > 0.5)
        before = image.pixels.copy()
        prepare(image, MS)
        prepare(image, RGB)
        assert np.array_equal(image.pixels, before)


class TestAcross:
    def test_scene_on_an_rgb_model(self) -> None:
        image = scene()
        prepared = prepare(image, RGB)
        shown = np.clip(image.pixels[[3, 2, 1]] / 2000, 0, 1)
        torch.testing.assert_close(prepared.pixels, by_hand(shown, RGB), atol=1e-5, rtol=0)
        assert prepared.bands_used == ("B04", "B03", "B02")
        assert prepared.note == "read B04 as red, B03 as green, B02 as blue, 255 as digital number 2000"

    def test_a_picture_on_a_model_of_digital_numbers_is_no_news_for_every_row(self) -> None:
        prepared = prepare(Image(np.full((3, 40, 40), 100, np.uint8), Bands.parse("rgb"), "8bit"), MS)
        assert "read" not in prepared.note
        remark = picture_remark(prepared.bands_used, MS)
        assert "read as B02, B03, B04, with 255 as the digital number 2000" in remark
        assert picture_remark(("red", "green", "blue"), RGB) == ""
        assert picture_remark(("B02", "B03", "B04"), MS) == ""

    def test_bands_of_equal_names_and_other_meanings_are_not_confused(self) -> None:
        hls = Bands.parse("hls-l30")
        matched = match_bands(Bands.parse("sentinel-2-l2a:B04,B05,B08,B8A,B11"), hls)
        assert [None if index is None else hls.names[index] for index in matched] == [
            "B04",
            None,
            "B05",
            "B05",
            "B06",
        ]

    @pytest.mark.parametrize("dn", [2000, 2100, 2500, 4000, 60000])
    def test_bright_ground_is_white_and_never_wraps(self, dn: int) -> None:
        white = (torch.ones(3) - torch.tensor(RGB.mean)) / torch.tensor(RGB.std)
        prepared = prepare(scene(pixels=np.full((12, 60, 80), dn, np.uint16)), RGB)
        torch.testing.assert_close(prepared.pixels.amax((1, 2)), white, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(prepared.pixels.amin((1, 2)), white, atol=1e-5, rtol=1e-5)

    def test_below_zero_is_black(self) -> None:
        image = scene(pixels=np.full((12, 60, 80), 900, np.uint16), units="dn+1000")
        black = -torch.tensor(RGB.mean) / torch.tensor(RGB.std)
        torch.testing.assert_close(prepare(image, RGB).pixels[:, 100, 100], black)

    def test_picture_on_a_multispectral_model(self, rgb: np.ndarray) -> None:
        prepared = prepare(picture(rgb), MS)
        assert prepared.bands_used == ("blue", "green", "red")
        assert prepared.bands_filled == ("B05", "B06", "B07", "B08", "B8A", "B11", "B12")
        assert "filled with the mean" in prepared.note
        three = replace(MS, bands=MS.bands[:3], mean=MS.mean[:3], std=MS.std[:3])
        dn = rgb.transpose(2, 0, 1)[::-1] * (2000 / 255)
        torch.testing.assert_close(prepared.pixels[:3], by_hand(dn, three), atol=1e-4, rtol=0)
        assert (prepared.pixels[3:] == 0).all()

    def test_scale_is_the_cards(self, rgb: np.ndarray) -> None:
        bright = prepare(picture(rgb), replace(MS, rgb_max_dn=4000)).pixels[0]
        mean, std = MS.mean[0], MS.std[0]
        dark = prepare(picture(rgb), MS).pixels[0]
        torch.testing.assert_close(bright * std + mean, 2 * (dark * std + mean), atol=0.5, rtol=1e-4)

    def test_landsat_on_a_sentinel_model(self) -> None:
        bands = Bands.parse("landsat-8-9")
        pixels = np.arange(7, dtype=np.uint16)[:, None, None] * 1000 + np.full((7, 40, 40), 8000, np.uint16)
        prepared = prepare(Image(pixels, bands, "landsat-c2", source="landsat.tif"), MS)
        assert prepared.bands_used == ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B5", "SR_B6", "SR_B7")
        assert prepared.bands_filled == ("B05", "B06", "B07")
        assert "SR_B4 as B04" in prepared.note
        dn = 0.275 * 11000 - 2000
        assert prepared.pixels[2, 0, 0].item() == pytest.approx((dn - MS.mean[2]) / MS.std[2], abs=1e-4)

    def test_landsat_on_an_rgb_model(self) -> None:
        pixels = np.full((7, 40, 40), 10000, np.uint16)
        prepared = prepare(Image(pixels, Bands.parse("landsat-8-9"), "landsat-c2"), RGB)
        assert prepared.bands_used == ("SR_B4", "SR_B3", "SR_B2")

    def test_naip_on_both(self) -> None:
        naip = Image(np.full((4, 40, 40), 100, np.uint8), Bands.parse("naip"), "8bit")
        assert prepare(naip, RGB).bands_used == ("red", "green", "blue")
        assert prepare(naip, MS).bands_used == ("blue", "green", "red", "nir", "nir")

    def test_one_level_of_sentinel_2_does_for_the_other(self) -> None:
        image = scene(bands=Bands(S2, "sentinel-2-l1c"))
        assert prepare(image, MS).bands_used == MS.bands

    def test_a_sensors_own_missing_band_is_not_replaced_by_a_neighbour(self) -> None:
        wanted = Bands(MS.bands, "sentinel-2-l2a")
        without = Bands(tuple(name for name in S2 if name != "B8A"), "sentinel-2-l2a")
        places = match_bands(wanted, without)
        assert places[MS.bands.index("B8A")] is None, "B08 is near, but it is another band"
        assert places.count(None) == 1

    def test_names_alone_match_where_the_sensor_is_not_known(self) -> None:
        assert match_bands(Bands(("B04", "B03"), "sentinel-2-l2a"), Bands(("B03", "x"))) == [None, 0]


class TestOffHeap:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("size", [2, 512])
    def test_pixels_stay_what_they_are(self, size: int, dtype: torch.dtype) -> None:
        pixels = torch.randn(3, size, size).to(dtype).transpose(1, 2)
        kept = off_heap(pixels)
        assert torch.equal(kept, pixels)
        assert torch.equal(pickle.loads(pickle.dumps(kept)), pixels)

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell")
    def test_memory_goes_back_to_the_system(self) -> None:
        script = """
import torch
from terralex.models.preprocess import off_heap
from terralex.runtime.memory import keep_freed_memory
keep_freed_memory()
def pages(): return int(open("/proc/self/statm").read().split()[1])
picture = torch.ones(10, 224, 224)
before = pages()
pictures = [off_heap(picture) for _ in range(50)]
full = pages()
del pictures
print((full - pages()) / (full - before))
"""
        given_back = float(subprocess.check_output([sys.executable, "-c", script]))
        assert given_back > 0.9

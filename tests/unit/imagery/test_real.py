"""Real files, checked against what is known of the ground and of the sensors."""

from pathlib import Path

import numpy as np
import pytest

from terralex.imagery import Bands, Image, is_scene_folder, read_image, to_rgb8
from terralex.runtime.errors import InputError


def files(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        pytest.skip(f"no real imagery: {folder}/{pattern} is absent")
    return found


def means(image: Image) -> dict[str, float]:
    return dict(zip(image.bands, image.pixels.mean(axis=(1, 2)), strict=True))


def test_eurosat_forests(data_dir: Path) -> None:
    """Over forest B8A is close to B08 and the cirrus band is all but black: so the order is right."""
    for path in files(data_dir, "eurosat_ms/Forest/*.tif"):
        image = read_image(path, bands="eurosat")
        assert image.units == "dn"
        mean = means(image)
        assert mean["B8A"] == pytest.approx(mean["B08"], rel=0.25)
        assert mean["B8A"] > 2 * mean["B11"] > 4 * mean["B12"] * 0.9
        assert mean["B10"] < 30
        assert mean["B09"] < mean["B8A"]
        wrong = means(read_image(path, bands="sentinel-2-l1c", units="dn"))
        assert wrong["B10"] > 1000, "the sequential order would put short-wave infrared on the cirrus band"


def test_bands_without_a_name_are_not_guessed(data_dir: Path) -> None:
    (path, *_) = files(data_dir, "eurosat_ms/*/*.tif")
    with pytest.raises(InputError, match=r"13 bands.*--bands sentinel-2-l1c .*--bands eurosat \(B8A last\)"):
        read_image(path)
    (path, *_) = files(data_dir, "sentinel2/l2a/*.tif")
    with pytest.raises(InputError, match="12 bands of unknown order; pass --bands sentinel-2-l2a"):
        read_image(path, units="dn")
    with pytest.raises(InputError, match=r"int16 values mean.*--units dn\|dn\+1000\|reflectance"):
        read_image(path, bands="sentinel-2-l2a")


def test_both_levels_show_the_same_ground(data_dir: Path) -> None:
    """Some tiles carry the offset and some do not: stated rightly, both levels agree in the infrared."""
    with_offset = {
        "282D_485L_3_3": (True, False),
        "433D_629L_3_1": (True, True),
        "637U_59R_1_3": (False, False),
    }
    for name, (top, bottom) in with_offset.items():
        (l1c,) = files(data_dir, f"sentinel2/l1c/{name}.tif")
        (l2a,) = files(data_dir, f"sentinel2/l2a/{name}.tif")
        above = read_image(l1c, bands="sentinel-2-l1c", units="dn+1000" if top else "dn")
        below = read_image(l2a, bands="sentinel-2-l2a", units="dn+1000" if bottom else "dn")
        assert above.grid == below.grid
        for band in ("B08", "B8A", "B11"):
            one, two = (np.median(image.select([band]).reflectance()) for image in (above, below))
            assert one == pytest.approx(two, rel=0.15)
        assert np.median(above.select(["B10"]).reflectance()) < 0.01
        assert np.median(above.select(["B02"]).reflectance()) > np.median(below.select(["B02"]).reflectance())
        mistaken = [(l1c, "sentinel-2-l1c")] * top + [(l2a, "sentinel-2-l2a")] * bottom
        for path, order in mistaken:
            assert "+1000" in read_image(path, bands=order, units="dn").notes[0]


def test_an_offset_that_is_not_there_is_refused(data_dir: Path) -> None:
    (path,) = files(data_dir, "sentinel2/l2a/637U_59R_1_3.tif")
    with pytest.raises(InputError, match=r"cannot be dn\+1000"):
        read_image(path, bands="sentinel-2-l2a", units="dn+1000")
    with pytest.raises(InputError, match="cannot be reflectance"):
        read_image(path, bands="sentinel-2-l2a", units="reflectance")


def test_preview_looks_like_the_published_rendering(data_dir: Path) -> None:
    for path in files(data_dir, "sentinel2/rgb/*.tif"):
        published = read_image(path)
        assert (published.bands.sensor, published.units) == ("rgb", "8bit")
        (l2a,) = files(data_dir, f"sentinel2/l2a/{path.name}")
        ours = to_rgb8(read_image(l2a, bands="sentinel-2-l2a", units="dn"))
        for channel in range(3):
            theirs = published.pixels[channel].ravel()
            assert np.corrcoef(theirs, ours[..., channel].ravel())[0, 1] > 0.9


def test_major_tom_cell(data_dir: Path) -> None:
    (cell,) = files(data_dir, "majortom/*/*")
    assert is_scene_folder(cell)
    assert not is_scene_folder(cell.parent)
    with pytest.raises(InputError, match=r"uint16 values mean \(they look like dn.*--units"):
        read_image(cell)
    image = read_image(cell, units="dn", want=Bands.parse("msclip").names)
    assert image.pixels.shape == (10, 1068, 1068)
    assert image.bands == Bands.parse("msclip")
    assert image.grid is not None
    assert (image.grid.crs, image.grid.resolution) == ("EPSG:32648", (10.0, 10.0))
    mean = means(image)
    assert mean["B8A"] == pytest.approx(mean["B08"], rel=0.1), "20 m on the grid of 10 m"
    narrow, wide = image.select(["B8A", "B08"]).pixels.reshape(2, -1)
    assert np.corrcoef(narrow, wide)[0, 1] > 0.9, "and in the same place"
    thumbnail = read_image(cell / "thumbnail.png")
    assert np.corrcoef(thumbnail.pixels[0].ravel(), to_rgb8(image)[..., 0].ravel())[0, 1] > 0.8


def test_photos_and_aerial_pictures(data_dir: Path) -> None:
    for path in files(data_dir, "photos/*"):
        image = read_image(path)
        assert (image.bands.sensor, image.units, image.pixels.dtype) == ("rgb", "8bit", np.uint8)
        assert image.pixels.shape[0] == 3
    for path in files(data_dir, "aerial/*.tif"):
        image = read_image(path)
        assert image.grid is not None
        assert image.grid.resolution == pytest.approx((0.1, 0.1), rel=0.01)
        assert image.grid.crs in ("EPSG:32611", "EPSG:32617")


def test_depth_maps_keep_their_shape(data_dir: Path) -> None:
    (path, *_) = files(data_dir, "rgbd/*/*.depth.png")
    assert read_image(path).pixels.shape == (3, 480, 640)

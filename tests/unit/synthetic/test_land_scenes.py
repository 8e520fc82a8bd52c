"""Made scenes: exact labels, a real place, rivers that run, tiles that remember where they were cut."""

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.warp import transform_bounds
from scipy import ndimage

from terralex.imagery import Bands
from terralex.runtime.errors import InputError
from terralex.synthetic import LAND_NAMES, LandScene, cut_tiles, make_land_scene
from terralex.synthetic.land.spectra import BANDS


@pytest.fixture(scope="module")
def scene() -> LandScene:
    return make_land_scene(1, 320)


def inner(scene: LandScene, name: str) -> NDArray[np.bool_]:
    """Pixels of a class at least 3 pixels from any other: no band mixes them with their neighbours much."""
    mask = scene.labels == LAND_NAMES.index(name)
    return ndimage.binary_erosion(mask, iterations=3)


def test_same_seed_same_bytes(scene: LandScene) -> None:
    again = make_land_scene(1, 320)
    assert again.image.pixels.tobytes() == scene.image.pixels.tobytes()
    assert again.labels.tobytes() == scene.labels.tobytes()
    assert make_land_scene(2, 64).labels.tobytes() != make_land_scene(3, 64).labels.tobytes()


@pytest.mark.parametrize("seed", [1, 7, 20])
def test_every_class_has_a_place(seed: int) -> None:
    shares = np.bincount(make_land_scene(seed, 256).labels.ravel(), minlength=len(LAND_NAMES)) / 256**2
    assert shares.min() > 0.002
    assert shares.max() < 0.6


def test_labels_agree_with_the_pixels(scene: LandScene) -> None:
    reflectance = dict(zip(scene.image.bands.names, scene.image.reflectance(), strict=True))
    green = (reflectance["B08"] - reflectance["B04"]) / (reflectance["B08"] + reflectance["B04"])
    snow = (reflectance["B03"] - reflectance["B11"]) / (reflectance["B03"] + reflectance["B11"])
    assert np.mean(green[inner(scene, "water")] < 0.1) > 0.95
    assert np.mean(green[inner(scene, "broadleaf forest")] > 0.4) > 0.95
    # Rock that pierces the snow is part of it.
    assert np.mean(snow[inner(scene, "snow")] > 0.4) > 0.85
    assert np.mean(snow[inner(scene, "sand")] < 0) > 0.95
    infrared = reflectance["B8A"]
    assert (
        infrared[inner(scene, "broadleaf forest")].mean()
        > 1.25 * infrared[inner(scene, "conifer forest")].mean()
    )


def test_labels_change_where_the_picture_does(scene: LandScene) -> None:
    """The map is exact: moved by three pixels it explains the picture worse than where it is."""
    picture = np.log(scene.image.pixels[BANDS.index("B08")].astype(float))

    def unexplained(labels: NDArray[np.uint8]) -> float:
        values = ndimage.mean(picture, labels, range(len(LAND_NAMES)))
        return float(np.var((picture - np.array(values)[labels])[8:-8, 8:-8]))

    still = unexplained(scene.labels)
    for axis in (0, 1):
        for shift in (-3, 3):
            assert unexplained(np.roll(scene.labels, shift, axis)) > 1.05 * still


def test_water_is_the_lowest_and_snow_the_highest(scene: LandScene) -> None:
    height = {name: np.median(scene.elevation[scene.labels == LAND_NAMES.index(name)]) for name in LAND_NAMES}
    assert height["water"] == min(height.values())
    assert height["snow"] == max(height.values())
    assert height["conifer forest"] > height["broadleaf forest"]


def test_soil_moisture_darkens_bare_soil_in_the_infrared(scene: LandScene) -> None:
    soil = inner(scene, "bare soil")
    moisture, swir = scene.soil_moisture[soil], scene.image.pixels[BANDS.index("B11")][soil]
    assert scene.soil_moisture.min() >= 0
    assert scene.soil_moisture.max() <= 1
    assert np.corrcoef(moisture, swir)[0, 1] < -0.5


def test_the_grid_is_a_real_place(scene: LandScene) -> None:
    grid = scene.image.grid
    assert grid is not None
    assert grid.resolution == (10, 10)
    crs = rasterio.CRS.from_string(grid.crs)
    assert crs.is_projected
    assert 32601 <= crs.to_epsg() <= 32660
    left, bottom, right, top = transform_bounds(crs, "EPSG:4326", *grid.bounds)
    middle = 6 * (crs.to_epsg() - 32600) - 183
    assert abs(left - middle) < 3.5
    assert abs(right - middle) < 3.5
    assert 10 < bottom < top < 64


def test_bands_are_chosen_by_name() -> None:
    all_bands = make_land_scene(4, 64)
    ten = make_land_scene(4, 64, bands=Bands.parse("sentinel-2-l2a:B12,B04"))
    assert ten.image.bands.names == ("B12", "B04")
    np.testing.assert_array_equal(ten.image.pixels[1], all_bands.image.pixels[BANDS.index("B04")])
    with pytest.raises(InputError, match="B10"):
        make_land_scene(4, 64, bands=Bands(("B10",), "sentinel-2-l1c"))


def test_tiles_remember_where_they_were_cut(scene: LandScene) -> None:
    tiles = list(cut_tiles(scene, 64, 48))
    assert len(tiles) == 6 * 6
    for tile, name, share in tiles:
        assert tile.window is not None
        column, row, width, height = tile.window
        part = np.s_[row : row + height, column : column + width]
        np.testing.assert_array_equal(tile.pixels, scene.image.pixels[:, *part])
        assert share == np.mean(scene.labels[part] == LAND_NAMES.index(name))
        assert tile.grid == scene.image.grid.window(column, row, width, height)  # type: ignore[union-attr]
    assert len(list(cut_tiles(scene, 64))) == 25


def test_fine_pixels_show_the_same_kinds_of_land() -> None:
    scene = make_land_scene(6, 128, resolution=2.5)
    assert scene.image.grid is not None
    assert scene.image.grid.resolution == (2.5, 2.5)
    assert len(np.unique(scene.labels)) >= 6

"""Made tiles of land: repeatable, plausible in every band, dominated by their class."""

import numpy as np
import pytest
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.synthetic import LAND_CLASSES, LAND_NAMES, make_land_tile, make_land_tiles, render_rgb8
from terralex.synthetic.land.spectra import BANDS
from terralex.synthetic.land.tiles import draw_land_tile

PER_CLASS = 24


@pytest.fixture(scope="module")
def means() -> dict[str, NDArray[np.float64]]:
    """Mean reflectance of pure tiles of each class: (tiles, bands)."""
    made = {}
    for name in LAND_NAMES:
        tiles = make_land_tiles([name] * PER_CLASS, range(PER_CLASS), 48, purity=1.0)
        made[name] = tiles.mean(axis=(2, 3)) / 10000
    return made


def index(spectra: NDArray[np.float64], a: str, b: str) -> NDArray[np.float64]:
    one, other = spectra[:, BANDS.index(a)], spectra[:, BANDS.index(b)]
    return (one - other) / (one + other)


def test_same_seed_same_bytes_and_another_seed_another_tile() -> None:
    first, again, other = (make_land_tile("crops", seed) for seed in (5, 5, 6))
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.grid == again.grid
    assert first.pixels.tobytes() != other.pixels.tobytes()
    assert first.grid != other.grid


def test_a_batch_holds_the_same_tiles_as_single_calls() -> None:
    names = ["water", "built-up", "snow"]
    batch = make_land_tiles(names, [3, 4, 5], 32)
    assert batch.dtype == np.uint16
    assert batch.shape == (3, 12, 32, 32)
    for tile, name, seed in zip(batch, names, (3, 4, 5), strict=True):
        np.testing.assert_array_equal(tile, make_land_tile(name, seed, 32).pixels)


def test_a_tile_knows_its_bands_units_and_place() -> None:
    tile = make_land_tile("sand", 1, 40, resolution=2.5)
    assert tile.bands.names == BANDS
    assert tile.bands.sensor == "sentinel-2-l2a"
    assert tile.units == "dn"
    assert tile.grid is not None
    assert tile.grid.resolution == (2.5, 2.5)
    assert str(tile.grid.crs).startswith("EPSG:326")


@pytest.mark.parametrize("name", LAND_NAMES)
def test_the_class_covers_at_least_the_purity_asked_for(name: str) -> None:
    shares = [(draw_land_tile(name, seed, 32)[1] == LAND_NAMES.index(name)).mean() for seed in range(30)]
    assert min(shares) >= 0.8
    assert max(shares) == 1.0
    assert min(shares) < 1.0, "no neighbour ever reaches in"
    assert (draw_land_tile(name, 1, 32, purity=1.0)[1] == LAND_NAMES.index(name)).all()


def test_vegetation_index_orders_the_classes(means: dict[str, NDArray[np.float64]]) -> None:
    greenness = {name: np.median(index(spectra, "B08", "B04")) for name, spectra in means.items()}
    assert greenness["water"] < 0
    assert abs(greenness["snow"]) < 0.1
    assert greenness["sand"] < 0.2
    assert greenness["bare soil"] < 0.3
    assert greenness["built-up"] < 0.45
    for name in ("conifer forest", "broadleaf forest"):
        assert greenness[name] > 0.65
    for name in ("grassland", "crops"):
        assert 0.3 < greenness[name] < greenness["broadleaf forest"]


def test_water_and_snow_stand_out_by_their_indices(means: dict[str, NDArray[np.float64]]) -> None:
    for name, spectra in means.items():
        wet, snowy = np.median(index(spectra, "B03", "B08")), np.median(index(spectra, "B03", "B11"))
        assert (wet > 0.2) == (name == "water"), f"NDWI of {name}: {wet:.2f}"
        assert (snowy > 0.4 and spectra[:, 2].mean() > 0.4) == (name == "snow"), (
            f"NDSI of {name}: {snowy:.2f}"
        )


def test_sand_is_bright_and_brightens_into_the_infrared(means: dict[str, NDArray[np.float64]]) -> None:
    sand = means["sand"].mean(axis=0)
    assert sand[BANDS.index("B02")] < sand[BANDS.index("B04")] < sand[BANDS.index("B11")]
    assert sand[BANDS.index("B04")] > 0.25


def test_forests_differ_in_the_infrared_and_hardly_in_the_visible(
    means: dict[str, NDArray[np.float64]],
) -> None:
    conifer, broadleaf = means["conifer forest"], means["broadleaf forest"]

    def separation(band: str) -> float:
        a, b = conifer[:, BANDS.index(band)], broadleaf[:, BANDS.index(band)]
        return float((b.mean() - a.mean()) / np.sqrt((a.var() + b.var()) / 2))

    assert separation("B8A") > 1.5
    assert all(abs(separation(band)) < 0.8 for band in ("B02", "B03", "B04"))


def test_only_the_infrared_tells_wet_soil_from_dry() -> None:
    def soils(moisture: float) -> NDArray[np.float64]:
        tiles = [make_land_tile("bare soil", s, 32, purity=1.0, moisture=moisture).pixels for s in range(40)]
        return np.stack(tiles).mean(axis=(2, 3))

    dry, wet = soils(0.1), soils(0.9)
    shift = (wet.mean(axis=0) - dry.mean(axis=0)) / dry.std(axis=0)
    assert shift[BANDS.index("B11")] < -1.5
    assert shift[BANDS.index("B12")] < -1.5
    assert np.abs(shift[1:4]).max() < 0.5


def test_broad_bands_are_blurred_as_the_sensor_does() -> None:
    tile = make_land_tile("built-up", 2).pixels.astype(float)

    def roughness(band: str) -> float:
        plane = tile[BANDS.index(band)]
        return float(np.abs(np.diff(plane, axis=1)).mean() / plane.std())

    assert roughness("B08") > 1.4 * roughness("B8A") > 1.4 * roughness("B09")


def test_the_hierarchy_leads_to_a_few_top_terms() -> None:
    assert len(LAND_NAMES) >= 10
    assert all(entry.parents for entry in LAND_CLASSES.values())
    assert all(set(entry.neighbours) <= set(LAND_NAMES) for entry in LAND_CLASSES.values())
    assert LAND_CLASSES["conifer forest"].parents == ("forest", "vegetation")
    words = [word for entry in LAND_CLASSES.values() for word in (entry.name, *entry.synonyms)]
    assert len(set(words)) == len(words)


def test_an_unknown_class_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'lava'.*broadleaf forest"):
        make_land_tile("lava", 0)


def test_the_picture_of_a_tile_has_true_colours() -> None:
    water, snow, forest = (
        render_rgb8(make_land_tile(name, 3, 32, purity=1.0)) for name in ("water", "snow", "conifer forest")
    )
    assert water.dtype == np.uint8
    assert water.shape == (32, 32, 3)
    assert snow.mean() > water.mean() + 50
    assert forest[..., 1].mean() > forest[..., 0].mean()

"""A picture that is encoded once and asked many times."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

import terralex
from terralex.imagery import Bands, Grid, Image, write_geotiff
from terralex.segmentation.photos import EncodedPhoto, find_photo_regions, write_map

LABELS = ("water", "forest", "a town")


@pytest.fixture(scope="module")
def model(tiny_model: str) -> terralex.Model:
    return terralex.load_model(tiny_model)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(200, 3000, (4, 40, 56), dtype=np.uint16)
    grid = Grid("EPSG:32633", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), 56, 40)
    bands = Bands(("B02", "B03", "B04", "B08"), "sentinel-2-l2a")
    write_geotiff(Image(pixels, bands, "dn", grid=grid), tmp_path / "scene.tif")
    return tmp_path / "scene.tif"


def test_it_says_what_segment_and_heatmaps_say(model: terralex.Model, scene: Path) -> None:
    photo = EncodedPhoto(scene, model)
    for labels, threshold in ((LABELS, 0.0), (LABELS[:2], 0.5)):
        (expected,) = terralex.segment(scene, labels, model=model, threshold=threshold, presence=0.0)
        result = photo.segment(labels, threshold=threshold, presence=0.0)
        assert result.names == expected.names
        assert np.mean(result.labels == expected.labels) > 0.999
    (heat,) = terralex.heatmaps(scene, LABELS, model=model, softmax=False)
    np.testing.assert_allclose(photo.heatmaps(LABELS, softmax=False).maps, heat.maps, atol=1e-4)


def test_it_is_encoded_once(model: terralex.Model, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = EncodedPhoto(scene, model)

    def refuse(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr("terralex.models.dense.encoder.DenseEncoder.local", refuse)
    photo.segment(LABELS)
    photo.segment(("snow", "sand"), scga=5.0, threshold=0.3, presence=0.1)
    photo.heatmaps(LABELS)


def test_a_picture_that_cannot_be_read(model: terralex.Model, tmp_path: Path) -> None:
    (tmp_path / "none.jpg").write_text("no picture")
    with pytest.raises(terralex.InputError, match=r"none\.jpg"):
        EncodedPhoto(tmp_path / "none.jpg", model)


def test_maps_and_regions(model: terralex.Model, scene: Path, tmp_path: Path) -> None:
    result = EncodedPhoto(scene, model).segment(LABELS, presence=0.0)
    write_map(result, tmp_path / "map.tif")
    with rasterio.open(tmp_path / "map.tif") as raster:
        np.testing.assert_array_equal(raster.read(1), result.labels + 1)
        assert raster.crs.to_epsg() == 32633
    regions = find_photo_regions(result)
    assert sum(region.pixels for region in regions) == np.sum(result.labels >= 0)
    assert all(region.hectares == pytest.approx(region.pixels / 100, rel=0.01) for region in regions)
    write_map(result, tmp_path / "map.gpkg")
    assert (tmp_path / "map.gpkg").stat().st_size > 0


def test_no_place_no_map(model: terralex.Model, tmp_path: Path) -> None:
    result = EncodedPhoto(np.zeros((24, 32, 3), np.uint8), model, name="plain").segment(LABELS)
    with pytest.raises(terralex.UsageError, match="plain does not say where"):
        write_map(result, tmp_path / "map.tif")

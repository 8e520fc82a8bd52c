"""The samples on disk: what was made is what is read back, without any flag."""

import csv
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image as Picture

from terralex.imagery import read_image
from terralex.synthetic import LAND_CLASSES, LAND_NAMES, make_land_scene, make_land_tile, write_samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples")
    write_samples(path)
    return path


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_lists_every_file(folder: Path) -> None:
    listed = {row["path"] for row in rows(folder)}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == listed | {"labels.csv", "species.csv"}
    tiles = [row for row in rows(folder) if row["kind"] == "tile"]
    assert {row["label"] for row in tiles} == set(LAND_NAMES)
    assert all(row["broader"].split(";") == list(LAND_CLASSES[row["label"]].parents) for row in tiles)
    specimens = [row for row in rows(folder) if row["kind"] == "specimen"]
    assert len({row["broader"].rpartition(";")[2] for row in specimens}) == 3
    assert all(len(row["broader"].split(";")) == 6 for row in specimens)


def test_tiles_read_back_with_bands_units_and_place(folder: Path) -> None:
    made, read = make_land_tile("crops", 0, 96), read_image(folder / "tiles" / "crops_1.tif")
    np.testing.assert_array_equal(read.pixels, made.pixels)
    assert read.bands == made.bands
    assert read.units == "dn"
    assert read.grid == made.grid
    assert read.notes == ()


def test_the_scene_lies_where_its_map_does(folder: Path) -> None:
    truth = make_land_scene(0, 256)
    with (
        rasterio.open(folder / "scene" / "scene.tif") as scene,
        rasterio.open(folder / "scene" / "labels.tif") as labels,
    ):
        assert scene.transform == labels.transform
        assert (
            scene.crs
            == labels.crs
            == rasterio.CRS.from_string(str(truth.image.grid and truth.image.grid.crs))
        )
        np.testing.assert_array_equal(labels.read(1), truth.labels)
        left, bottom, right, top = scene.bounds
    assert (right - left, top - bottom) == (2560, 2560)


def test_pictures_open_as_rgb(folder: Path) -> None:
    for row in rows(folder):
        if row["kind"] in ("rgb", "specimen"):
            with Picture.open(folder / row["path"]) as picture:
                assert picture.mode == "RGB"
                assert np.asarray(picture).std() > 2


def test_samples_repeat_by_seed(folder: Path, tmp_path: Path) -> None:
    for path in write_samples(tmp_path):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path.name

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from PIL import Image as Pictures
from pyproj import Transformer

from terralex.imagery import WindowReader
from terralex.models.preprocess import prepare
from terralex.runtime.errors import InputError, UsageError
from terralex.segmentation.scenes import UNLABELLED, Region, SceneReport, segment_scene
from terralex.segmentation.scenes.colours import class_colours
from terralex.segmentation.scenes.pixels import normalise

from .conftest import SPEC, UTM, NearestColour, WriteScene, blotches, painted

SMALL: dict[str, Any] = {"window": 64, "overlap": 16}


def run(source: Path, output: Path, **options: Any) -> SceneReport:  # noqa: ANN401
    return segment_scene(source, NearestColour(), output, **{"spec": SPEC, **SMALL, **options})


@pytest.mark.parametrize("size", [(150, 200), (64, 64), (17, 500), (1, 1), (640, 530)])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_map_is_right_in_every_pixel(
    write_scene: WriteScene, tmp_path: Path, size: tuple[int, int], batch_size: int
) -> None:
    truth = blotches(*size)
    truth[: size[0] // 3, : size[1] // 2] = 0
    source = write_scene(painted(truth), nodata=0)
    report = run(source, tmp_path / "map.tif", batch_size=batch_size)
    with rasterio.open(tmp_path / "map.tif") as found, rasterio.open(source) as scene:
        np.testing.assert_array_equal(found.read(1), truth)
        assert found.transform == scene.transform
        assert found.crs == scene.crs
        assert found.nodata == 0
    assert report.labelled == np.count_nonzero(truth)
    assert [area.pixels for area in report.areas] == [int((truth == code).sum()) for code in (1, 2, 3)]


def test_the_map_is_a_cog_with_names_and_colours(write_scene: WriteScene, tmp_path: Path) -> None:
    truth = blotches(700, 1300, side=40)
    run(write_scene(painted(truth)), tmp_path / "map.tif", window=448, overlap=64, model="nearest")
    with rasterio.open(tmp_path / "map.tif") as found:
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert found.profile["compress"] == "deflate"
        assert found.block_shapes == [(512, 512)]
        assert found.overviews(1) == [2, 4]
        colours = found.colormap(1)
        assert found.tags()["MODEL"] == "nearest"
        names = json.loads(found.tags()["CLASSES"])
    assert [colours[code][:3] for code in (1, 2, 3)] == class_colours(3)
    assert colours[0][3] == 0
    assert names == {"1": "red roof", "2": "green field", "3": "blue lake"}
    band = ElementTree.parse(tmp_path / "map.tif.aux.xml").find("PAMRasterBand")
    assert band is not None
    assert [node.text for node in band.iter("Category")] == [None, *names.values()]
    rows = [[cell.text for cell in row] for row in band.iter("Row")]
    assert rows[1][:2] == ["2", "green field"]
    with rasterio.open(tmp_path / "map.tif", overview_level=1) as overview:
        assert (overview.read(1) == truth[1::4, 1::4][:175, :325]).mean() > 0.95


def test_probabilities_are_those_of_the_model(write_scene: WriteScene, tmp_path: Path) -> None:
    truth = blotches(100, 120)
    truth[:30, :40] = 0
    run(write_scene(painted(truth), nodata=0), tmp_path / "map.tif", probabilities=tmp_path / "p.tif")
    with rasterio.open(tmp_path / "p.tif") as found:
        assert found.descriptions == NearestColour.labels
        scaled = found.read(masked=True) * found.scales[0] + found.offsets[0]
    np.testing.assert_array_equal(scaled.mask.any(axis=0), truth == 0)
    assert np.abs(scaled.sum(axis=0) - 1).max() < 0.01
    np.testing.assert_array_equal(scaled.argmax(axis=0)[truth > 0] + 1, truth[truth > 0])


def test_everything_else_agrees_with_the_map(write_scene: WriteScene, tmp_path: Path) -> None:
    truth = blotches(90, 140)
    outputs = {"polygons": "map.gpkg", "areas": "areas.csv", "preview": "map.png"}
    report = run(
        write_scene(painted(truth)), tmp_path / "map.tif", **{k: tmp_path / v for k, v in outputs.items()}
    )
    _, _, geometry, (codes, labels, hectares) = pyogrio.raw.read(tmp_path / "map.gpkg")
    assert report.polygons == len(geometry)
    rows = list(csv.DictReader((tmp_path / "areas.csv").read_text().splitlines()))
    for row, area in zip(rows, report.areas, strict=True):
        of_class = codes == int(row["class"])
        assert set(labels[of_class]) == {row["label"]} == {area.label}
        assert float(row["hectares"]) == pytest.approx(hectares[of_class].sum(), abs=1e-3)
        assert float(row["hectares"]) == pytest.approx(int(row["pixels"]) * 0.01, rel=1e-3)
    with Pictures.open(tmp_path / "map.png") as page:
        assert page.width > 280 + 150  # the map, twice as large, and its legend
        assert page.getpixel((24 + 1, 24 + 1)) == class_colours(3)[truth[0, 0] - 1]
    assert not list(tmp_path.glob("*.unfinished"))


def test_unsure_pixels_are_none_of_the_classes(write_scene: WriteScene, tmp_path: Path) -> None:
    pixels = painted(blotches(64, 64))
    pixels[:, :20] = 130  # as far from one colour as from the others
    report = run(write_scene(pixels), tmp_path / "map.tif", threshold=0.6)
    with rasterio.open(tmp_path / "map.tif") as found:
        assert (found.read(1)[:20] == 4).all()
        assert (found.read(1)[20:] < 4).all()
    assert report.areas[3].label == UNLABELLED
    assert report.areas[3].pixels == 20 * 64


def test_a_region_cuts_at_whole_pixels(write_scene: WriteScene, tmp_path: Path) -> None:
    truth = blotches(200, 240)
    source = write_scene(painted(truth))
    region = Region.box((500_330, 4_998_520, 501_770, 4_999_480), "EPSG:32632")
    run(source, tmp_path / "map.tif", region=region)
    with rasterio.open(tmp_path / "map.tif") as found:
        assert found.transform == UTM @ Affine.translation(33, 52)
        np.testing.assert_array_equal(found.read(1), truth[52:148, 33:177])


def test_what_is_outside_of_a_polygon_has_no_label(write_scene: WriteScene, tmp_path: Path) -> None:
    change = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    ring = [change.transform(500_000 + x, 5_000_000 - y) for x, y in ((0, 0), (0, 2000), (2000, 0), (0, 0))]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    (tmp_path / "roi.geojson").write_text(
        json.dumps({"type": "Feature", "properties": {}, "geometry": geometry})
    )
    truth = blotches(200, 200)
    report = run(
        write_scene(painted(truth)), tmp_path / "map.tif", region=Region.file(tmp_path / "roi.geojson")
    )
    with rasterio.open(tmp_path / "map.tif") as found:
        labels = found.read(1)
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    np.testing.assert_array_equal(labels[rows + columns < 197], truth[:200, :200][rows + columns < 197])
    assert not labels[rows + columns > 200].any()
    assert report.skipped > 0


def test_a_coarser_map_lies_on_the_same_corner(write_scene: WriteScene, tmp_path: Path) -> None:
    truth = blotches(150, 210, side=30)
    run(write_scene(painted(truth)), tmp_path / "map.tif", gsd=30)
    with rasterio.open(tmp_path / "map.tif") as found:
        assert found.transform == Affine(30, 0, 500_000, 0, -30, 5_000_000)
        np.testing.assert_array_equal(found.read(1), truth[1::3, 1::3])


def test_metres_in_a_scene_in_degrees(write_scene: WriteScene, tmp_path: Path) -> None:
    grid = Affine(1e-4, 0, 10.0, 0, -1e-4, 60.0)
    run(write_scene(painted(blotches(60, 60)), crs="EPSG:4326", transform=grid), tmp_path / "map.tif", gsd=20)
    with rasterio.open(tmp_path / "map.tif") as found:
        assert found.transform.a * 55_800 == pytest.approx(20, rel=0.01)  # a degree of longitude at 60 N
        assert -found.transform.e * 111_412 == pytest.approx(20, rel=0.01)


def test_many_labels_take_two_bytes(write_scene: WriteScene, tmp_path: Path) -> None:
    labeller = NearestColour()
    labeller.labels = tuple(f"class {n}" for n in range(300))  # type: ignore[assignment]
    few = labeller.grid_probabilities
    labeller.grid_probabilities = lambda pixels: few(pixels)[:, [0, 1, 2] * 100] / 100  # type: ignore[method-assign]
    segment_scene(write_scene(painted(blotches(64, 64))), labeller, tmp_path / "map.tif", spec=SPEC, **SMALL)
    with rasterio.open(tmp_path / "map.tif") as found:
        assert found.dtypes == ("uint16",)
        assert found.colormap(1)[300][:3] == class_colours(300)[299]


def test_windows_without_data_are_not_for_the_model(write_scene: WriteScene, tmp_path: Path) -> None:
    truth = np.zeros((500, 500), np.uint8)
    truth[:30, :30] = blotches(30, 30)
    labeller = NearestColour()
    report = segment_scene(
        write_scene(painted(truth), nodata=0), labeller, tmp_path / "map.tif", spec=SPEC, **SMALL
    )
    assert (len(labeller.seen), report.windows) == (1, 1)
    assert report.skipped > 80


def test_pixels_are_normalised_as_for_every_other_task(write_scene: WriteScene) -> None:
    """Of the model's own size, so that there is nothing to resize."""
    spec = replace(SPEC, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    pixels[:, 5:9, 5:9] = 0
    with WindowReader(write_scene(pixels, nodata=0)) as reader:
        image = reader.read((0, 0, 64, 64))
    np.testing.assert_allclose(normalise(image, spec).pixels, prepare(image, spec).pixels, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"output": "map.png"}, "must end with .tif"),
        ({"polygons": "map.kml"}, r"\.gpkg or \.parquet or \.geojson"),
        ({"preview": "map.tif"}, "must end with .png"),
        ({"output": "scene.tif"}, "both input and output"),
        ({"gsd": 0.0}, "above 0 m and finite, not 0"),
        ({"gsd": float("inf")}, "above 0 m and finite, not inf"),
        ({"window": 100}, "multiples of 16"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    write_scene: WriteScene, tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    source = write_scene(painted(blotches(64, 64)))
    paths = ("output", "polygons", "preview")
    given = {k: tmp_path / v if k in paths else v for k, v in options.items()}
    with pytest.raises(UsageError, match=told):
        run(source, given.pop("output", tmp_path / "map.tif"), **given)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


def test_denoising_by_window_is_refused(write_scene: WriteScene, tmp_path: Path) -> None:
    labeller = NearestColour()
    labeller.prompt_denoising = 0.5  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="prompt_denoising=0"):
        segment_scene(write_scene(painted(blotches(64, 64))), labeller, tmp_path / "map.tif", spec=SPEC)


def test_a_picture_without_a_place_is_no_scene(tmp_path: Path) -> None:
    Pictures.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match="no place on the ground"):
        run(tmp_path / "photo.png", tmp_path / "map.tif")
    with pytest.raises(InputError, match="no such file"):
        run(tmp_path / "absent.tif", tmp_path / "map.tif")
    assert not (tmp_path / "map.tif.unfinished").exists()


def test_the_grid_of_a_building_site_has_no_polygons(write_scene: WriteScene, tmp_path: Path) -> None:
    """That is told before the work, not after it."""
    source = write_scene(painted(blotches(64, 64)), crs='LOCAL_CS["site",UNIT["metre",1]]')
    with pytest.raises(UsageError, match="where on the Earth"):
        run(source, tmp_path / "map.tif", polygons=tmp_path / "map.gpkg")
    assert not list(tmp_path.glob("map*"))
    report = run(source, tmp_path / "map.tif", areas=tmp_path / "areas.csv")
    assert {area.hectares for area in report.areas} == {None}
    with rasterio.open(tmp_path / "map.tif") as found, rasterio.open(source) as scene:
        assert (found.transform, found.crs) == (scene.transform, scene.crs)


def test_metres_of_web_mercator_are_not_metres_on_the_ground(write_scene: WriteScene, tmp_path: Path) -> None:
    grid = Affine(10, 0, 1_000_000, 0, -10, 8_399_738)  # 60 degrees north, where 10 m are 5
    source = write_scene(painted(blotches(60, 60)), crs="EPSG:3857", transform=grid)
    report = run(source, tmp_path / "map.tif", gsd=20)
    assert (report.grid.width, report.grid.height) == (16, 16)  # not 30
    assert report.areas[0].hectares is not None
    assert sum(area.hectares or 0 for area in report.areas) == pytest.approx(report.labelled * 0.04, rel=0.01)


def test_a_map_is_not_overwritten_unasked(write_scene: WriteScene, tmp_path: Path) -> None:
    source, output = write_scene(painted(blotches(64, 64))), tmp_path / "map.tif"
    run(source, output)
    first = output.read_bytes()
    with pytest.raises(UsageError, match="--overwrite"):
        run(source, output)
    with pytest.raises(UsageError, match="nothing to resume"):
        run(source, output, resume=True)
    run(source, output, overwrite=True)
    assert output.read_bytes() == first

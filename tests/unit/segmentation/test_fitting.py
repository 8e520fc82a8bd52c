"""Classes of pixels learned from labelled polygons and points over a made scene."""

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Transformer

import terralex
from terralex.cli.app import run
from terralex.segmentation.fitting.pixels import fit_pixels

SIDE = 128
LEFT, TOP = 500_000.0, 5_300_000.0


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene at 10 m whose left half is reddish and whose right half is greenish."""
    pixels = np.random.default_rng(0).integers(0, 80, (3, SIDE, SIDE), dtype=np.uint8)
    pixels[0, :, : SIDE // 2] += 150
    pixels[1, :, SIDE // 2 :] += 150
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 3, "dtype": "uint8"}
    transform = rasterio.Affine(10, 0, LEFT, 0, -10, TOP)
    with rasterio.open(
        path, "w", **profile, crs="EPSG:32633", transform=transform, photometric="RGB"
    ) as file:
        file.write(pixels)
    return path


def square(column: float, row: float, side: float = 14) -> shapely.Geometry:
    """A square of pixels, in degrees."""
    box = shapely.box(
        LEFT + 10 * column, TOP - 10 * (row + side), LEFT + 10 * (column + side), TOP - 10 * row
    )
    change = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    return shapely.transform(box, lambda x, y: np.asarray(change.transform(x, y)), interleaved=False)


def write_shapes(
    path: Path, shapes: list[shapely.Geometry], labels: list[str | None], crs: str | None
) -> None:
    pyogrio.raw.write(
        str(path),
        shapely.to_wkb(np.array(shapes)),
        [np.array(labels, object)],
        ["Label"],
        geometry_type="Unknown",
        crs=crs,
        driver="GPKG" if path.suffix == ".gpkg" else "GeoJSON",
    )


@pytest.fixture(scope="module")
def shapes(scene: Path) -> Path:
    """Five squares and a point of each half, and one far away."""
    geometries: list[shapely.Geometry] = []
    labels: list[str | None] = []
    for column, label in ((20, "red"), (90, "green")):
        for row in range(5):
            geometries.append(square(column, 6 + 24 * row))
            labels.append(label)
        geometries.append(square(column - 10, 60).centroid)
        labels.append(label)
    path = scene.parent / "fields.gpkg"
    write_shapes(path, [*geometries, square(5000, 0)], [*labels, "red"], "EPSG:4326")
    return path


def test_polygons_teach_classes_that_map_a_scene(
    scene: Path, shapes: Path, tiny_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted, out = tmp_path / "land.fit", tmp_path / "map.tif"
    model = ["--model", tiny_model]
    assert run(["fit", str(shapes), "--scenes", str(scene), "-o", str(fitted), *model]) == 3
    output = capsys.readouterr()
    assert "fields.gpkg, feature 13: 'red' is outside of every scene" in output.err
    assert "red," in output.out

    assert run(["segment", str(scene), "--labels", str(fitted), "-o", str(out), *model]) == 0
    capsys.readouterr()
    with rasterio.open(out) as file:
        labels = file.read(1)
    assert terralex.load_fit(fitted).labels == ("green", "red")
    inner = np.s_[8:-8, 8 : SIDE // 2 - 12], np.s_[8:-8, SIDE // 2 + 12 : -8]
    assert (labels[inner[0]] == 2).mean() > 0.9
    assert (labels[inner[1]] == 1).mean() > 0.9

    assert run(["classify", str(scene), "--labels", str(fitted), *model]) == 2
    assert "was learned from pixels: use it with segment" in capsys.readouterr().err
    found = next(iter(terralex.segment(scene, fitted, model=tiny_model)))
    assert found.error is None
    assert set(found.names) == {"green", "red"}


def test_what_is_wrong_with_shapes_is_said(scene: Path, tiny_model: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.gpkg"
    two = [square(20, 20), square(90, 20)]
    write_shapes(path, two, ["red", "Red"], "EPSG:4326")
    with pytest.raises(terralex.UsageError, match=r"'red' \(.*feature 1\) and 'Red' \(.*feature 2\)"):
        fit_pixels(path, scene, model=tiny_model)
    write_shapes(path, [square(5000, 0), square(6000, 0)], ["red", "green"], "EPSG:4326")
    with pytest.raises(terralex.UsageError, match="no shape is within the scenes"):
        fit_pixels(path, scene, model=tiny_model)
    line = shapely.LineString(two[0].exterior.coords)
    write_shapes(path, [*two, line, two[0]], ["red", "green", "red", None], "EPSG:4326")
    result = fit_pixels(path, scene, model=tiny_model)
    assert [reason.split(":")[0] for _, reason in result.failed] == ["it is a LineString"]
    with pytest.raises(terralex.UsageError, match="no attribute 'kind'; it has Label"):
        fit_pixels(path, scene, model=tiny_model, label_column="kind")
    with pytest.raises(terralex.UsageError, match="does not exist"):
        fit_pixels(tmp_path / "absent.gpkg", scene, model=tiny_model)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_shapes_without_a_reference_system_are_refused(scene: Path, tiny_model: str, tmp_path: Path) -> None:
    path = tmp_path / "nowhere.gpkg"
    write_shapes(path, [square(20, 20), square(90, 20)], ["red", "green"], None)
    with pytest.raises(terralex.UsageError, match="does not say its coordinate reference system"):
        fit_pixels(path, scene, model=tiny_model)

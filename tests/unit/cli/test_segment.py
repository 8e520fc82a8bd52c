import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import rasterio

from terralex.cli.app import run
from terralex.imagery import Grid, Image, write_geotiff
from terralex.imagery.bands import Bands

Run = Callable[..., tuple[int, str, str]]
LABELS = ("--labels", "water,forest,town")


@pytest.fixture
def segment(capfd: pytest.CaptureFixture[str], tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the verb with the tiny model: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: object, labels: tuple[str, ...] = LABELS) -> tuple[int, str, str]:
        code = run(["segment", *map(str, arguments), *labels, "--model", tiny_model, "--device", "cpu"])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    grid = Grid("EPSG:32632", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), 80, 64)
    pixels = np.random.default_rng(0).integers(1, 256, (3, 64, 80), dtype=np.uint8)
    write_geotiff(Image(pixels, Bands.parse("rgb"), "8bit", grid=grid), tmp_path / "scene.tif")
    return tmp_path / "scene.tif"


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_photos_to_a_folder(segment: Run, pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    code, out, err = segment(pictures, "-o", folder, "--coco", "--presence", "0")
    assert (code, out) == (3, "")
    assert "4.jpg: " in err
    assert "1 failed; model tiny" in err
    table = rows((folder / "results.jsonl").read_text())
    assert len(table) == 6
    first, failed = table[0], table[4]
    assert (first["width"], first["height"], first["mask"]) == (32, 24, "masks/0.png")
    assert failed["error"]
    assert failed["mask"] is None
    areas = [first[f"area:{name}"] for name in ("water", "forest", "town")]
    assert sum(map(float, areas)) == pytest.approx(1, abs=1e-6)  # type: ignore[arg-type]
    with PIL.Image.open(folder / "masks" / "again" / "1.png") as mask:
        codes = np.asarray(mask)
    assert codes.shape == (24, 32)
    assert set(np.unique(codes)) <= {1, 2, 3}
    assert (folder / "overlays" / "again" / "1.jpg").is_file()
    coco = json.loads((folder / "coco.json").read_text())
    assert [entry["name"] for entry in coco["categories"]] == ["water", "forest", "town"]
    assert [entry["file_name"] for entry in coco["images"]] == [row["path"] for row in table if row["mask"]]
    last = [one for one in coco["annotations"] if one["image_id"] == coco["images"][-1]["id"]]
    for one in last:
        assert one["area"] == (codes == one["category_id"]).sum()
        assert one["segmentation"]["size"] == [24, 32]
        assert 0 < one["score"] <= 1
    assert sum(one["area"] for one in last) == 24 * 32


def test_photos_to_standard_output(segment: Run, pictures: Path) -> None:
    code, out, _ = segment(pictures / "0.png", pictures / "gone.png", "--presence", "0")
    assert code == 3
    first, gone = rows(out)
    assert "mask" not in first
    assert "%" in str(first["labels"])
    assert "no such file" in str(gone["error"])


def test_results_are_not_written_over(segment: Run, pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert segment(pictures / "0.png", "-o", folder)[0] == 0
    before = content(folder)
    code, _, err = segment(pictures / "1.png", "-o", folder)
    assert code == 2
    assert "--overwrite" in err
    assert segment(pictures / "0.png", "-o", folder, "--resume")[0] == 2
    assert content(folder) == before
    assert segment(pictures / "0.png", "-o", folder, "--overwrite")[0] == 0
    assert content(folder) == before


def test_a_run_that_was_cut_short_is_resumed(
    segment: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    arguments = (pictures, "--batch-size", 2, "--coco")
    assert segment(*arguments, "-o", whole)[0] == 3
    from terralex.segmentation.photos import files

    draw, drawn = files.overlay_jpeg, []

    def interrupted(found: files.Segmentation) -> bytes:
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(found.path)
        return draw(found)

    with monkeypatch.context() as patch:
        patch.setattr(files, "overlay_jpeg", interrupted)
        code, _, err = segment(*arguments, "-o", cut)
    assert code == 130
    assert "--resume" in err
    assert len(rows((cut / "results.jsonl").read_text())) == 2
    code, _, err = segment(*arguments, "-o", cut)
    assert code == 2
    code, _, err = segment(*arguments, "-o", cut, "--resume", "--threshold", "0.4")
    assert code == 2
    assert "threshold" in err
    assert segment(*arguments, "-o", cut, "--resume")[0] == 3
    assert content(cut) == content(whole)


def test_a_table_on_the_terminal(segment: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    code, out, _ = segment(pictures / "0.png", pictures / "4.jpg", "--presence", "0")
    assert code == 3
    lines = out.splitlines()
    assert lines[0].split() == ["image", "labels"]
    assert "%" in lines[2]
    assert "4.jpg" in lines[3]


def test_a_scene_to_a_map(segment: Run, scene: Path, tmp_path: Path) -> None:
    named = [tmp_path / f"map{ending}" for ending in (".tif", ".gpkg", ".csv", ".png")]
    code, out, err = segment(scene, *(part for path in named for part in ("-o", path)))
    assert code == 0, err
    assert all(path.is_file() for path in named)
    areas = list(csv.DictReader(io.StringIO(out)))
    assert [row["label"] for row in areas] == ["water", "forest", "town"]
    assert sum(int(row["pixels"]) for row in areas) == 64 * 80
    assert sum(float(row["hectares"]) for row in areas) == pytest.approx(51.2, rel=0.01)
    with rasterio.open(named[0]) as made, rasterio.open(scene) as source:
        assert (made.transform, made.crs, made.shape) == (source.transform, source.crs, source.shape)
    assert f"{named[0]}: 80 x 64 pixels" in err
    assert segment(scene, "-o", named[0])[0] == 2, "it exists"


def test_polygons_alone_bring_their_map(segment: Run, scene: Path, tmp_path: Path) -> None:
    code, _, err = segment(scene, "-o", tmp_path / "land.geojson", "--gsd", 20)
    assert code == 0, err
    assert json.loads((tmp_path / "land.geojson").read_text())["features"]
    with rasterio.open(tmp_path / "land.tif") as made:
        assert made.res == (20, 20)


def test_a_part_of_a_scene(segment: Run, scene: Path, tmp_path: Path) -> None:
    code, out, err = segment(scene, "-o", tmp_path / "part.tif", "--roi", "9.000,45.150,9.005,45.154")
    assert code == 0, err
    assert 0 < sum(int(row["pixels"]) for row in csv.DictReader(io.StringIO(out))) < 64 * 80
    assert segment(scene, "-o", tmp_path / "none.tif", "--roi", tmp_path / "none.geojson")[0] == 2


def test_small_scenes_among_photos_keep_their_place(segment: Run, scene: Path, tmp_path: Path) -> None:
    assert segment(scene, "-o", tmp_path / "out")[0] == 0
    with rasterio.open(tmp_path / "out" / "masks" / "scene.png") as mask, rasterio.open(scene) as source:
        assert (mask.transform, mask.crs) == (source.transform, source.crs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--coco",), "-o FOLDER"),
        (("--gsd", "10"), "-o FILE.tif"),
        (("-o", "out", "--roi", "0,0,1,1"), "-o FILE.tif"),
        (("-o", "map.tif", "--coco"), "for photos"),
        (("-o", "map.tif", "--presence", "0.2"), "for photos"),
        (("-o", "map.tif", "-o", "out"), "one of the two"),
        (("-o", "a.tif", "-o", "b.tif"), "one map"),
        (("-o", "mask.jpg"), "mask.jpg"),
        (("-o", "out", "--resume", "--overwrite"), "one of the two"),
    ],
)
def test_what_does_not_go_together(
    segment: Run, pictures: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    code, out, err = segment("0.png", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not (pictures / "out").exists()


def test_labels_are_needed_and_one_is_remarked_upon(segment: Run, pictures: Path) -> None:
    code, _, err = segment(pictures / "0.png", labels=())
    assert code == 2
    assert "--labels" in err
    code, _, err = segment(pictures / "0.png", labels=("-l", "water"))
    assert code == 0
    assert "with one label" in err


def test_a_map_is_of_one_scene(segment: Run, scene: Path, tmp_path: Path) -> None:
    shutil.copy(scene, tmp_path / "other.tif")
    code, _, err = segment(scene, tmp_path / "other.tif", "-o", tmp_path / "map.tif")
    assert code == 2
    assert "one scene" in err
    code, _, err = segment(tmp_path / "gone.tif", "-o", tmp_path / "map.tif")
    assert code == 3
    assert "gone.tif" in err

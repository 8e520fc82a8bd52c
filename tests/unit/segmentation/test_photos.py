import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import terralex
from terralex.imagery import Grid, Image, write_geotiff
from terralex.models import Model, load_model
from terralex.segmentation.photos import NONE, Segmentation
from terralex.segmentation.photos.drawing import mask_png, overlay_jpeg, place_file
from terralex.segmentation.photos.files import PhotoFolder, file_names
from terralex.segmentation.photos.records import share_out
from terralex.segmentation.photos.rle import as_rle, bounding_box, run_lengths
from terralex.segmentation.scenes.colours import class_colours

LABELS = ["water", "forest", "town"]
GRID = Grid("EPSG:32632", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), 40, 24)


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model, device="cpu")


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Blobs of colour."""
    small = np.random.default_rng(seed).integers(
        0, 256, (-(-height // 16), -(-width // 16), 3), dtype=np.uint8
    )
    return np.kron(small, np.ones((16, 16, 1), np.uint8))[:height, :width]


def decoded(counts: str, height: int, width: int) -> np.ndarray:
    """COCO's text as a mask, letter by letter as its format is described."""
    runs: list[int] = []
    place = 0
    while place < len(counts):
        value = shift = 0
        more = True
        while more:
            letter = ord(counts[place]) - 48
            value |= (letter & 31) << shift
            more = bool(letter & 32)
            place, shift = place + 1, shift + 5
            if not more and letter & 16:
                value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    flat = [bit for n, run in enumerate(runs) for bit in [n % 2 == 1] * run]
    return np.array(flat, bool).reshape(width, height).T


@given(arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_run_lengths_are_read_back(mask: np.ndarray) -> None:
    runs = run_lengths(mask)
    assert sum(runs) == mask.size
    assert sum(runs[1::2]) == mask.sum()
    assert all(run > 0 for run in runs[1:])
    told = as_rle(mask)
    assert told["size"] == [*mask.shape]
    np.testing.assert_array_equal(decoded(str(told["counts"]), *mask.shape), mask)


def test_run_lengths_of_long_and_shrinking_runs() -> None:
    mask = np.zeros((500, 70), bool)
    mask[:, 1:60] = True
    mask[100:103, 65] = True
    told = str(as_rle(mask)["counts"])
    np.testing.assert_array_equal(decoded(told, 500, 70), mask)
    assert bounding_box(mask) == [1, 0, 65, 500]


def test_run_lengths_are_those_of_coco() -> None:
    assert as_rle(np.eye(5, 7, dtype=bool)) == {"size": [5, 7], "counts": "01500000005"}


def test_shares() -> None:
    labels = np.array([[0, 0, 2, NONE], [0, 2, NONE, NONE]], np.int32)
    valid = np.ones((2, 4), bool)
    valid[1, 3] = False
    confidence = np.array([[0.9, 0.6, 0.5, 0.1], [0.6, 0.7, 0.1, 0.1]], np.float32)
    found = share_out(tuple(LABELS), labels, confidence, valid)
    assert [(share.label, share.pixels) for share in found] == [("water", 3), ("town", 2)]
    assert [share.area for share in found] == pytest.approx([3 / 7, 2 / 7])
    assert [share.score for share in found] == pytest.approx([0.7, 0.6])


def test_a_picture_is_labelled_at_its_own_size(model: Model, tmp_path: Path) -> None:
    PIL.Image.fromarray(photo(150, 210)).save(tmp_path / "photo.png")
    (tmp_path / "text.jpg").write_text("no picture")
    found = list(
        terralex.segment([tmp_path / "photo.png", photo(64, 64), tmp_path / "text.jpg"], LABELS, model=model)
    )
    first, second, failed = found
    assert first.labels is not None
    assert first.picture is not None
    assert first.labels.shape == (150, 210)
    assert first.labels.dtype == np.int32
    assert first.names == tuple(LABELS)
    np.testing.assert_array_equal(first.picture, photo(150, 210))
    assert sum(share.pixels for share in first.classes) == (first.labels != NONE).sum()
    for share in first.classes:
        assert first.mask(share.label).sum() == share.pixels
    assert (second.path, second.model) == ("array 1", "tiny")
    assert failed.labels is None
    assert "text.jpg" not in str(failed.error)
    with pytest.raises(ValueError, match="could not be used"):
        failed.mask("water")


def test_what_shares_a_batch_does_not_matter(model: Model) -> None:
    pictures = [photo(96, 128, 1), photo(80, 200, 2), photo(96, 128, 3), photo(96, 128, 4)]
    together = list(terralex.segment(pictures, LABELS, model=model, presence=0, batch_size=4))
    apart = list(terralex.segment(pictures, LABELS, model=model, presence=0, batch_size=1))
    for one, other in zip(together, apart, strict=True):
        assert one.labels is not None
        assert other.labels is not None
        assert (one.labels == other.labels).mean() > 0.999


def test_thresholds(model: Model) -> None:
    def labels(**options: float) -> np.ndarray:
        [found] = terralex.segment(photo(64, 64), LABELS, model=model, **options)
        assert found.labels is not None
        return found.labels

    assert (labels(presence=0) >= 0).all()
    assert (labels(presence=1) == NONE).all(), "no label is that sure"
    assert (labels(presence=0, threshold=1) == NONE).all()


def test_large_photos_are_made_smaller_and_scenes_are_not(model: Model) -> None:
    [found] = terralex.segment(photo(100, 200), LABELS, model=model, max_side=64)
    assert found.labels is not None
    assert found.labels.shape == (100, 200)
    assert "seen at 64 x 32 pixels" in found.notes
    pixels = photo(24, 40).transpose(2, 0, 1)
    scene = Image(pixels, terralex.Bands.parse("rgb"), "8bit", grid=GRID)
    [refused] = terralex.segment(scene, LABELS, model=model, max_side=39)
    assert "-o FILE.tif" in str(refused.error)
    [taken] = terralex.segment(scene, LABELS, model=model, max_side=40)
    assert taken.grid == GRID


def test_no_data_is_no_class(model: Model) -> None:
    valid = np.ones((64, 64), bool)
    valid[:20] = False
    image = Image(photo(64, 64).transpose(2, 0, 1), terralex.Bands.parse("rgb"), "8bit", valid=valid)
    [found] = terralex.segment(image, LABELS, model=model, presence=0)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels == NONE, ~valid)
    assert sum(share.area for share in found.classes) == pytest.approx(1)
    [heat] = terralex.heatmaps(image, LABELS, model=model)
    assert heat.maps is not None
    np.testing.assert_array_equal(np.isnan(heat.maps[0]), ~valid)
    [shrunk] = terralex.segment(image, LABELS, model=model, presence=0, max_side=32)
    assert shrunk.labels is not None
    np.testing.assert_array_equal(shrunk.labels == NONE, ~valid)
    [empty] = terralex.segment(
        Image(image.pixels, image.bands, "8bit", valid=np.zeros_like(valid)), LABELS, model=model
    )
    assert empty.error == "no pixel holds data"


def test_windows(model: Model) -> None:
    [found] = terralex.segment((photo(64, 96), (32, 0, 64, 48)), LABELS, model=model)
    assert found.window == (32, 0, 64, 48)
    assert found.labels is not None
    assert found.labels.shape == (48, 64)


def test_heat_maps(model: Model) -> None:
    phrases = {"water": ["a lake", "a river"], "town": ["a town"]}
    [found] = terralex.heatmaps(photo(70, 100), phrases, model=model)
    assert found.maps is not None
    assert found.maps.shape == (2, 70, 100)
    assert found.maps.dtype == np.float32
    assert (found.maps.sum(axis=0) < 1 + 1e-5).all()
    [single] = terralex.heatmaps(photo(70, 100), LABELS, model=model)
    assert single.maps is not None
    np.testing.assert_allclose(single.maps.sum(axis=0), 1, atol=1e-5)
    [cosines] = terralex.heatmaps(photo(70, 100), phrases, model=model, softmax=False)
    [lake] = terralex.heatmaps(photo(70, 100), ["a lake"], model=model, softmax=False)
    [river] = terralex.heatmaps(photo(70, 100), ["a river"], model=model, softmax=False)
    assert cosines.maps is not None
    assert lake.maps is not None
    assert river.maps is not None
    assert np.abs(cosines.maps).max() <= 1
    assert (cosines.maps[0] >= np.maximum(lake.maps[0], river.maps[0]) - 1e-5).all()


def test_masks_hold_numbers_colours_and_names() -> None:
    labels = np.array([[NONE, 0], [1, 2]], np.int32)
    with PIL.Image.open(io.BytesIO(mask_png(labels, LABELS))) as mask:
        np.testing.assert_array_equal(np.asarray(mask), [[0, 1], [2, 3]])
        assert json.loads(mask.info["Classes"]) == {"1": "water", "2": "forest", "3": "town"}
        colours = mask.convert("RGBA")
    assert colours.getpixel((0, 0)) == (0, 0, 0, 0)
    assert colours.getpixel((1, 1)) == (*class_colours(3)[2], 255)


def test_masks_of_many_classes() -> None:
    labels = np.array([[NONE, 299, 255]], np.int32)
    with PIL.Image.open(io.BytesIO(mask_png(labels, [f"class {n}" for n in range(300)]))) as mask:
        np.testing.assert_array_equal(np.asarray(mask), [[0, 300, 256]])


@pytest.mark.parametrize("size", [(1, 1), (64, 700), (90, 60), (2000, 1500)])
def test_overlays(size: tuple[int, int]) -> None:
    labels = np.zeros(size, np.int32)
    labels[size[0] // 2 :] = NONE
    picture = np.full((*size, 3), 200, np.uint8)
    shares = share_out(("a very long name of a class",), labels, np.ones(size, np.float32))
    found = Segmentation(
        "x", names=("a very long name of a class",), labels=labels, classes=shares, picture=picture
    )
    with PIL.Image.open(io.BytesIO(overlay_jpeg(found))) as overlay:
        assert 480 <= max(overlay.size) <= 1700
        if size[0] > 1:
            red, _, blue = overlay.convert("RGB").getpixel((overlay.width // 2, 2))  # type: ignore[misc]
            assert blue > red + 20, "tinted in the colour of the class"


def test_a_mask_lies_where_its_picture_does(tmp_path: Path) -> None:
    import rasterio

    labels = np.zeros((24, 40), np.int32)
    (tmp_path / "mask.png").write_bytes(mask_png(labels, ["<water> & ice"]))
    (tmp_path / "mask.png.aux.xml").write_bytes(place_file(GRID, ["<water> & ice"]))
    with rasterio.open(tmp_path / "mask.png") as dataset:
        assert dataset.crs.to_epsg() == 32632
        assert tuple(dataset.transform)[:6] == GRID.transform


def test_names_of_files() -> None:
    inputs = ["p/a/1.jpg", "p/a/1.png", "p/b/1.jpg", "p/2.jpg", "p/a/1.png.x", "p/A/1.jpg"]
    assert file_names(inputs) == ["a/1", "a/1.png", "b/1", "2", "a/1.png.x", "A/1.jpg"]
    assert file_names(["/x/photo.jpg"]) == ["photo"]
    assert file_names(["/x/1.jpg", "/x/1.png.x", "/x/1.png"]) == ["1", "1.png", "1.png-2"]
    assert file_names([]) == []


def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    PhotoFolder(tmp_path, ["a.jpg"], resume=False, overwrite=False)
    (tmp_path / "masks" / "mine.png").write_bytes(b"mine")
    for resume in (False, True):
        with pytest.raises(terralex.UsageError, match="--overwrite"):
            PhotoFolder(tmp_path, ["a.jpg"], resume=resume, overwrite=False)


def test_models_and_labels_are_checked(model: Model) -> None:
    with pytest.raises(terralex.UsageError, match="twice"):
        terralex.segment(photo(32, 32), ["water", "Water"], model=model)
    with pytest.raises(terralex.UsageError, match="longest side"):
        terralex.segment(photo(32, 32), LABELS, model=model, max_side=0)


def test_a_geotiff_keeps_its_place(model: Model, tmp_path: Path) -> None:
    pixels = photo(24, 40).transpose(2, 0, 1)
    write_geotiff(Image(pixels, terralex.Bands.parse("rgb"), "8bit", grid=GRID), tmp_path / "tile.tif")
    [found] = terralex.segment(tmp_path / "tile.tif", LABELS, model=model)
    assert found.error is None
    assert found.grid == GRID

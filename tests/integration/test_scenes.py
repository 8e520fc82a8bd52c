"""Real scenes through a model, and scenes too large for memory."""

import multiprocessing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

from terralex.models import load_model
from terralex.segmentation.scenes import SceneReport, segment_scene
from terralex.segmentation.segmenter import Segmenter

LABELS = ("water", "forest", "crops", "town")


@pytest.fixture(scope="module")
def segmenter(tiny_model: str) -> Segmenter:
    return Segmenter(load_model(tiny_model), LABELS, prompt_denoising=0)


def run(source: Path, segmenter: Segmenter, output: Path, tiny_model: str, **options: Any) -> SceneReport:  # noqa: ANN401
    spec = load_model(tiny_model).card.input
    return segment_scene(source, segmenter, output, spec=spec, window=256, overlap=64, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("aerial/OSBS_029.tif", {}),
        ("aerial/2018_SJER_3_252000_4107000_image_477.tif", {"gsd": 0.2}),
        ("sentinel2/l2a/637U_59R_1_3.tif", {"bands": "sentinel-2-l2a", "units": "dn"}),
        ("majortom/*/*", {"units": "dn", "gsd": 20.0}),
    ],
)
def test_a_real_scene_stays_in_its_place(
    data_dir: Path, segmenter: Segmenter, tmp_path: Path, tiny_model: str, name: str, options: dict[str, Any]
) -> None:
    [source] = data_dir.glob(name)
    vectors = tmp_path / "map.gpkg"
    report = run(source, segmenter, tmp_path / "map.tif", tiny_model, polygons=vectors, **options)
    scene_file = source / "B02.tif" if source.is_dir() else source
    with rasterio.open(scene_file) as scene, rasterio.open(tmp_path / "map.tif") as found:
        assert found.crs == scene.crs
        if "gsd" in options:
            assert found.res == pytest.approx((options["gsd"],) * 2, rel=1e-9)
            assert (found.bounds.left, found.bounds.top) == (scene.bounds.left, scene.bounds.top)
        else:
            assert (found.transform, found.shape) == (scene.transform, scene.shape)
        labels = found.read(1)
        mapped = found.bounds
    assert set(np.unique(labels)) <= {0, 1, 2, 3, 4}
    assert report.labelled == np.count_nonzero(labels) > 0.9 * labels.size
    _, _, geometry, (_, _, hectares) = pyogrio.raw.read(vectors)
    bounds = pyogrio.read_info(vectors)["total_bounds"]
    np.testing.assert_allclose(bounds, mapped, rtol=0, atol=mapped.right - mapped.left)
    assert len(geometry) == report.polygons
    total = sum(area.hectares or 0 for area in report.areas)
    assert hectares.sum() == pytest.approx(total, rel=1e-5)


def test_windows_of_a_real_scene_leave_no_seams(
    data_dir: Path, segmenter: Segmenter, tmp_path: Path, tiny_model: str
) -> None:
    """Probabilities change no more between neighbours where windows begin or end than elsewhere."""
    [source] = data_dir.glob("majortom/*/*")
    run(source, segmenter, tmp_path / "map.tif", tiny_model, units="dn", probabilities=tmp_path / "p.tif")
    with rasterio.open(tmp_path / "p.tif") as found:
        steps = np.abs(np.diff(found.read().astype(np.int16), axis=2)).mean(axis=(0, 1))
    starts = [16 * (i * 51 // 5) for i in range(6)]  # 1068 pixels, extended to 1072
    lines = [*starts[1:], *(start + 256 for start in starts[:-1])]
    assert all(b - a <= 192 for a, b in pairwise(starts))
    at_lines = np.mean([steps[line - 1] for line in lines])
    assert at_lines < 1.25 * steps.mean()


class NearestTone:
    """Takes bright for one class and dark for the other, in cells of 16 pixels."""

    labels = ("bright", "dark")

    def grid_probabilities(self, pixels: Any) -> Any:  # noqa: ANN401
        import torch

        tone = torch.nn.functional.avg_pool2d(pixels.mean(dim=1), 16)
        return torch.stack([tone, 1 - tone], dim=1)


def sparse_scene(path: Path, side: int) -> None:
    """A scene of which next to nothing was ever written."""
    profile = {"count": 3, "dtype": "uint8", "nodata": 0, "crs": "EPSG:32632", "photometric": "rgb"}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "sparse_ok": True, "compress": "deflate"}
    grid = Affine(10, 0, 300_000, 0, -10, 6_000_000)
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, transform=grid, **profile, **tiles
    ) as dataset:
        for place in (0, side // 2, side - 600):
            pixels = np.random.default_rng(place).integers(1, 255, (3, 60, 60), dtype=np.uint8)
            dataset.write(
                np.kron(pixels, np.ones((1, 10, 10), np.uint8)), window=Window(place, place, 600, 600)
            )


def measured(source: Path, output: Path) -> None:
    """Map a scene, and write down the peak of memory in MB."""
    import resource

    from terralex.models.card import InputSpec

    spec = InputSpec(("red", "green", "blue"), "rgb", "8bit", (0.0,) * 3, (1.0,) * 3, 64)
    report = segment_scene(
        source, NearestTone(), output, spec=spec, polygons=output.with_suffix(".gpkg"), window=512, overlap=64
    )
    assert sum(area.pixels for area in report.areas) == 3 * 600 * 600
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    output.with_suffix(".txt").write_text(f"{peak:.0f}")


def test_memory_does_not_grow_with_the_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # where the new process finds `measured`
    monkeypatch.setenv("GDAL_CACHEMAX", "32")  # megabytes: else that cache fills with the larger scene alone
    context = multiprocessing.get_context("spawn")
    peaks = []
    for side in (4_000, 16_000):
        source, output = tmp_path / f"scene-{side}.tif", tmp_path / f"map-{side}.tif"
        sparse_scene(source, side)
        process = context.Process(target=measured, args=(source, output))
        process.start()
        process.join()
        assert process.exitcode == 0
        peaks.append(int(output.with_suffix(".txt").read_text()))
    assert peaks[1] < peaks[0] + 150, peaks  # all of the labels alone are 256 MB

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from terralex.imagery import Image, WindowReader
from terralex.segmentation.scenes import resampling
from terralex.segmentation.scenes.resampling import Resampler

from .conftest import WriteScene


@pytest.fixture
def noisy(write_scene: WriteScene) -> Path:
    pixels = np.random.default_rng(0).integers(1, 256, (3, 90, 130), dtype=np.uint8)
    pixels[:, 20:50, 40:70] = 0
    return write_scene(pixels, nodata=0)


def known(image: Image) -> NDArray[np.bool_]:
    return np.ones(image.pixels.shape[1:], bool) if image.valid is None else image.valid


@pytest.mark.parametrize("scale", [(1.0, 1.0), (2.5, 2.5), (0.7, 0.7), (3.0, 1.0)])
def test_windows_are_parts_of_the_whole(noisy: Path, scale: tuple[float, float]) -> None:
    with WindowReader(noisy) as reader:
        scene = Resampler(reader, scale)
        whole = scene.read((0, 0, scene.width, scene.height))
        part = scene.read((7, 5, 30, 20))
    np.testing.assert_array_equal(known(part), known(whole)[5:25, 7:37])
    assert not known(whole).all()
    np.testing.assert_allclose(part.pixels, whole.pixels[:, 5:25, 7:37], rtol=1e-5, atol=1e-4)


def test_no_more_is_read_at_once_than_allowed(noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with WindowReader(noisy) as reader:
        scene = Resampler(reader, (5.0, 5.0))
        whole = scene.read((0, 0, scene.width, scene.height))
        monkeypatch.setattr(resampling, "MOST_PIXELS", 900)
        parts = scene.read((0, 0, scene.width, scene.height))
    np.testing.assert_allclose(parts.pixels, whole.pixels, rtol=1e-5)
    np.testing.assert_array_equal(parts.valid, whole.valid)


def test_a_mean_stays_a_mean_and_no_data_takes_no_part(write_scene: WriteScene) -> None:
    pixels = np.full((3, 80, 80), 100, np.uint8)
    pixels[:, :, 40:] = 0
    with WindowReader(write_scene(pixels, nodata=0)) as reader:
        image = Resampler(reader, (4.0, 4.0)).read((0, 0, 20, 20))
    assert image.valid is not None
    assert image.valid[:, :10].all()
    assert not image.valid[:, 10:].any()
    np.testing.assert_allclose(image.pixels[:, image.valid], 100, rtol=1e-6)


def test_a_ramp_keeps_its_place(write_scene: WriteScene) -> None:
    """Pixel centres of the coarse grid see the value of the ramp under them."""
    ramp = np.broadcast_to(np.arange(100, dtype=np.uint8), (3, 60, 100)).copy()
    with WindowReader(write_scene(ramp)) as reader:
        coarse = Resampler(reader, (5.0, 5.0)).read((0, 0, 20, 12)).pixels[0, 5]
        fine = Resampler(reader, (0.5, 0.5)).read((0, 0, 200, 120)).pixels[0, 50]
    np.testing.assert_allclose(coarse[1:-1], (np.arange(20) + 0.5)[1:-1] * 5 - 0.5, rtol=1e-5)
    np.testing.assert_allclose(fine[1:-1], (np.arange(200) + 0.5)[1:-1] * 0.5 - 0.5, atol=1e-4)


def test_unwritten_blocks_are_known_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    profile = {"width": 512, "height": 512, "count": 3, "dtype": "uint8", "nodata": 0, "crs": "EPSG:32632"}
    grid = rasterio.Affine(10, 0, 0, 0, -10, 0)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        tiled=True,
        blockxsize=64,
        blockysize=64,
        sparse_ok=True,
        transform=grid,
        **profile,
    ) as dataset:
        dataset.write(np.ones((3, 10, 10), np.uint8), window=rasterio.windows.Window(200, 100, 10, 10))
    with WindowReader(path) as reader:
        assert reader.is_empty((0, 0, 192, 512))
        assert not reader.is_empty((190, 90, 30, 30))
        assert not reader.read((0, 0, 192, 512)).has_data

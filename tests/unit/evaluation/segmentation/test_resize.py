import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from terralex.evaluation.segmentation import keep_ratio_size, load_settings, resize_bilinear


def plain(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float64]:
    """Bilinear interpolation between centres of pixels, one value after the other."""
    bands, rows, columns = pixels.shape
    result = np.zeros((bands, height, width))
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
            u = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(v), int(u)
            low, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            above = pixels[:, top, left] * (1 - u + left) + pixels[:, top, right] * (u - left)
            below = pixels[:, low, left] * (1 - u + left) + pixels[:, low, right] * (u - left)
            result[:, y, x] = above * (1 - v + top) + below * (v - top)
    return result


@given(st.tuples(*[st.integers(1, 14)] * 4), st.integers(0, 2**32 - 1))
def test_pixels_are_interpolated_between_centres(sides: tuple[int, int, int, int], seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, *sides[:2]), dtype=np.uint8)
    resized = resize_bilinear(torch.from_numpy(pixels), sides[2:]).numpy()
    assert np.abs(resized - plain(pixels, *sides[2:])).max() <= 1.5, "rounded, with weights of 11 bits"
    theirs = cv2.resize(np.ascontiguousarray(pixels.transpose(1, 2, 0)), sides[:1:-1])
    np.testing.assert_array_equal(resized.transpose(1, 2, 0), theirs)


@pytest.mark.parametrize("size", [(336, 448), (672, 896), (188, 250), (188, 251), (94, 125), (375, 500)])
def test_pixels_are_those_of_opencv(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (376, 500, 3), dtype=np.uint8)
    resized = resize_bilinear(torch.from_numpy(pixels.transpose(2, 0, 1).copy()), size)
    np.testing.assert_array_equal(resized.permute(1, 2, 0), cv2.resize(pixels, size[::-1]))


@pytest.mark.parametrize(
    ("dataset", "picture", "low", "mid", "high"),
    [
        ("ade20k", (512, 683), (336, 448), (576, 768), (672, 896)),
        ("coco-stuff", (480, 640), (336, 448), (448, 597), (896, 1195)),
        ("voc20", (375, 500), (336, 448), (336, 448), (672, 896)),
        ("context59", (375, 500), (336, 448), (576, 768), (672, 896)),
        ("cityscapes", (1024, 2048), (560, 1120), (688, 1376), (1344, 2688)),
        ("cityscapes", (2048, 1024), (1120, 560), (1376, 688), (2688, 1344)),
    ],
)
def test_sizes_are_the_published_ones(
    dataset: str,
    picture: tuple[int, int],
    low: tuple[int, int],
    mid: tuple[int, int],
    high: tuple[int, int],
) -> None:
    scales = [setting.scale for setting in load_settings() if setting.dataset.name == dataset]
    assert [keep_ratio_size(*picture, scale) for scale in scales] == [low, mid, high]


def test_the_longer_side_is_bounded_as_well() -> None:
    assert keep_ratio_size(100, 4000, (2016, 672)) == (50, 2016)
    assert keep_ratio_size(100, 4000, (672, 2016)) == (50, 2016)

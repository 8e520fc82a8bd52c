import pytest
import straightforward as plain
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from terralex.models.dense import slide_size, windows
from terralex.models.dense.windows import slide

PATCH = 4
sides = st.integers(1, 200)
strides = st.integers(1, 6).map(lambda cells: cells * PATCH)
extras = st.integers(0, 4).map(lambda cells: cells * PATCH)


@pytest.mark.parametrize(
    ("picture", "crop", "stride", "expected", "count"),
    [  # height and width; worked out by hand from the published rule
        ((336, 448), 224, 112, (336, 448), 6),
        ((576, 768), 336, 224, (672, 896), 12),
        ((448, 597), 336, 224, (672, 672), 9),
        ((896, 1195), 336, 224, (1120, 1344), 30),
        ((672, 896), 336, 224, (672, 896), 12),
        ((336, 448), 336, 112, (336, 448), 2),
        ((560, 1120), 224, 112, (560, 1120), 36),
        ((688, 1376), 336, 224, (896, 1568), 28),
        ((1344, 2688), 336, 224, (1344, 2688), 72),
        ((2048, 2048), 336, 224, (2240, 2240), 100),
    ],
)
def test_published_sizes(
    picture: tuple[int, int], crop: int, stride: int, expected: tuple[int, int], count: int
) -> None:
    size = slide_size(*picture, crop, stride)
    assert size == expected
    assert len(windows(*size, crop, stride)) == count


@given(sides, sides, strides, extras)
def test_windows_cover_every_pixel(height: int, width: int, stride: int, extra: int) -> None:
    crop = stride + extra
    height, width = slide_size(height, width, crop, stride)
    covered = torch.zeros(height, width)
    for y, x in windows(height, width, crop, stride):
        assert y % stride == 0 or y == height - crop
        assert x % stride == 0 or x == width - crop
        covered[y : y + crop, x : x + crop] += 1
    assert covered.min() >= 1


@given(sides, sides, strides, extras, st.integers(1, 3), st.integers(1, 7))
def test_slide(height: int, width: int, stride: int, extra: int, pictures: int, batch: int) -> None:
    """Any number of windows at once, of any number of pictures: as one picture's windows in one batch."""
    crop = stride + extra
    height, width = slide_size(height, width, crop, stride)
    pixels = torch.randn(pictures, 2, height, width, generator=torch.Generator().manual_seed(0))
    found = slide(pixels, encode, crop, stride, PATCH, batch)
    expected = torch.cat([plain.slide(one[None], encode, crop, stride, PATCH) for one in pixels])
    torch.testing.assert_close(found, expected)


def encode(pixels: Tensor) -> Tensor:
    """Features that depend on where in its window a cell is, as position embeddings make them."""
    cells = F.avg_pool2d(pixels, PATCH)
    h, w = cells.shape[2:]
    return torch.cat([cells, torch.arange(float(h * w)).view(1, 1, h, w).expand(len(cells), -1, -1, -1)], 1)


def test_tapered_windows_end_without_a_step() -> None:
    """Windows that are in turn 0 or 1 all over; a plain mean steps by a quarter or more."""
    pixels = torch.zeros(1, 1, 320, 256)
    count = iter(range(1000))

    def flat(some: Tensor) -> Tensor:
        return torch.stack([torch.full((1, 32, 32), float(next(count) % 2)) for _ in some])

    plainly = slide(pixels, flat, 128, 64, PATCH, 3)
    tapered = slide(pixels, flat, 128, 64, PATCH, 3, tapered=True)
    for found, least, most in ((plainly, 0.25, 1.0), (tapered, 0.01, 1.5 / 16)):
        step = max(float(found.diff(dim=dim).abs().max()) for dim in (2, 3))
        assert least <= step <= most
        assert 0 <= found.min() < found.max() <= 1


@given(sides, sides, strides, extras)
def test_tapered_windows_that_agree_give_what_they_agree_on(
    height: int, width: int, stride: int, extra: int
) -> None:
    crop = stride + extra
    height, width = slide_size(height, width, crop, stride)
    pixels = torch.randn(2, 2, height, width, generator=torch.Generator().manual_seed(0))
    found = slide(pixels, lambda some: F.avg_pool2d(some, PATCH), crop, stride, PATCH, 5, tapered=True)
    torch.testing.assert_close(found, F.avg_pool2d(pixels, PATCH))

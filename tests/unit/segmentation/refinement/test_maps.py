import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from terralex.segmentation.refinement.maps import ClassMaps, MaskScaler, linear

SIDES = st.integers(1, 40)


def made(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def resized(maps: Tensor, *sizes: tuple[int, int]) -> Tensor:
    for size in sizes:
        maps = F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]
    return maps


@given(sides=st.lists(SIDES, min_size=1, max_size=4))
def test_a_chain_of_interpolations_is_a_matrix(sides: list[int]) -> None:
    values = made(1, 1, sides[0])
    expected = values
    for side in sides[1:]:
        expected = F.interpolate(expected, size=side, mode="linear", align_corners=False)
    torch.testing.assert_close(linear(*sides) @ values[0, 0], expected[0, 0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(48, 64), (37, 91), (5, 3)])
def test_classes_in_both_frames(size: tuple[int, int]) -> None:
    grid = made(3, 6, 7)
    maps = ClassMaps(grid, size)
    full = resized(grid, size)
    half = resized(full, (size[0] // 2, size[1] // 2))
    for label in range(3):
        torch.testing.assert_close(maps.full(label), full[label], atol=1e-6, rtol=0)
        window = maps.full(label, slice(1, 4), slice(2, 3))
        torch.testing.assert_close(window, full[label, 1:4, 2:3], atol=1e-6, rtol=0)
        torch.testing.assert_close(maps.halved(label), half[label], atol=1e-6, rtol=0)
        torch.testing.assert_close(
            maps.resized(label, (9, 8)), resized(half, (9, 8))[label], atol=1e-6, rtol=0
        )
    torch.testing.assert_close(maps.halved_best(0.0), half.amax(0), atol=1e-6, rtol=0)


def test_the_best_of_classes_that_matter() -> None:
    """Classes below the threshold are left out, which changes nothing about where it is reached."""
    grid = made(9, 5, 5) * torch.linspace(0.1, 1, 9)[:, None, None]
    best = ClassMaps(grid, (40, 40)).halved_best(0.7)
    expected = resized(resized(grid, (40, 40)), (20, 20)).amax(0)
    assert torch.equal(best < 0.7, expected < 0.7)


@given(frame=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), shift=st.floats(0, 1.2), seed=SIDES)
def test_masks_on_the_picture(frame: tuple[int, int], size: tuple[int, int], shift: float, seed: int) -> None:
    logits = made(10, 10, seed=seed) - shift
    square = resized(logits[None], (40, 40))[:, : frame[0], : frame[1]]
    expected = resized(square, size)[0]
    found, rows, columns = MaskScaler(10, 40, frame, size, torch.device("cpu"))(logits)
    torch.testing.assert_close(found, expected[rows, columns], atol=1e-6, rtol=0)
    outside = expected.clone()
    outside[rows, columns] = 0
    assert (outside <= 1e-6).all()

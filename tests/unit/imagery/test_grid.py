import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.imagery import Grid

NORTH_UP = Grid("EPSG:32632", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), 300, 200)


def test_bounds_and_resolution() -> None:
    assert NORTH_UP.bounds == (500_000.0, 4_998_000.0, 503_000.0, 5_000_000.0)
    assert NORTH_UP.resolution == (10.0, 10.0)
    assert NORTH_UP.xy(0.5, 0.5) == (500_005.0, 4_999_995.0)


def test_rotated_grid() -> None:
    turned = Grid(None, (0.0, 3.0, 0.0, 4.0, 0.0, 0.0), 10, 20)
    assert turned.resolution == (4.0, 3.0)
    assert turned.bounds == (0.0, 0.0, 60.0, 40.0)


numbers = st.integers(-1000, 1000)


@given(st.tuples(*[st.integers(-50, 50)] * 6), numbers, numbers, numbers, numbers)
def test_a_pixel_lies_at_one_place_in_every_window(
    transform: tuple[int, int, int, int, int, int], column: int, row: int, x: int, y: int
) -> None:
    grid = Grid(None, tuple(map(float, transform)), 100, 100)  # type: ignore[arg-type]
    window = grid.window(column, row, 7, 5)
    assert (window.width, window.height) == (7, 5)
    assert window.xy(x, y) == pytest.approx(grid.xy(column + x, row + y))
    assert window.window(-column, -row, 100, 100) == grid

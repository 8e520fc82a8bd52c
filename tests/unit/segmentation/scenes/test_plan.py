import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.runtime.errors import UsageError
from terralex.segmentation.scenes.plan import LATTICE, Axis, Cell, Plan

windows = st.integers(1, 12).map(lambda n: n * LATTICE)


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    window = draw(windows)
    overlap = draw(st.integers(0, window // 2 // LATTICE)) * LATTICE
    return Axis(draw(st.integers(1, 700)), window, overlap)


@given(axes())
def test_every_pixel_is_in_one_cell(axis: Axis) -> None:
    pixels = np.concatenate([np.arange(*cell) for cell in axis.cells])
    np.testing.assert_array_equal(pixels, np.arange(axis.length))
    assert all(stop > start for start, stop in axis.cells)


@given(axes())
def test_windows_cover_the_side_and_overlap_as_asked(axis: Axis) -> None:
    assert axis.starts[0] == 0
    assert axis.length <= axis.starts[-1] + axis.size < axis.length + LATTICE
    assert all(start % LATTICE == 0 for start in (*axis.starts, axis.size))
    steps = np.diff(axis.starts)
    assert (steps > 0).all()
    assert (axis.size - steps >= axis.overlap).all()


@given(axes())
def test_a_cell_knows_the_windows_that_reach_into_it(axis: Axis) -> None:
    for cell, (start, stop) in enumerate(axis.cells):
        reach = [w for w, s in enumerate(axis.starts) if s < stop and s + axis.size > start]
        assert list(axis.covering(cell)) == reach
        assert all(axis.needed_until(window) >= cell for window in reach)
    for window, start in enumerate(axis.starts):
        assert axis.cells[axis.needed_until(window)][0] < start + axis.size


@given(axes(), st.integers(1, 20))
def test_shares_of_windows_add_up_to_one(axis: Axis, grid: int) -> None:
    for cell, (start, stop) in enumerate(axis.cells):
        total = sum(axis.mixing(cell, window, grid).sum(axis=1) for window in axis.covering(cell))
        assert np.shape(total) == (stop - start,)
        np.testing.assert_allclose(total, 1, atol=1e-6)
        assert all((axis.mixing(cell, window, grid) >= 0).all() for window in axis.covering(cell))


@given(st.integers(1, 400), st.integers(1, 400), windows, st.integers(0, 3))
def test_every_pixel_of_a_scene_is_in_one_cell(height: int, width: int, window: int, quarters: int) -> None:
    plan = Plan.of(height, width, window, min(quarters * LATTICE, window // 2 // LATTICE * LATTICE))
    count = np.zeros((height, width), int)
    for row in range(len(plan.rows.starts)):
        for cell in plan.row(row):
            column, top, wide, high = plan.span(cell)
            count[top : top + high, column : column + wide] += 1
            left, upper, window_width, window_height = plan.window(cell)
            assert (left, upper) == (column, top)
            assert window_width >= wide
            assert window_height >= high
    assert (count == 1).all()


def test_interpolation_is_linear_between_the_centres_of_cells() -> None:
    axis = Axis(64, 64, 0)
    values = axis.mixing(0, 0, 4) @ np.array([0.5, 1.5, 2.5, 3.5])
    expected = np.clip((np.arange(64) + 0.5) / 16, 0.5, 3.5)
    np.testing.assert_allclose(values, expected, atol=1e-6)


@pytest.mark.parametrize(("window", "overlap"), [(100, 16), (64, 10), (64, 48), (0, 0), (64, -16)])
def test_windows_that_do_not_fit_are_refused(window: int, overlap: int) -> None:
    with pytest.raises(UsageError, match=f"{overlap}"):
        Plan.of(500, 500, window, overlap)


def test_windows_are_counted() -> None:
    plan = Plan.of(1000, 500, 448, 64)
    assert len(plan) == 3 * 2
    assert plan.window(Cell(2, 1)) == (64, 560, 436, 440)

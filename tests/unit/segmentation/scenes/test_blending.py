import pytest
import torch
from torch import Tensor

from terralex.segmentation.scenes import blending
from terralex.segmentation.scenes.blending import Blender
from terralex.segmentation.scenes.plan import Cell, Plan


def blended(plan: Plan, windows: dict[Cell, Tensor], height: int, width: int) -> Tensor:
    blender = Blender(plan)
    whole = torch.full((2, height, width), torch.nan)
    for row in range(len(plan.rows.starts)):
        for cell in plan.row(row):
            blender.add(cell, windows[cell])
            left, top, wide, _ = plan.span(cell)
            for start, part in blender.blend(cell):
                whole[:, top + start : top + start + part.shape[1], left : left + wide] = part
        blender.forget_before(row + 1)
    return whole


def cells(plan: Plan) -> list[Cell]:
    return [cell for row in range(len(plan.rows.starts)) for cell in plan.row(row)]


@pytest.mark.parametrize("overlap", [0, 16, 32])
def test_windows_that_agree_give_what_they_agree_on(overlap: int) -> None:
    truth = torch.rand(2, 160, 208)
    plan = Plan.of(150, 200, 64, overlap)
    windows = {}
    for cell in cells(plan):
        left, top = plan.columns.starts[cell.column], plan.rows.starts[cell.row]
        windows[cell] = truth[:, top : top + 64, left : left + 64]
    torch.testing.assert_close(blended(plan, windows, 150, 200), truth[:, :150, :200], atol=1e-6, rtol=0)


def test_windows_that_disagree_leave_no_seam() -> None:
    """Windows are 0 or 1 all over: in the blend no two neighbours differ by more than the ramp's slope."""
    plan = Plan.of(300, 300, 96, 48)
    windows = {cell: torch.full((2, 6, 6), float((cell.row + cell.column) % 2)) for cell in cells(plan)}
    whole = blended(plan, windows, 300, 300)
    steps = [float(whole.diff(dim=dim).abs().max()) for dim in (1, 2)]
    assert max(steps) < 1.5 / 48
    assert float(whole.max() - whole.min()) > 0.9


def test_without_overlap_there_are_seams() -> None:
    plan = Plan.of(192, 96, 96, 0)
    windows = {cell: torch.full((2, 6, 6), float(cell.row)) for cell in cells(plan)}
    assert float(blended(plan, windows, 192, 96).diff(dim=1).max()) == 1


def test_slabs_are_small_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan.of(150, 200, 64, 16)
    windows = {cell: torch.rand(2, 4, 4) for cell in cells(plan)}
    whole = blended(plan, windows, 150, 200)
    monkeypatch.setattr(blending, "MOST_VALUES", 500)
    torch.testing.assert_close(blended(plan, windows, 150, 200), whole, atol=1e-6, rtol=0)


def test_windows_are_forgotten_when_no_cell_needs_them() -> None:
    plan = Plan.of(1000, 100, 64, 32)
    blender = Blender(plan)
    most = 0
    for row in range(len(plan.rows.starts)):
        for cell in plan.row(row):
            blender.add(cell, torch.rand(2, 4, 4))
        most = max(most, len(blender._kept))
        blender.forget_before(row + 1)
    assert most <= 3 * len(plan.columns.starts)
    assert not blender._kept

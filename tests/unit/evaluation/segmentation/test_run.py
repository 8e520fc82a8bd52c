"""Whole benchmarks through a labeller that knows the colours of the classes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from terralex.evaluation.segmentation import (
    Labeller,
    Names,
    Plan,
    Setting,
    choose_settings,
    evaluate_segmentation,
    plan_segmentation,
    report_rows,
    report_table,
)
from terralex.evaluation.segmentation.counts import COLUMNS
from terralex.evaluation.segmentation.pictures import read_sample
from terralex.runtime import open_sink
from terralex.runtime.errors import InputError, UsageError

from .conftest import ColourLabeller
from .make_datasets import CLASSES, PICTURES

MakeLabeller = Callable[[Setting, Names], Labeller]


@pytest.fixture
def plan(datasets: Path) -> Plan:
    return plan_segmentation(choose_settings(["voc20", "ade20k"], ["low", "high"]), datasets)


class Interrupted:
    """A labeller whose person presses Ctrl-C before the n-th picture."""

    def __init__(self, classes: int, after: list[int]) -> None:
        self.labeller, self.after = ColourLabeller(classes), after

    def label(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        self.after[0] -= 1
        if self.after[0] < 0:
            raise KeyboardInterrupt
        return self.labeller.label(pixels, size)


def test_figures_are_those_of_all_pictures_together(plan: Plan, by_colour: MakeLabeller) -> None:
    reports = evaluate_segmentation(plan, by_colour)
    assert [report.setting.name for report in reports] == [
        *("voc20, low", "voc20, high", "ade20k, low", "ade20k, high")
    ]
    for report in reports:
        classes = len(report.names)
        table = np.zeros((classes, classes + 1), int)
        for setting, sample in plan.items:
            if setting is report.setting:
                read = read_sample(sample, setting.scale)
                truth = read.truth.numpy()
                predicted = ColourLabeller(classes).label(read.pixels, truth.shape).numpy()
                np.add.at(table, (truth[truth < 255], predicted[truth < 255]), 1)
        hits, called, there = np.diag(table), table.sum(axis=0)[:-1], table.sum(axis=1)
        assert report.pictures == PICTURES
        assert report.counts.tolist() == [hits.tolist(), called.tolist(), there.tolist()]
        union = (called + there - hits)[called + there > 0]
        assert report.scores.miou == pytest.approx((hits[called + there > 0] / union).mean())
        assert 0.4 < report.scores.miou < 0.95, "the labeller is good, but some places are painted wrong"


def test_all_fifteen_settings_run(datasets: Path) -> None:
    made: dict[str, ColourLabeller] = {}

    def make(setting: Setting, names: Names) -> ColourLabeller:
        made[setting.name] = ColourLabeller(len(names))
        return made[setting.name]

    plan = plan_segmentation(choose_settings(list(CLASSES), ["low", "mid", "high"]), datasets)
    reports = evaluate_segmentation(plan, make, workers=3)
    assert len(reports) == len(made) == 15
    assert set(made["cityscapes, high"].sizes) == {(1344, 2688)}
    assert made["coco-stuff, mid"].sizes == [(448, 597), (597, 448), (448, 679)]
    assert all(report.scores.aacc > 0.7 and not report.errors for report in reports)


@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_a_resumed_run_gives_the_same_bytes(
    plan: Plan, by_colour: MakeLabeller, tmp_path: Path, after: int
) -> None:
    whole, resumed = tmp_path / "whole.csv", tmp_path / "resumed.csv"
    with open_sink(whole, COLUMNS, plan.fingerprint()) as sink:
        expected = evaluate_segmentation(plan, by_colour, sink=sink, workers=1)
    left = [after]
    with (
        pytest.raises(KeyboardInterrupt),
        open_sink(resumed, COLUMNS, plan.fingerprint()) as sink,
    ):
        evaluate_segmentation(plan, lambda _, names: Interrupted(len(names), left), sink=sink)
    left = [len(plan.items) - after]  # not one picture is measured again
    with open_sink(resumed, COLUMNS, plan.fingerprint(), resume=True) as sink:
        assert sink.chunks_done == after
        found = evaluate_segmentation(
            plan, lambda _, names: Interrupted(len(names), left), sink=sink, done=resumed, workers=4
        )
    assert resumed.read_bytes() == whole.read_bytes()
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.counts, theirs.counts)
        assert ours.pictures == theirs.pictures


def test_a_run_with_other_names_is_not_resumed(
    plan: Plan, datasets: Path, by_colour: MakeLabeller, tmp_path: Path
) -> None:
    output, left = tmp_path / "counts.csv", [3]
    with pytest.raises(KeyboardInterrupt), open_sink(output, COLUMNS, plan.fingerprint()) as sink:
        evaluate_segmentation(plan, lambda _, names: Interrupted(len(names), left), sink=sink)
    other = plan_segmentation(plan.settings, datasets, "plain")
    with pytest.raises(UsageError, match="other settings"):
        open_sink(output, COLUMNS, other.fingerprint(), resume=True)
    spoiled = output.read_text().replace("voc20", "voc21")
    output.write_text(spoiled)
    with (
        pytest.raises(UsageError, match="--overwrite"),
        open_sink(output, COLUMNS, plan.fingerprint(), resume=True) as sink,
    ):
        evaluate_segmentation(plan, by_colour, sink=sink, done=output)


def test_a_bad_picture_costs_itself(datasets: Path, by_colour: MakeLabeller, tmp_path: Path) -> None:
    shutil.copytree(datasets / "ADEChallengeData2016", tmp_path / "ADEChallengeData2016")
    pictures = sorted((tmp_path / "ADEChallengeData2016" / "images" / "validation").iterdir())
    pictures[1].write_text('no "picture",\nat all')
    settings = choose_settings(["ade20k"], ["low"])
    plan, output = plan_segmentation(settings, tmp_path), tmp_path / "counts.csv"
    with open_sink(output, COLUMNS, plan.fingerprint()) as sink:
        (report,) = evaluate_segmentation(plan, by_colour, sink=sink)
        assert sink.failed == 1
    assert (report.pictures, report.is_whole) == (PICTURES - 1, False)
    ((name, reason),) = report.errors
    assert (name, str(pictures[1]) in reason) == ("ADE_val_00000002", True)
    pictures[1].unlink()
    (others,) = evaluate_segmentation(plan_segmentation(settings, tmp_path), by_colour)
    assert torch.equal(report.counts, others.counts)


def test_a_picture_that_cannot_be_labelled_costs_itself(datasets: Path) -> None:
    class Fastidious(ColourLabeller):
        def label(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
            if size[0] > size[1]:
                raise InputError("not an upright one")
            return super().label(pixels, size)

    plan = plan_segmentation(choose_settings(["ade20k"], ["low"]), datasets)
    (report,) = evaluate_segmentation(plan, lambda _, names: Fastidious(len(names)))
    assert (report.pictures, report.errors) == (2, (("ADE_val_00000002", "not an upright one"),))


def test_pixels_that_are_nothing_are_missed(datasets: Path) -> None:
    class Mute:
        def label(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
            return torch.full(size, -1)

    plan = plan_segmentation(choose_settings(["cityscapes"], ["low"]), datasets)
    (report,) = evaluate_segmentation(plan, lambda *_: Mute())
    assert (report.scores.miou, report.scores.aacc, report.scores.macc) == (0, 0, 0)
    assert report.counts[:2].sum() == 0


def test_figures_stand_beside_published_ones(plan: Plan, by_colour: MakeLabeller) -> None:
    reports = evaluate_segmentation(plan, by_colour)
    table = report_table(reports)
    lines = table.markdown("Segmentation by colour").splitlines()
    assert lines[0] == "# Segmentation by colour"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert cells[0] == ["dataset", "resolution", "pictures", "mIoU", "aAcc", "mAcc", "SCLIP", "NACLIP"]
    assert cells[1] == ["---"] * 3 + ["---:"] * 5
    assert cells[2][:3] == ["PASCAL VOC 2012, 20 classes", "low", "3 of 1,449"]
    assert cells[2][3:] == [
        *(f"{100 * getattr(reports[0].scores, name):.2f}" for name in ("miou", "aacc", "macc")),
        *("81.54", "83.03"),
    ]
    assert any("Not the whole validation set" in line and "voc20, low" in line for line in lines)

    rows = list(report_rows(reports))
    figures = {
        (row["dataset"], row["resolution"], row["metric"]): row["value"]
        for row in rows
        if "label" not in row and "model" not in row
    }
    assert len(figures) == 4 * 3
    assert figures["ade20k", "high", "miou"] == reports[3].scores.miou
    classes = [row for row in rows if "label" in row and row["resolution"] == "low"]
    assert len(classes) == 2 * (20 + 150)
    assert {row["model"] for row in rows if "model" in row} == {"SCLIP", "NACLIP"}

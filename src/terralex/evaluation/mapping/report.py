"""Figures of the benchmarks in 3D, as rows and as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from terralex.evaluation.differences import MAPPING, REFINEMENT, difference_notes
from terralex.evaluation.mapping.plan import MappingPlan
from terralex.evaluation.mapping.run import SceneReport
from terralex.evaluation.tables import FigureTable, percent

FIGURES = {"miou": "mIoU", "fmiou": "fmIoU", "accuracy": "accuracy"}
MEAN = "mean"
CLASS_COLUMNS = ("tp", "fp", "fn", "tn")


def mean_figures(reports: Sequence[SceneReport]) -> dict[str, float]:
    """The plain mean of each figure over the scenes that were scored."""
    scored = [report.scores for report in reports if report.scores is not None]
    return {
        metric: float(np.mean([getattr(scores, metric) for scores in scored])) if scored else math.nan
        for metric in FIGURES
    }


def mapping_table(
    plan: MappingPlan, reports: Sequence[SceneReport], *, refined: bool = False, as_published: bool
) -> FigureTable:
    """The figures of each scene in a row, and their mean.

    Args:
        plan: What was measured.
        reports: The scenes.
        refined: Whether outlines were refined.
        as_published: Whether the published code was followed where it is not by default.
    """
    rows = [
        (
            report.scene,
            f"{report.frames:,}",
            f"{report.voxels:,}",
            *(percent(getattr(report.scores, metric, math.nan)) for metric in FIGURES),
        )
        for report in reports
    ]
    mean = (MEAN, "", "", *(percent(value) for value in mean_figures(reports).values()))
    setting = plan.setting
    size = f"{setting.size[1]} x {setting.size[0]}"
    notes = [
        f"All in percent. Frames of {size} pixels, every {setting.frame_skip + 1}th; voxels of "
        f"{setting.voxel_size * 100:g} cm; windows of {setting.crop} pixels every {setting.stride}; "
        f"{setting.neighbours} neighbours vote."
    ]
    differences = (*MAPPING, *REFINEMENT) if refined else MAPPING
    notes += difference_notes(differences, as_published=as_published)
    if blank := [r.scene for r in reports if r.counts is not None and not r.counts[:2].any()]:
        notes.append(
            f"None of the classes was found at all in {', '.join(blank)}: the model may not know them."
        )
    if skipped := sum(report.skipped for report in reports):
        notes.append(f"{skipped:,} frames have no pose, picture or depth, and were left out.")
    if unread := [r.scene for r in reports if r.scores is not None and r.left_out]:
        notes.append(
            f"Frames could not be read in {', '.join(unread)}: not comparable with figures of all frames."
        )
    failed = [report.scene for report in reports if report.scores is None]
    if absent := [*plan.missing, *failed]:
        notes.append(f"Not all scenes of the published mean, and so not to be compared: {', '.join(absent)}.")
    return FigureTable(("scene", "frames", "voxels", *FIGURES.values()), (*rows, mean), tuple(notes))


def mapping_rows(reports: Sequence[SceneReport]) -> Iterator[dict[str, object]]:
    """The figures as rows of (dataset, scene, metric, value, n): fractions of one, voxels that counted."""
    for report in reports:
        if report.scores is not None:
            for metric in FIGURES:
                value = getattr(report.scores, metric)
                yield {**_about(report), "metric": metric, "value": value, "n": report.voxels}
    if reports:
        scored = sum(report.scores is not None for report in reports)
        for metric, value in mean_figures(reports).items():
            about = {"dataset": reports[0].setting.dataset, "scene": MEAN}
            yield {**about, "metric": metric, "value": value, "n": scored}


def class_rows(reports: Sequence[SceneReport]) -> Iterator[dict[str, object]]:
    """A row for each class of each scene: index, label, `CLASS_COLUMNS` in voxels, and IoU as a fraction."""
    for report in reports:
        if report.counts is None or report.scores is None:
            continue
        values = zip(report.names, report.counts.T.tolist(), report.scores.iou.tolist(), strict=True)
        for index, (label, counts, iou) in enumerate(values, 1):
            numbers = dict(zip(CLASS_COLUMNS, counts, strict=True))
            yield {**_about(report), "index": index, "label": label, **numbers, "iou": iou}


def _about(report: SceneReport) -> dict[str, object]:
    return {"dataset": report.setting.dataset, "scene": report.scene}

"""RADSeg's evaluation in 2D, from the files of data sets to the figures of a table."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from terralex.evaluation.segmentation import (
    Names,
    Setting,
    SettingReport,
    choose_settings,
    evaluate_segmentation,
    plan_segmentation,
)
from terralex.evaluation.segmentation.labeller import ModelLabeller
from terralex.models import Model, get_card, load_model
from terralex.models.radio import with_adaptor

EQUAL_LABELS = 0.999
FIGURE = 0.02  # percentage points

Expected = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def expected(case: SimpleNamespace) -> Expected:
    found: Expected = case.expected()
    return found


@pytest.fixture(scope="module")
def model(case: SimpleNamespace) -> Model:
    card = with_adaptor(get_card("c-radio-v3-b"), "siglip2")
    card = replace(card, architecture={**card.architecture, "align_corners": False})
    return load_model(str(case.folder / case.settings["checkpoint"]), card=card, device="cpu")


class Recorder:
    """A labeller whose labels are also kept."""

    def __init__(self, labeller: ModelLabeller, labels: list[np.ndarray]) -> None:
        self._labeller, self._labels = labeller, labels

    def label(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        found = self._labeller.label(pixels, size)
        self._labels.append(found.numpy())
        return found


Measure = Callable[..., tuple[SettingReport, list[np.ndarray]]]


@pytest.fixture(scope="module")
def measure(case: SimpleNamespace, model: Model, expected: Expected) -> Measure:
    """Measures a setting once: its report, and the labels of its pictures."""
    done: dict[tuple[str, str, bool], tuple[SettingReport, list[np.ndarray]]] = {}

    def run(dataset: str, resolution: str, *, as_published: bool) -> tuple[SettingReport, list[np.ndarray]]:
        key = (dataset, resolution, as_published)
        if key not in done:
            labels: list[np.ndarray] = []
            phrases = torch.from_numpy(expected[f"text_embeddings/{dataset}"]).float()

            def make(setting: Setting, names: Names) -> Recorder:
                with pytest.MonkeyPatch.context() as patch:  # the text tower is not part of the case
                    patch.setattr(model, "class_weights", lambda *_, **__: phrases)
                    return Recorder(ModelLabeller(model, setting, names, as_published=as_published), labels)

            folder = case.folder / case.settings["datasets"]
            plan = plan_segmentation(choose_settings([dataset], [resolution]), folder)
            (report,) = evaluate_segmentation(plan, make, workers=1)
            done[key] = report, labels
        return done[key]

    return run


def test_labels(case: SimpleNamespace, measure: Measure, expected: Expected) -> None:
    for setting in case.settings["settings"]:
        dataset, resolution = setting["dataset"], setting["resolution"]
        _, labels = measure(dataset, resolution, as_published=True)
        assert len(labels) == setting["pictures"]
        for number, found in enumerate(labels):
            published = expected[f"labels/{dataset}/{resolution}/{number}"]
            assert (found == published).mean() >= EQUAL_LABELS, (dataset, resolution, number)


def test_figures(case: SimpleNamespace, measure: Measure) -> None:
    for setting in case.settings["settings"]:
        report, _ = measure(setting["dataset"], setting["resolution"], as_published=True)
        found = [100 * figure for figure in (report.scores.aacc, report.scores.miou, report.scores.macc)]
        published = [setting[name] for name in ("aAcc", "mIoU", "mAcc")]
        assert found == pytest.approx(published, abs=FIGURE), (setting["dataset"], setting["resolution"])


def test_only_pixels_without_a_class_differ(
    case: SimpleNamespace, measure: Measure, expected: Expected
) -> None:
    """By default they are none; the published code calls them the first class."""
    setting = case.settings["settings"][0]
    dataset, resolution = setting["dataset"], setting["resolution"]
    _, labels = measure(dataset, resolution, as_published=False)
    for number, found in enumerate(labels):
        published = expected[f"labels/{dataset}/{resolution}/{number}"]
        named = found >= 0
        assert (found == published)[named].sum() >= EQUAL_LABELS * named.sum()
        assert (published[~named] == 0).all()

"""Counts and figures against a plain re-computation, pixel by pixel, on label maps made to break them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from terralex.evaluation.segmentation.counts import Tally, count_rows
from terralex.metrics.segmentation import count_pixels, score_pixels

Pairs = list[tuple[list[int], list[int]]]


def plain(maps: Pairs, classes: int) -> tuple[float, float, float]:
    """(mIoU, aAcc, mAcc) over pictures, by sets of pixels."""
    numbered = [
        (picture, place, called, there)
        for picture, (predicted, truth) in enumerate(maps)
        for place, (called, there) in enumerate(zip(predicted, truth, strict=True))
        if there != 255
    ]
    ious, accuracies, right = [], [], 0
    for k in range(classes):
        called = {(picture, place) for picture, place, value, _ in numbered if value == k}
        there = {(picture, place) for picture, place, _, value in numbered if value == k}
        right += len(called & there)
        if called | there:
            ious.append(len(called & there) / len(called | there))
        if there:
            accuracies.append(len(called & there) / len(there))
    total = sum(0 <= value < classes for _, _, _, value in numbered)
    mean = [sum(values) / len(values) if values else math.nan for values in (ious, accuracies)]
    return mean[0], right / total if total else math.nan, mean[1]


def measured(maps: Pairs, classes: int) -> tuple[float, float, float]:
    counts = sum(
        count_pixels(torch.tensor(predicted), torch.tensor(truth, dtype=torch.uint8), classes)
        for predicted, truth in maps
    )
    assert isinstance(counts, torch.Tensor)
    scores = score_pixels(counts)
    return scores.miou, scores.aacc, scores.macc


def pictures(classes: int) -> st.SearchStrategy[Pairs]:
    called = st.sampled_from([*range(classes), -1, classes, 255, 256, 10**9])
    there = st.sampled_from([*range(classes), 255, 255, classes, 254])
    pixels = st.lists(st.tuples(called, there), min_size=1, max_size=30)
    split = pixels.map(lambda pairs: ([a for a, _ in pairs], [b for _, b in pairs]))
    return st.lists(split, min_size=1, max_size=4)


@given(st.integers(1, 5).flatmap(lambda classes: st.tuples(pictures(classes), st.just(classes))))
def test_figures_equal_a_plain_recomputation(case: tuple[Pairs, int]) -> None:
    assert measured(*case) == pytest.approx(plain(*case), nan_ok=True, abs=1e-12)


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        ([([0, 1], [255, 255])], (math.nan, math.nan, math.nan)),  # all is ignored
        ([([2, -1], [0, 1])], (0, 0, 0)),  # no prediction is a class
        ([([0, 0], [0, 0])], (1, 1, 1)),  # a class that is nowhere does not count
        ([([0, 1], [0, 0])], (0.25, 0.5, 0.5)),  # but does where it was predicted
        ([([0, 1], [0, 2])], (0.5, 1, 1)),  # also on a truth that is no class
        ([([0], [0]), ([0, 0, 0], [1, 1, 1])], (0.125, 0.25, 0.5)),  # sums over pictures, no mean of them
    ],
)
def test_what_counts(maps: Pairs, expected: tuple[float, float, float]) -> None:
    assert measured(maps, 2) == pytest.approx(expected, nan_ok=True)
    assert plain(maps, 2) == pytest.approx(expected, nan_ok=True)


def test_sums_are_exact_where_float32_is_not() -> None:
    tally = Tally(["sky", "sea"])
    for there in (2**24, 1):
        counts = torch.tensor([[there, 0], [there, 0], [there, 1]])
        tally.add(count_rows(["sky", "sea"], counts))
    assert tally.counts.tolist() == [[2**24 + 1, 0], [2**24 + 1, 0], [2**24 + 1, 2]]


def test_figures_are_those_of_the_usual_formulas() -> None:
    random = np.random.default_rng(3)
    truth = random.integers(0, 19, (50, 60))
    predicted = np.where(random.random((50, 60)) < 0.6, truth, random.integers(0, 19, (50, 60)))
    table: NDArray[np.int64] = np.histogram2d(truth.ravel(), predicted.ravel(), bins=range(20))[0].astype(int)
    hits = np.diag(table)
    scores = score_pixels(count_pixels(torch.from_numpy(predicted), torch.from_numpy(truth), 19))
    assert scores.iou.numpy() == pytest.approx(hits / (table.sum(0) + table.sum(1) - hits))
    assert scores.accuracy.numpy() == pytest.approx(hits / table.sum(1))
    assert scores.aacc == pytest.approx(hits.sum() / table.sum())

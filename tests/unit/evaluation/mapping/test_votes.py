"""Votes in voxels and of their neighbours, and the metrics, against plain counting on adversarial cases."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.evaluation.mapping import LabelledVoxels, Votes, carry_labels
from terralex.mapping.voxels import pack, unpack
from terralex.metrics.mapping import count_voxels, score_voxels


def voxels(places: list[tuple[int, int, int]], labels: list[int]) -> LabelledVoxels:
    keys = pack(np.array(places, np.int64).reshape(-1, 3))
    order = np.argsort(keys)
    return LabelledVoxels(keys[order], np.array(labels, np.int64)[order])


def at(*places: tuple[int, int, int]) -> np.ndarray:
    return pack(np.array(places, np.int64))


points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=60)


@given(points, points, st.booleans())
def test_votes_are_counted(
    first: list[tuple[int, int]], second: list[tuple[int, int]], to_lowest: bool
) -> None:
    votes = Votes()
    for some in (first, second):
        table = np.array(some, np.int64).reshape(-1, 2)
        votes.add(table[:, 0], table[:, 1])
    counts = {key: Counter(label for k, label in first + second if k == key) for key, _ in first + second}
    result = votes.result(ties_to_lowest=to_lowest)
    assert result.keys.tolist() == sorted(counts)
    for key, label in zip(result.keys.tolist(), result.labels.tolist(), strict=True):
        most = max(counts[key].values())
        tied = [one for one, count in counts[key].items() if count == most]
        assert label == (min(tied) if to_lowest else min(tied, key=lambda one: one or 99))
    without = votes.result(ignored_vote=False)
    assert without.keys.tolist() == sorted(counts)
    for key, label in zip(without.keys.tolist(), without.labels.tolist(), strict=True):
        named = {one: count for one, count in counts[key].items() if one}
        assert label == (min(named, key=lambda one: (-named[one], one)) if named else 0)


def test_ignored_points_lose_ties_unless_as_published() -> None:
    votes = Votes()
    votes.add(np.array([7, 7, 8, 8, 8]), np.array([0, 3, 0, 0, 2]))
    assert votes.result().labels.tolist() == [3, 0]
    assert votes.result(ties_to_lowest=True).labels.tolist() == [0, 0]
    assert votes.result(ignored_vote=False).labels.tolist() == [3, 2]


def test_ties_go_to_the_nearest_unless_as_published() -> None:
    found = voxels([(1, 0, 0), (0, 2, 0), (0, 0, 3), (-4, 0, 0)], [4, 0, 0, 4])
    assert carry_labels(found, at((0, 0, 0)), 4).tolist() == [4]
    assert carry_labels(found, at((0, 0, 0)), 4, ties_to_lowest=True).tolist() == [0]
    assert carry_labels(found, at((0, 0, 0)), 3).tolist() == [0], "two against one"
    assert carry_labels(found, at((0, 0, 0)), 1).tolist() == [4]


def test_without_neighbours_only_the_same_voxel_counts() -> None:
    found = voxels([(1, 0, 0), (0, 2, 0)], [4, 2])
    assert carry_labels(found, at((0, 2, 0), (0, 0, 0), (1, 0, 0), (9, 9, 9)), 0).tolist() == [2, 0, 4, 0]


@pytest.mark.parametrize("neighbours", [0, 1, 5])
def test_few_or_no_voxels(neighbours: int) -> None:
    nothing, one = voxels([], []), voxels([(5, 5, 5)], [3])
    assert carry_labels(nothing, at((0, 0, 0), (1, 1, 1)), neighbours).tolist() == [0, 0]
    assert carry_labels(one, at((5, 5, 5), (-9, 0, 0)), neighbours).tolist() == [3, 3 if neighbours else 0]
    assert carry_labels(one, np.empty(0, np.int64), neighbours).tolist() == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.booleans())
def test_the_nearest_vote(seed: int, neighbours: int, to_lowest: bool) -> None:
    """Where the nearest are no matter of ties, votes are those of a plain search."""
    rng = np.random.default_rng(seed)
    places = np.unique(rng.integers(-6, 7, (40, 3)), axis=0)
    found = voxels([tuple(place) for place in places.tolist()], rng.integers(0, 3, len(places)).tolist())
    wanted = rng.integers(-9, 10, (30, 3))
    carried = carry_labels(found, pack(wanted), neighbours, ties_to_lowest=to_lowest)
    here = unpack(found.keys)
    for place, label in zip(wanted, carried, strict=True):
        distances = ((here - place) ** 2).sum(1)
        order = np.argsort(distances, kind="stable")
        if np.unique(distances[order][: neighbours + 1]).size < min(neighbours + 1, len(here)):
            continue
        nearest = found.labels[order[:neighbours]].tolist()
        counts = Counter(nearest)
        tied = [one for one in nearest if counts[one] == max(counts.values())]
        assert label == (min(tied) if to_lowest else tied[0])


def test_figures_on_a_case_by_hand() -> None:
    """Two voxels ignored; a class that is not there; a prediction of none, which is a miss."""
    truth = np.array([1, 1, 1, 1, 2, 2, 0, 0])
    predicted = np.array([1, 1, 2, 0, 2, 3, 3, 1])
    counts = count_voxels(predicted, truth, 3)
    assert counts.tolist() == [[2, 1, 0], [0, 1, 1], [2, 1, 0], [2, 3, 5]]
    scores = score_voxels(counts)
    assert scores.iou[:2].tolist() == [2 / 4, 1 / 3]
    assert np.isnan(scores.iou[2])
    assert scores.miou == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert scores.fmiou == pytest.approx(4 / 6 * 2 / 4 + 2 / 6 * 1 / 3)
    assert scores.accuracy == pytest.approx(3 / 6)


def test_a_scene_without_truth_has_no_figures() -> None:
    scores = score_voxels(count_voxels(np.array([1, 2]), np.array([0, 0]), 2))
    assert all(np.isnan(value) for value in (scores.miou, scores.fmiou, scores.accuracy, *scores.iou))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_figures_equal_a_plain_count(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, classes + 1, (2, 50))
    counts = count_voxels(predicted, truth, classes)
    pairs = [(t, p) for t, p in zip(truth.tolist(), predicted.tolist(), strict=True) if t]
    ious, weighed = [], 0.0
    for number in range(1, classes + 1):
        tp = sum(t == p == number for t, p in pairs)
        fp = sum(t != number == p for t, p in pairs)
        fn = sum(p != number == t for t, p in pairs)
        assert counts[:, number - 1].tolist() == [tp, fp, fn, len(pairs) - tp - fp - fn]
        if tp + fn:
            ious.append(tp / (tp + fp + fn))
            weighed += (tp + fn) / len(pairs) * ious[-1]
    if pairs:
        scores = score_voxels(counts)
        assert scores.miou == pytest.approx(np.mean(ious))
        assert scores.fmiou == pytest.approx(weighed)
        assert scores.accuracy == pytest.approx(np.mean([t == p for t, p in pairs]))

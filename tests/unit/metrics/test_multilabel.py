"""Metrics of retrieval against computations by hand, and over all scores at once."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from terralex.metrics.multilabel import (
    above_others,
    average_precision,
    average_precision_at,
    hit_rate,
    merge_top,
    published_average_precision,
)


def test_the_published_divisor_is_what_was_found() -> None:
    """One hit, at rank 1, of 30 that could be found: perfect as published, 1/30 by the usual definition."""
    relevant = torch.zeros(1, 100, dtype=torch.bool)
    relevant[0, 0] = True
    assert published_average_precision(relevant).tolist() == [1.0]
    assert average_precision_at(relevant, torch.tensor([30])).tolist() == pytest.approx([1 / 30])


def test_average_precision_by_hand() -> None:
    """Hits at ranks 2 and 5 of five: precisions 1/2 and 2/5."""
    relevant = torch.tensor([[False, True, False, False, True], [False] * 5])
    assert published_average_precision(relevant).tolist() == pytest.approx([(1 / 2 + 2 / 5) / 2, 0])
    usual = average_precision_at(relevant, torch.tensor([3, 0])).tolist()
    assert usual[0] == pytest.approx((1 / 2 + 2 / 5) / 3)
    assert math.isnan(usual[1]), "no picture is relevant"
    # more than five are relevant, but only five are looked at
    assert average_precision_at(relevant[:1], torch.tensor([700])).tolist() == pytest.approx([0.9 / 5])


def test_average_precision_over_the_whole_gallery() -> None:
    scores = torch.tensor([0.1, -0.9, 0.3, -0.2, 0.2])
    relevant = torch.tensor([True, True, False, False, True])
    # in the order 2 (no), 4, 0, 3 (no), 1
    assert average_precision(scores, relevant) == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3)
    assert math.isnan(average_precision(scores, torch.zeros(5, dtype=torch.bool)))


def test_negative_scores_count_as_others() -> None:
    """Later versions of torchmetrics drop them, which would make this 0."""
    top, relevant = torch.full((1, 3), -torch.inf), torch.zeros(1, 3, dtype=torch.bool)
    _, relevant = merge_top(top, relevant, torch.tensor([[-0.5, -0.1]]), torch.tensor([[False, True]]))
    assert published_average_precision(relevant).tolist() == [1.0]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40), st.lists(st.integers(1, 7), min_size=1, max_size=40)
)
def test_chunks_do_not_matter(values: list[int], sizes: list[int]) -> None:
    """The best ten, merged chunk by chunk, are those of a stable sort of all, ties included."""
    scores = torch.tensor([values, values[::-1]], dtype=torch.float32)
    relevant = torch.arange(2 * len(values)).reshape(2, -1) % 3 == 0
    best, flags = torch.full((2, 10), -torch.inf), torch.zeros(2, 10, dtype=torch.bool)
    start = 0
    while start < len(values):
        size = sizes[start % len(sizes)]
        best, flags = merge_top(
            best, flags, scores[:, start : start + size], relevant[:, start : start + size]
        )
        start += size
    ordered, order = scores.sort(dim=1, descending=True, stable=True)
    count = min(10, len(values))
    assert torch.equal(best[:, :count], ordered[:, :count])
    assert torch.equal(flags[:, :count], relevant.gather(1, order)[:, :count])
    assert not flags[:, count:].any()


def test_the_threshold_is_the_mean_of_the_others() -> None:
    scores = torch.tensor([[0.3, 0.2, 0.1], [5.0, 5.0, 5.0]])
    assert above_others(scores).tolist() == [[True, False, False], [False] * 3]


def test_hits() -> None:
    relevant = torch.tensor([[False, True, False], [False, False, False]])
    assert [hit_rate(relevant, k).tolist() for k in (1, 2)] == [[False, False], [True, False]]

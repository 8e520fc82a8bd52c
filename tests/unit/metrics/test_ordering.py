"""Ordering metrics, held to what their definitions say, picture by picture."""

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from terralex.metrics import ordering
from terralex.metrics.ordering import (
    NONE,
    chain_scores,
    measure_ordering,
    number_texts,
    order_correlation,
    radius_sweep,
)


def made(seed: int, n: int = 7, k: int = 30, ranks: int = 5) -> dict[str, Tensor]:
    """Pictures, texts, their depths, and one or more references a picture, some of them shorter."""
    generator = torch.Generator().manual_seed(seed)
    images, texts = (normalize(torch.randn(size, 8, generator=generator), dim=1) for size in (n, k))
    image_of = torch.cat([torch.arange(n), torch.randint(n, (n,), generator=generator)])
    references = torch.stack([torch.randperm(k, generator=generator)[:ranks] for _ in image_of])
    beyond = torch.arange(ranks) >= torch.randint(1, ranks + 1, (len(image_of), 1), generator=generator)
    depths = torch.linalg.vector_norm(texts - texts[0], dim=1)
    return {
        "images": images,
        "texts": texts,
        "depths": depths,
        "references": references.masked_fill(beyond, NONE),
        "image_of": image_of,
    }


def plain_chain(image: Tensor, texts: Tensor, depths: Tensor, steps: int) -> list[int]:
    """The sweep as its definition puts it: at each level, the best of all that are no deeper."""
    levels = torch.linspace(float(depths.min()), float(depths.max()), steps, dtype=torch.float64)
    similar = texts @ image
    return [int(similar.masked_fill(depths.double() > level, -torch.inf).argmax()) for level in levels]


def plain_tau(depths: list[float]) -> float:
    pairs = [(b > a) - (b < a) for a, b in itertools.combinations(depths, 2)]
    return sum(pairs) / len(pairs) if pairs else 1.0


def plain_metrics(case: dict[str, Tensor], steps: int) -> tuple[float, float, float]:
    precisions, recalls, taus = [], [], []
    depths = case["depths"].tolist()
    for number, image in enumerate(case["images"]):
        predicted = set(plain_chain(image, case["texts"], case["depths"], steps))
        rows = [
            [text for text in row if text != NONE]
            for row, owner in zip(case["references"].tolist(), case["image_of"].tolist(), strict=True)
            if owner == number
        ]
        true = set().union(*rows)
        precisions.append(len(predicted & true) / len(predicted))
        at_rank = [{row[rank] for row in rows if rank < len(row)} for rank in range(max(map(len, rows)))]
        recalls.append(sum(bool(texts & predicted) for texts in at_rank) / len(at_rank))
        taus += [plain_tau([depths[text] for text in row]) for row in rows]
    return tuple(sum(values) / len(values) for values in (taus, precisions, recalls))  # type: ignore[return-value]


@given(seed=st.integers(0, 2**20), steps=st.integers(1, 60))
def test_measures_are_those_of_the_definition(seed: int, steps: int) -> None:
    case = made(seed)
    report = measure_ordering(**case, steps=steps, resamples=2)
    tau, precision, recall = plain_metrics(case, steps)
    assert report.tau == pytest.approx(tau)
    assert report.precision == pytest.approx(precision)
    assert report.recall == pytest.approx(recall)
    assert report.f1 == pytest.approx(2 * precision * recall / (precision + recall) if recall else 0)
    assert (report.images, report.references) == (7, 14)


@pytest.mark.parametrize("block", [1, 40, 10**6])
def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    case = made(0, n=20)
    monkeypatch.setattr(ordering, "_BLOCK", block)
    chains = radius_sweep(case["images"], case["texts"], case["depths"], 25)
    for image, chain in zip(case["images"], chains.tolist(), strict=True):
        assert chain == plain_chain(image, case["texts"], case["depths"], 25)


def test_of_equal_texts_the_least_deep_is_taken() -> None:
    texts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    depths = torch.tensor([0.1, 0.9, 0.25, 0.25])
    chains = radius_sweep(torch.tensor([[0.0, 1.0]]), texts, depths, steps=5)
    assert chains.tolist() == [[0, 2, 2, 2, 2]]


def test_a_perfect_space_scores_one() -> None:
    """Texts that turn from the root towards their picture, which lies farthest out."""
    turns = torch.linspace(0.1, 1.4, 4)
    axes = torch.eye(4)[1:]
    texts = torch.cat([turns.cos()[:, None] * torch.eye(4)[0] + turns.sin()[:, None] * axis for axis in axes])
    report = measure_ordering(
        images=axes,
        texts=texts,
        depths=torch.linalg.vector_norm(texts - torch.eye(4)[0], dim=1),
        references=torch.arange(12).reshape(3, 4),
        image_of=torch.arange(3),
    )
    assert report.tau == report.recall == 1
    assert report.precision > 0.8  # at the first level only one of the three most general texts is admitted
    assert report.intervals["tau"] == report.intervals["recall"] == (1, 1)


def test_correlation_follows_the_order_of_depths() -> None:
    references = torch.tensor([[0, 1, 2], [2, 1, 0], [0, 2, 1], [0, 0, 1], [1, NONE, NONE], [2, 0, NONE]])
    taus = order_correlation(torch.tensor([0.1, 0.2, 0.3]), references)
    assert taus.tolist() == pytest.approx([1, -1, 1 / 3, 2 / 3, 1, -1])


def test_scores_count_a_text_once_and_any_reference_of_a_rank() -> None:
    chains = torch.tensor([[4, 4, 5, 6, 6], [9, 9, 9, 9, 9]])
    references = torch.tensor([[4, 7], [8, 5], [9, NONE]])
    precision, recall = chain_scores(chains, references, torch.tensor([0, 0, 1]))
    assert precision.tolist() == pytest.approx([2 / 3, 1])
    assert recall.tolist() == [1, 1]


def test_a_picture_is_not_scored_by_anothers_references() -> None:
    chains, references = torch.tensor([[1, 2], [3, 3]]), torch.tensor([[3, 0], [1, 2]])
    precision, recall = chain_scores(chains, references, torch.tensor([0, 1]))
    assert precision.tolist() == recall.tolist() == [0, 0]


def test_intervals_hold_the_figures_and_narrow_with_more_pictures() -> None:
    few, many = (measure_ordering(**made(1, n=n)) for n in (20, 500))
    for name in ("tau", "precision", "recall", "f1"):
        for report in (few, many):
            low, high = report.intervals[name]
            assert low < getattr(report, name) < high
        assert few.intervals[name][1] - few.intervals[name][0] > 2 * (high - low)
    assert many == measure_ordering(**made(1, n=500))


def test_intervals_are_as_wide_as_theory_says() -> None:
    """A mean of independent pictures spreads by σ/√n; tau is one reference a picture here."""
    case = made(3, n=400)
    keep = torch.arange(400)
    case["references"], case["image_of"] = case["references"][keep], case["image_of"][keep]
    report = measure_ordering(**case)
    spread = order_correlation(case["depths"], case["references"]).std() / 20
    low, high = report.intervals["tau"]
    assert high - low == pytest.approx(2 * 1.96 * float(spread), rel=0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"image_of": torch.zeros(14, dtype=torch.int64)},
        {"references": torch.full((14, 5), NONE)},
        {"images": torch.zeros(8, 8)},
    ],
)
def test_pictures_without_references_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="every picture needs a reference, and every reference a text"):
        measure_ordering(**{**made(0), **change})


def test_texts_are_numbered_once() -> None:
    names, references = number_texts([["life", "cat", "lion"], ["life", "dog"]])
    assert names == ["life", "cat", "lion", "dog"]
    assert references.tolist() == [[0, 1, 2], [0, 3, NONE]]

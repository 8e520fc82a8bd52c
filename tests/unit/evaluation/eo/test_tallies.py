"""Streamed tallies against the same figures from all scores at once; and their memory."""

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from terralex.evaluation.eo.tallies import Figure, OneLabel, Sentences, SeveralLabels
from terralex.metrics.bootstrap import resample_mean
from terralex.metrics.classification import confusion_matrix, macro_recall, top_k_accuracy
from terralex.metrics.multilabel import above_others, average_precision

CLASSES = tuple(f"class {k}" for k in range(8))


def whole(figures: Sequence[Figure]) -> dict[str, float]:
    return {figure.metric: figure.value for figure in figures if not figure.label}


def ranked(scores: Tensor, relevant: Tensor) -> Tensor:
    """Relevance by class, (classes, n), best first."""
    order = scores.sort(dim=0, descending=True, stable=True).indices
    return relevant.gather(0, order).T


def precision_at_100(flags: Tensor, divisor: int) -> float:
    hits = [rank for rank, hit in enumerate(flags[:100].tolist(), 1) if hit]
    return sum(n / rank for n, rank in enumerate(hits, 1)) / divisor if hits else 0.0


def test_one_label() -> None:
    torch.manual_seed(0)
    scores, labels = torch.randn(700, 8), torch.randint(0, 7, (700,))  # class 7 has no pictures
    scores[torch.arange(700), labels] += 0.7
    tally = OneLabel(CLASSES)
    for start in range(0, 700, 37):
        tally.add(scores[start : start + 37], labels[start : start + 37])
    figures = tally.figures()
    found = whole(figures)
    confusion = confusion_matrix(scores.argmax(dim=1), labels, 8)
    assert found["top1"] == pytest.approx(top_k_accuracy(scores, labels, 1))
    assert found["top5"] == pytest.approx(top_k_accuracy(scores, labels, 5))
    assert found["macro_recall"] == pytest.approx(macro_recall(confusion))
    flags = ranked(scores, torch.nn.functional.one_hot(labels, 8).bool())
    retrieved = [int(row[:100].sum()) for row in flags]
    relevant = [int(row.sum()) for row in flags]
    published = [precision_at_100(row, max(1, m)) for row, m in zip(flags, retrieved, strict=True)]
    usual = [precision_at_100(row, min(100, r)) for row, r in zip(flags, relevant, strict=True) if r]
    assert found["map@100_published"] == pytest.approx(np.mean(published)), "0 for the class without pictures"
    assert found["map@100"] == pytest.approx(np.mean(usual)), "which does not count here"
    assert found["text_to_image_r@1"] == pytest.approx(float(flags[:7, 0].double().mean()))
    assert tally.absent() == 1
    recall = {figure.label: figure for figure in figures if figure.metric == "recall"}
    assert recall["class 3"].value == pytest.approx(int(confusion[3, 3]) / int(confusion[3].sum()))
    assert (recall["class 3"].n, recall["class 7"].n) == (int((labels == 3).sum()), 0)
    assert np.isnan(recall["class 7"].value)


def test_top_five_of_few_classes_says_nothing() -> None:
    tally = OneLabel(CLASSES[:5])
    tally.add(torch.randn(4, 5), torch.tensor([0, 1, 2, 3]))
    assert "top5" not in whole(tally.figures())


def test_several_labels() -> None:
    torch.manual_seed(1)
    shown = torch.rand(500, 8) < 0.2
    shown[0] = False  # all its labels were dropped
    scores = torch.randn(500, 8) + shown
    tally = SeveralLabels(CLASSES)
    for start in range(0, 500, 64):
        tally.add(scores[start : start + 64], shown[start : start + 64])
    figures = tally.figures()
    right = above_others(scores) == shown
    found = whole(figures)
    assert found["multilabel_accuracy"] == pytest.approx(float(right.double().mean()))
    expected = [average_precision(scores[:, k], shown[:, k]) for k in range(8)]
    assert found["map"] == pytest.approx(np.mean(expected))
    by_class = [figure.value for figure in figures if figure.metric == "accuracy"]
    assert by_class == pytest.approx(right.double().mean(dim=0).tolist())
    assert [f.value for f in figures if f.metric == "ap"] == pytest.approx(expected)


def test_other_features_are_a_second_threshold() -> None:
    """As MS-CLIP's evaluation with --other-features: it changes the answers, and nothing else."""
    torch.manual_seed(1)
    shown = torch.rand(300, 8) < 0.2
    scores, other = torch.randn(300, 8) + shown, torch.randn(300, 1) + 0.5
    plain, tally = SeveralLabels(CLASSES), SeveralLabels(CLASSES, other_features=True)
    for start in range(0, 300, 64):
        rows = slice(start, start + 64)
        plain.add(scores[rows], shown[rows])
        tally.add(torch.cat([scores, other], dim=1)[rows], shown[rows])
    right = ((scores > other) == shown).double()
    further = [figure for figure in tally.figures() if figure.metric.endswith("_other_features")]
    assert [figure.metric for figure in further[:2]] == [
        "multilabel_accuracy_other_features",
        "accuracy_other_features",
    ]
    assert further[0].value == pytest.approx(float(right.mean()))
    assert [figure.value for figure in further[1:]] == pytest.approx(right.mean(dim=0).tolist())
    assert [figure for figure in tally.figures() if figure not in further] == plain.figures()


def test_sentences() -> None:
    torch.manual_seed(2)
    owners = torch.arange(40).repeat_interleave(5)
    scores = torch.randn(40, 200)
    scores[owners, torch.arange(200)] += 1.5
    tally = Sentences(owners)
    for start in range(0, 40, 7):
        tally.add(scores[start : start + 7])
    found = whole(tally.figures())
    for k in (1, 5, 10):
        to_text = (owners[scores.topk(k, dim=1).indices] == torch.arange(40)[:, None]).any(dim=1)
        to_image = (scores.topk(k, dim=0).indices == owners).any(dim=0)
        assert found[f"image_to_text_r@{k}"] == pytest.approx(float(to_text.double().mean()))
        assert found[f"text_to_image_r@{k}"] == pytest.approx(float(to_image.double().mean()))


def test_intervals_are_those_of_resampled_pictures() -> None:
    torch.manual_seed(3)
    scores, labels = torch.randn(300, 8), torch.randint(0, 8, (300,))
    scores[torch.arange(300), labels] += 1
    tally = OneLabel(CLASSES)
    tally.add(scores, labels)
    figures = {figure.metric: figure for figure in tally.figures() if not figure.label}
    rows = np.random.default_rng(0).integers(300, size=(2000, 300))
    hits = (scores.argmax(dim=1) == labels).numpy()[rows]
    recalls = [
        np.mean([h[t == k].mean() for k in range(8)]) for h, t in zip(hits, labels.numpy()[rows], strict=True)
    ]
    for metric, resampled in (("top1", hits.mean(axis=1)), ("macro_recall", np.array(recalls))):
        interval = figures[metric].interval
        assert interval == pytest.approx(np.percentile(resampled, [2.5, 97.5]).tolist(), abs=0.01)
    low, high = resample_mean(np.array([0.5, np.nan, 0.5]))
    assert (low, high) == (0.5, 0.5)


def test_pictures_without_a_sentence_look_for_none() -> None:
    tally = Sentences(torch.tensor([1]))
    tally.add(torch.tensor([[0.9], [0.1]]))
    figures = {figure.metric: figure for figure in tally.figures()}
    assert (figures["image_to_text_r@1"].value, figures["image_to_text_r@1"].n) == (1.0, 1)
    assert (figures["text_to_image_r@1"].value, figures["text_to_image_r@5"].value) == (0.0, 1.0)
    silent = Sentences(torch.zeros(0, dtype=torch.int64))
    silent.add(torch.zeros(2, 0))
    assert all(np.isnan(figure.value) and figure.n == 0 for figure in silent.figures())


@pytest.mark.parametrize("kind", [OneLabel, SeveralLabels])
def test_a_million_pictures_take_no_more_memory_than_a_thousand(
    kind: type[OneLabel] | type[SeveralLabels],
) -> None:
    """What a million pictures of 4 classes score would take 16 MB to keep."""
    classes = tuple(map(str, range(4)))
    scores = torch.randn(50_000, 4)
    labels = torch.randint(0, 4, (50_000,))
    shown = labels if kind is OneLabel else torch.nn.functional.one_hot(labels, 4).bool()
    tally = kind(classes)
    tally.add(scores, shown)
    tracemalloc.start()
    for _ in range(19):
        tally.add(scores, shown)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert tally.pictures == 1_000_000
    assert grown < 1_000_000, "numpy's arrays are traced; tensors are as large as the best hundred"
    assert all(
        value.numel() < 4 * 101
        for value in (*vars(tally).values(), *vars(tally._top).values())
        if isinstance(value, Tensor)
    )

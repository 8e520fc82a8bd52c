import pytest
import torch

from terralex.evaluation.classification import prompt_name
from terralex.metrics.classification import confusion_matrix, macro_recall, top_k_accuracy


def test_top_k_counts_the_k_highest() -> None:
    scores = torch.tensor([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]])
    targets = torch.tensor([2, 0])
    assert top_k_accuracy(scores, targets, 1) == 0.5
    assert top_k_accuracy(scores, targets, 2) == 1.0
    assert top_k_accuracy(scores, targets, 10) == 1.0


def test_confusion_has_the_truth_in_rows() -> None:
    matrix = confusion_matrix(torch.tensor([1, 1, 0]), torch.tensor([0, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_macro_recall_ignores_classes_that_do_not_occur() -> None:
    assert macro_recall(torch.tensor([[1, 1, 0], [0, 4, 0], [0, 0, 0]])) == 0.75


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("AnnualCrop", "annual crop"),
        ("annual_crop", "annual crop"),
        ("SeaLake", "sea lake"),
        ("denseresidential",) * 2,
    ],
)
def test_folders_are_prompted_in_words(folder: str, words: str) -> None:
    assert prompt_name(folder) == words

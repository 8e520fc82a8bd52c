"""Metrics of classification as pure functions of tensors."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def top_k_accuracy(scores: Float[Tensor, "n classes"], targets: Int64[Tensor, " n"], k: int = 1) -> float:
    """Part of the rows of ``scores`` whose target is among the ``k`` highest; 0..1."""
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return float((best == targets[:, None]).any(dim=1).double().mean())


def confusion_matrix(
    predicted: Int64[Tensor, " n"], targets: Int64[Tensor, " n"], classes: int
) -> Int64[Tensor, "classes classes"]:
    """How many of a row's class were called the column's."""
    return torch.bincount(targets * classes + predicted, minlength=classes**2).reshape(classes, classes)


def macro_recall(confusion: Int64[Tensor, "classes classes"]) -> float:
    """Mean recall over the classes that occur (balanced accuracy); 0..1."""
    occurring = confusion.sum(dim=1)
    recall = confusion.diagonal().double() / occurring.clamp(min=1)
    return float(recall[occurring > 0].mean())

"""Metrics of classification as pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def top_k_accuracy(scores: Tensor, targets: Tensor, k: int = 1) -> float:
    """Part of the rows of ``scores`` (N, K) whose target (N,) is among the ``k`` highest; 0..1."""
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return float((best == targets[:, None]).any(dim=1).double().mean())


def confusion_matrix(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """int64 (classes, classes): how many of a row's class were called the column's."""
    return torch.bincount(targets * classes + predicted, minlength=classes**2).reshape(classes, classes)


def macro_recall(confusion: Tensor) -> float:
    """Mean recall over the classes that occur (balanced accuracy); 0..1."""
    occurring = confusion.sum(dim=1)
    recall = confusion.diagonal().double() / occurring.clamp(min=1)
    return float(recall[occurring > 0].mean())

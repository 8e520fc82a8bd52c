"""Measuring models: pure metrics, and benchmarks over folders and made worlds."""

from terralex.evaluation.classification import ClassificationReport, evaluate_folders, evaluate_land
from terralex.evaluation.metrics import confusion_matrix, macro_recall, top_k_accuracy

__all__ = [
    "ClassificationReport",
    "confusion_matrix",
    "evaluate_folders",
    "evaluate_land",
    "macro_recall",
    "top_k_accuracy",
]

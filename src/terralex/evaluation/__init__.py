"""Measuring models: pure metrics, and benchmarks over folders and made worlds."""

from terralex.evaluation.classification import ClassificationReport, evaluate_folders, evaluate_land
from terralex.evaluation.metrics import confusion_matrix, macro_recall, top_k_accuracy
from terralex.evaluation.ordering import OrderingReport, measure_ordering, number_texts

__all__ = [
    "ClassificationReport",
    "OrderingReport",
    "confusion_matrix",
    "evaluate_folders",
    "evaluate_land",
    "macro_recall",
    "measure_ordering",
    "number_texts",
    "top_k_accuracy",
]

"""Measuring models: pure metrics, and benchmarks over folders and made worlds."""

from terralex.evaluation.chart import draw_curves
from terralex.evaluation.classification import ClassificationReport, evaluate_folders, evaluate_land
from terralex.evaluation.curves import Curve, make_curves
from terralex.evaluation.land_scenes import COVERS, SceneScores, evaluate_scenes, label_scene
from terralex.evaluation.life import LifeReport, evaluate_life
from terralex.evaluation.metrics import confusion_matrix, macro_recall, top_k_accuracy
from terralex.evaluation.ordering import OrderingReport, measure_ordering, number_texts
from terralex.evaluation.ordering_benchmark import OrderingRun, evaluate_ordering
from terralex.evaluation.published import PublishedTable, published_table
from terralex.evaluation.taxa import RankReport, RankTexts, TaxonomyReport, measure_taxonomy
from terralex.evaluation.taxon_texts import encode_ranks
from terralex.evaluation.taxonomy_benchmark import TaxonomyRun, evaluate_taxonomy

__all__ = [
    "COVERS",
    "ClassificationReport",
    "Curve",
    "LifeReport",
    "OrderingReport",
    "OrderingRun",
    "PublishedTable",
    "RankReport",
    "RankTexts",
    "SceneScores",
    "TaxonomyReport",
    "TaxonomyRun",
    "confusion_matrix",
    "draw_curves",
    "encode_ranks",
    "evaluate_folders",
    "evaluate_land",
    "evaluate_life",
    "evaluate_ordering",
    "evaluate_scenes",
    "evaluate_taxonomy",
    "label_scene",
    "macro_recall",
    "make_curves",
    "measure_ordering",
    "measure_taxonomy",
    "number_texts",
    "published_table",
    "top_k_accuracy",
]

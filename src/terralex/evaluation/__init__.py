"""Measuring models: pure metrics, and benchmarks over folders and made worlds."""

from terralex.evaluation.classification import ClassificationReport, evaluate_folders, evaluate_land
from terralex.evaluation.land_scenes import COVERS, SceneScores, evaluate_scenes, label_scene
from terralex.evaluation.life import LifeReport, evaluate_life
from terralex.evaluation.ordering import OrderingRun, evaluate_ordering
from terralex.evaluation.published import PublishedTable, published_table
from terralex.evaluation.taxon_texts import encode_ranks
from terralex.evaluation.taxonomy import TaxonomyRun, evaluate_taxonomy

__all__ = [
    "COVERS",
    "ClassificationReport",
    "LifeReport",
    "OrderingRun",
    "PublishedTable",
    "SceneScores",
    "TaxonomyRun",
    "encode_ranks",
    "evaluate_folders",
    "evaluate_land",
    "evaluate_life",
    "evaluate_ordering",
    "evaluate_scenes",
    "evaluate_taxonomy",
    "label_scene",
    "published_table",
]

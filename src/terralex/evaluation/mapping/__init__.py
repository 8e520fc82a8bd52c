"""Zero-shot maps of rooms on Replica, ScanNet and ScanNet++, as RADSeg was measured in 3D."""

from terralex.evaluation.mapping.plan import MappingPlan, Scene, plan_mapping
from terralex.evaluation.mapping.points import read_points
from terralex.evaluation.mapping.report import class_rows, mapping_rows, mapping_table, mean_figures
from terralex.evaluation.mapping.run import MakeMapper, Mapper, SceneReport, evaluate_mapping, predict
from terralex.evaluation.mapping.settings import MappingSetting, load_mapping_settings, mapping_setting
from terralex.evaluation.mapping.truth import truth_from_images, truth_from_points
from terralex.evaluation.mapping.votes import LabelledVoxels, Votes, carry_labels

__all__ = [
    "LabelledVoxels",
    "MakeMapper",
    "Mapper",
    "MappingPlan",
    "MappingSetting",
    "Scene",
    "SceneReport",
    "Votes",
    "carry_labels",
    "class_rows",
    "evaluate_mapping",
    "load_mapping_settings",
    "mapping_rows",
    "mapping_setting",
    "mapping_table",
    "mean_figures",
    "plan_mapping",
    "predict",
    "read_points",
    "truth_from_images",
    "truth_from_points",
]

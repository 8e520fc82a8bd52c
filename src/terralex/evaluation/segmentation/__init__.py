"""Zero-shot semantic segmentation on the five benchmarks of RADSeg, each in three resolutions."""

from terralex.evaluation.segmentation.classes import Names, class_names
from terralex.evaluation.segmentation.report import report_rows, report_table
from terralex.evaluation.segmentation.resize import keep_ratio_size, resize_bilinear
from terralex.evaluation.segmentation.run import (
    Labeller,
    Plan,
    SettingReport,
    evaluate_segmentation,
    plan_segmentation,
)
from terralex.evaluation.segmentation.settings import Dataset, Setting, choose_settings, load_settings

__all__ = [
    "Dataset",
    "Labeller",
    "Names",
    "Plan",
    "Setting",
    "SettingReport",
    "choose_settings",
    "class_names",
    "evaluate_segmentation",
    "keep_ratio_size",
    "load_settings",
    "plan_segmentation",
    "report_rows",
    "report_table",
    "resize_bilinear",
]

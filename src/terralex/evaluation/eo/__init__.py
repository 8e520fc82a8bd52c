"""Benchmarks of Earth observation: zero-shot classes, several labels, and pictures found by words.

A data set is a short description as data (`datasets/*.yaml`), over a few readers of files.
"""

from terralex.evaluation.eo.descriptions import Dataset, Layout, dataset_names, load_dataset
from terralex.evaluation.eo.embedding import Settings, fingerprint
from terralex.evaluation.eo.finding import Found, check_order, find_datasets
from terralex.evaluation.eo.record import record_columns
from terralex.evaluation.eo.report import COLUMNS, Table, markdown, report_rows, report_tables
from terralex.evaluation.eo.run import DatasetReport, evaluate_eo
from terralex.evaluation.eo.tallies import Figure

__all__ = [
    "COLUMNS",
    "Dataset",
    "DatasetReport",
    "Figure",
    "Found",
    "Layout",
    "Settings",
    "Table",
    "check_order",
    "dataset_names",
    "evaluate_eo",
    "find_datasets",
    "fingerprint",
    "load_dataset",
    "markdown",
    "record_columns",
    "report_rows",
    "report_tables",
]

"""Labelled examples from a folder per class, a table, pandas, or lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

from terralex.imagery import IMAGE_EXTENSIONS, is_scene_folder
from terralex.recognition.fitting.examples import Example, Examples, gather
from terralex.recognition.items import Item, as_items
from terralex.recognition.records import Window, window_from_text
from terralex.runtime.errors import UsageError
from terralex.runtime.files import leads_outside
from terralex.runtime.inputs import expand_inputs, is_system_name
from terralex.runtime.tables import Table, open_table

TABLES = (".csv", ".tsv", ".txt", ".parquet")

_PATHS = ("path", "image", "file", "filename")
_LABELS = ("label", "class", "classname", "category")
FOLDER = "folder"
SCENE = "scene"


def read_examples(
    source: object,
    labels: Sequence[object] | None = None,
    *,
    group_by: str | None = None,
    label_column: str | None = None,
    zero_shot: bool = False,
) -> Examples:
    """Read labelled examples.

    Args:
        source: A folder with one folder per class; a CSV, TSV or Parquet table of paths (relative to the
            table) and labels, and of windows if it has such a column; a pandas table of the same columns; or
            inputs, as for `classify`, whose labels stand in `labels`.
        labels: The label of each input, if `source` does not tell.
        group_by: What belongs together in a cross-validation: `folder` (the folder that a file is in),
            `scene` (the file, of which there may be several windows), or a column of the table.
        label_column: The column with the labels, if it is not called `label` or `class`.
        zero_shot: Allow classes without examples.

    Raises:
        UsageError: There is nothing to read, a column is absent, a window is none, or as of `gather`.
    """
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        return _from_pandas(source, labels, group_by, label_column, zero_shot)
    if labels is not None:
        return _from_lists(source, labels, group_by, zero_shot)
    if not isinstance(source, str | Path):
        raise UsageError("labelled examples are a folder, a table, or inputs together with their labels")
    path = Path(source)
    if path.is_dir():
        return _from_folder(path, group_by, zero_shot)
    if path.suffix.lower() not in (*TABLES, ".gz"):
        raise UsageError(
            f"{path}: labelled examples are a folder with one folder per class, a table "
            f"({', '.join(TABLES)}), or a file of labelled polygons or points (.gpkg, .geojson)"
        )
    if not path.is_file():
        raise UsageError(f"{path} does not exist")
    return _from_table(path, group_by, label_column, zero_shot)


def _from_folder(folder: Path, group_by: str | None, zero_shot: bool) -> Examples:
    if group_by not in (None, FOLDER, SCENE):
        raise UsageError(f"{folder} is a folder and has no column {group_by!r}: group by folder or scene")
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not is_system_name(entry.name))
    if not classes:
        raise UsageError(f"{folder} has no folders: one folder per class, images inside, is what is read")
    files = {entry.name: _files(entry, zero_shot) for entry in classes}
    examples = (
        Example(Item(path, path), label, _group(path, group_by, None))
        for label, paths in files.items()
        for path in paths
    )
    return gather(examples, str(folder), labels=list(files), zero_shot=zero_shot)


def _files(folder: Path, allow_none: bool) -> list[str]:
    if allow_none and not any(folder.iterdir()):
        return []
    return expand_inputs([str(folder)], IMAGE_EXTENSIONS, is_scene_folder)


def _from_table(path: Path, group_by: str | None, label_column: str | None, zero_shot: bool) -> Examples:
    table = open_table(path)
    paths = _column(table, None, _PATHS, "paths of images")
    labels = _column(table, label_column, _LABELS, "labels")
    windows = table.find("window")
    groups = _group_column(table, group_by)
    wanted = [name for name in dict.fromkeys((paths, labels, windows, groups)) if name is not None]

    def rows() -> Iterator[Example]:
        row = 0
        for arrays in table.batches(wanted):
            cells = {name: array.to_pylist() for name, array in zip(wanted, arrays, strict=True)}
            count = len(arrays[0])
            columns = (
                cells[paths],
                cells[labels],
                cells[windows] if windows else repeat(None, count),
                cells[groups] if groups else repeat(None, count),
            )
            for name, label, window, group in zip(*columns, strict=True):
                yield _row(table, row, name, label, window, group, group_by)
                row += 1

    return gather(rows(), str(path), where=table.where, zero_shot=zero_shot)


def _row(
    table: Table,
    row: int,
    name: str | None,
    label: str | None,
    window: str | None,
    group: str | None,
    group_by: str | None,
) -> Example:
    if not name or not name.strip():
        raise UsageError(f"{table.where(row)}: there is no path of an image")
    if leads_outside(name):
        raise UsageError(
            f"{table.where(row)} names a file outside the table's folder: {name}: make paths relative to it"
        )
    path = str(table.path.parent / name.strip())
    item = Item(path, path, _window(window, table, row))
    return Example(item, (label or "").strip() or None, _group(path, group_by, group))


def _window(text: str | None, table: Table, row: int) -> Window | None:
    try:
        return window_from_text(text)
    except ValueError:
        raise UsageError(
            f"{table.where(row)}: the window {text!r} is not column,row,width,height in pixels"
        ) from None


def _column(table: Table, stated: str | None, names: Sequence[str], what: str) -> str:
    found = table.find(*names) if stated is None else stated if stated in table.columns else None
    if found is None:
        expected = f"column {stated!r}" if stated else f"column of {what} ({', '.join(names)})"
        raise UsageError(f"{table.path} has no {expected}; its columns are {', '.join(table.columns)}")
    return found


def _group_column(table: Table, group_by: str | None) -> str | None:
    if group_by in (None, FOLDER) or (group_by == SCENE and SCENE not in table.columns):
        return None
    if group_by not in table.columns:
        raise UsageError(
            f"{table.path} has no column {group_by!r} to group by: pass folder, scene, or one of "
            f"{', '.join(table.columns)}"
        )
    return group_by


def _from_pandas(
    table: Any,  # noqa: ANN401 (pandas is not needed here)
    labels: Sequence[object] | None,
    group_by: str | None,
    label_column: str | None,
    zero_shot: bool,
) -> Examples:
    columns = [str(name) for name in table.columns]
    if labels is None:
        own = label_column or next((name for name in _LABELS if name in columns), None)
        if own not in columns:
            raise UsageError(f"the table has no column of labels ({own or ', '.join(_LABELS)})")
        labels = list(table[own])
    if group_by not in (None, FOLDER, SCENE, *columns):
        raise UsageError(f"the table has no column {group_by!r} to group by, only {', '.join(columns)}")
    groups = list(table[group_by]) if group_by in columns else None
    return _from_lists(paths_of(table), labels, group_by, zero_shot, groups)


def paths_of(inputs: Any) -> Any:  # noqa: ANN401 (pandas is not needed here)
    """The paths of a pandas table; other inputs as they are.

    Raises:
        UsageError: The table has no column of paths.
    """
    if not hasattr(inputs, "columns"):
        return inputs
    columns = [str(name) for name in inputs.columns]
    paths = next((name for name in _PATHS if name in columns), None)
    if paths is None:
        raise UsageError(f"the table has no column of paths ({', '.join(_PATHS)}), only {', '.join(columns)}")
    return list(inputs[paths])


def _from_lists(
    inputs: object,
    labels: Sequence[object],
    group_by: str | None,
    zero_shot: bool,
    groups: Iterable[object] | None = None,
) -> Examples:
    items = list(as_items(inputs))
    labels = list(labels)
    if len(items) != len(labels):
        raise UsageError(f"there are {len(items):,} inputs and {len(labels):,} labels: one each is needed")
    if groups is None and group_by not in (None, FOLDER, SCENE):
        raise UsageError(f"lists have no column {group_by!r} to group by: group by folder or scene")
    examples = (
        Example(item, _label(label), _group(item.name, group_by, None if group is None else str(group)))
        for item, label, group in zip(items, labels, groups or repeat(None, len(items)), strict=True)
    )
    return gather(examples, "the examples", zero_shot=zero_shot)


def _label(value: object) -> str | None:
    if value is None or value != value:  # pandas' cells without a value are NaN
        return None
    return str(value).strip() or None


def _group(path: str, group_by: str | None, cell: str | None) -> str | None:
    if group_by == FOLDER:
        return str(Path(path).parent)
    if group_by == SCENE and cell is None:
        return path
    return cell

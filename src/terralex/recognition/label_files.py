"""Files with a list of labels or queries: text, tables and YAML, also as other tools write them."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import folded, open_table, text_lines
from terralex.runtime.yaml_files import load_yaml, read_text

LIST_FILES = (".txt", ".yaml", ".yml", ".csv", ".tsv")

# The column of labels in a table, or its heading in a text file; the first that is there is taken.
_HEADINGS = (
    *("label", "labelname", "class", "classname", "name", "query", "category", "categoryname"),
    *("species", "scientificname", "commonname", "taxon", "habitat", "landcover"),
    *("phrase", "prompt", "text"),
)
_SINGULAR = {"classes": "class", "categories": "category", "queries": "query", "taxa": "taxon"}

_KEYS = ("labels", "classes", "queries", "names", "class_names", "categories")
_DATASET_KEYS = {"nc", "train", "val", "path"}  # of YOLO's data.yaml, whose `names` are the labels

Entry = tuple[str, tuple[str, ...]]
"""A label and the phrases that describe it."""


def read_list(path: Path, *, split_one_line: bool = True) -> list[Entry]:
    """The entries of a file, unchecked.

    - `.txt`: an entry a line; lines that begin with "#" are comments. A single line is divided at its commas
      or semicolons. Lines that all have tabs are a table.
    - `.csv`, `.tsv`: the column that is called label, class, name, species or the like, or the only column.
    - `.yaml`: a list, a mapping from names to phrases or from numbers to names, or one of these below the key
      `labels`, `classes`, `names` (as in YOLO's `data.yaml`) or `queries`.

    Args:
        path: The file.
        split_one_line: A single line is a list and not a sentence.

    Raises:
        UsageError: It cannot be read, or has none of these forms.
    """
    ending = path.suffix.lower()
    if ending not in LIST_FILES:
        raise UsageError(f"{path}: a list comes from a {list_endings()} file")
    if not path.exists():
        raise UsageError(f"{path} does not exist: no list to read there")
    if ending in (".yaml", ".yml"):
        return _from_yaml(path)
    names = _from_text(path, split_one_line) if ending == ".txt" else _from_table(path)
    return [(name, (name,)) for name in names]


def list_endings() -> str:
    """The endings of files with a list, for messages."""
    return ".txt, .yaml or .csv"


def label_column(columns: tuple[str, ...]) -> int | None:
    """Index of the column of labels among the columns of a table; None if none is called like one."""
    names = [_heading(column) for column in columns]
    return next((names.index(heading) for heading in _HEADINGS if heading in names), None)


def _heading(cell: str) -> str:
    """A heading as it is compared: "Class Names" is "classname"."""
    name = folded(cell)
    if name in _HEADINGS:
        return name
    return _SINGULAR.get(name, name.removesuffix("s"))


def _from_text(path: Path, split_one_line: bool) -> list[str]:
    lines = [line.strip() for _, line in text_lines(path) if not line.lstrip().startswith("#")]
    if len(lines) > 1 and all("\t" in line for line in lines):
        return _from_table(path)
    if split_one_line and len(lines) == 1:
        separator = next((mark for mark in "\t;," if mark in lines[0]), None)
        return [part for part in map(str.strip, lines[0].split(separator)) if part] if separator else lines
    return lines[1:] if len(lines) > 1 and _heading(lines[0]) in _HEADINGS else lines


def _from_table(path: Path) -> list[str]:
    table = open_table(path)
    rows = table.rows()
    column = label_column(table.columns)
    if column is not None:
        return [cells[column] for _, cells in rows]
    named = [index for index, name in enumerate(table.columns) if name.strip()]
    if len(named) == 1:  # without a heading
        return [table.columns[named[0]].strip(), *(cells[named[0]] for _, cells in rows)]
    if next(rows, None) is None:  # one line
        return [table.columns[index].strip() for index in named]
    raise UsageError(f"{path}: name a column label or class or name; there are {', '.join(table.columns)}")


def _from_yaml(path: Path) -> list[Entry]:
    content = load_yaml(read_text(path, "", UsageError), str(path), UsageError)
    if isinstance(content, Mapping):
        key = next((key for key in _KEYS if key in content), None)
        if key is None and len(_DATASET_KEYS & set(map(str, content))) > 1:
            raise UsageError(f"{path} describes a data set without the names of its classes: add `names:`")
        content = content if key is None else content[key]
    return _entries(content, path)


def _entries(content: Any, path: Path) -> list[Entry]:  # noqa: ANN401 (whatever the file holds)
    if isinstance(content, Mapping):
        if content and all(type(key) is int for key in content):  # names by number
            return [(name, (name,)) for name in (_text(content[key], path) for key in sorted(content))]
        return [(_text(name, path), _phrases(name, value, path)) for name, value in content.items()]
    if isinstance(content, list):
        return [(name, (name,)) for name in (_text(item, path) for item in content)]
    if content is None:
        return []
    raise UsageError(f"{path} has to hold a list of names, or a mapping from each name to its phrases")


def _phrases(name: object, value: object, path: Path) -> tuple[str, ...]:
    if value is None:
        return (_text(name, path),)
    return tuple(_text(item, path) for item in (value if isinstance(value, list) else [value]))


def _text(value: object, path: Path) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise UsageError(f"{path}: {reprlib.repr(value)} is not a name; put yes, no, null and the like in quotes")

"""Lists of labels and queries: from the command line, from Python, from .txt, .yaml and .csv files."""

from __future__ import annotations

import csv
import io
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.yaml_files import load_yaml

LIST_FILES = (".txt", ".yaml", ".yml", ".csv")
_HEADERS = ("label", "class", "name", "query")
_KEYS = ("labels", "classes", "queries")

LabelSource = str | PathLike[str] | Sequence[str] | Mapping[str, Sequence[str]]
Labels = dict[str, tuple[str, ...]]


def load_labels(labels: LabelSource) -> Labels:
    """Check and complete a set of labels.

    Args:
        labels: A sequence of names; a mapping from each name to the phrases that describe it (their vectors
            are averaged); or the path of a ``.txt``, ``.yaml`` or ``.csv`` file.

    Returns:
        Each label, in the order given, with the phrases that stand for it (by default the label itself).

    Raises:
        UsageError: There are no labels, a label is empty or given twice, or the file cannot be used.
    """
    if isinstance(labels, str | PathLike):
        path = Path(labels)
        if path.suffix.lower() not in LIST_FILES:
            raise UsageError(f"labels are a list of names or a {_endings()} file, not {str(labels)!r}")
        return _from_file(path)
    if isinstance(labels, Mapping):
        return _checked([(name, tuple(phrases)) for name, phrases in labels.items()], "")
    return _checked([(name, (name,)) for name in labels], "")


def labels_from_arguments(values: Iterable[str]) -> Labels:
    """Labels as typed: each value a label, several separated by commas, or a file of labels.

    A label that holds a comma has to come from a file. A value that ends like a file is one: if it is not
    there, that is an error and never a label.

    Raises:
        UsageError: As `load_labels`.
    """
    return _checked([entry for value in values for entry in _argument(value)], "")


def load_queries(path: str | PathLike[str]) -> list[str]:
    """The queries of a file: as a file of labels, with each phrase a query.

    Raises:
        UsageError: The file cannot be used or holds no queries.
    """
    queries = [phrase for _, phrases in _read(Path(path)) for phrase in phrases if phrase]
    if not queries:
        raise UsageError(f"no queries in {path}")
    return queries


Entry = tuple[str, tuple[str, ...]]


def _argument(value: str) -> list[Entry]:
    whole = Path(value)
    if whole.suffix.lower() in LIST_FILES and ("," not in value or whole.is_file()):
        return list(_from_file(whole).items())
    if whole.suffix and whole.is_file():
        raise UsageError(f"labels come from a {_endings()} file, and {value} is neither")
    parts = [part.strip() for part in value.split(",")]
    if parts == [value.strip()]:
        return [(value, (value,))]
    return [entry for part in parts if part for entry in _argument(part)]


def _from_file(path: Path) -> Labels:
    return _checked(_read(path), f"in {path}")


def _checked(entries: Sequence[Entry], where: str) -> Labels:
    labels: Labels = {}
    spellings: dict[str, str] = {}
    twice: list[str] = []
    for name, phrases in entries:
        if not name.strip():
            raise UsageError(f"a label{where and ' ' + where} is empty")
        name = " ".join(name.split())
        kept = tuple(" ".join(phrase.split()) for phrase in phrases if phrase.strip())
        if not kept:
            raise UsageError(f"the label {name!r} has no phrase that describes it")
        folded = name.casefold()
        if folded in spellings:
            twice.append(name if spellings[folded] == name else f"{spellings[folded]} / {name}")
        spellings[folded] = name
        labels[name] = kept
    if twice:
        raise UsageError(f"labels given twice{where and ' ' + where}: {', '.join(twice)}; keep one of each")
    if not labels:
        hint = "" if where else '; pass --labels "water,forest,town" or a .txt, .yaml or .csv file'
        raise UsageError(f"no labels{where and ' ' + where}{hint}")
    return labels


def _read(path: Path) -> list[Entry]:
    ending = path.suffix.lower()
    if ending not in LIST_FILES:
        raise UsageError(f"{path}: a list comes from a {_endings()} file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: no list to read there") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    if ending == ".txt":
        lines = (line.strip() for line in text.splitlines())
        return [(line, (line,)) for line in lines if line and not line.startswith("#")]
    return _parse_csv(text, path) if ending == ".csv" else _parse_yaml(text, path)


def _parse_csv(text: str, path: Path) -> list[Entry]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if any(map(str.strip, row))]
    except csv.Error as error:
        raise UsageError(f"{path} is not a valid CSV file: {error}") from None
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in _HEADERS if name in header), None)
    if column is None and len(header) > 1:
        raise UsageError(
            f"{path}: name a column {' or '.join(_HEADERS[:-1])}; there are {', '.join(rows[0])}"
        )
    body = rows if column is None else rows[1:]
    cells = [row[column or 0].strip() if len(row) > (column or 0) else "" for row in body]
    return [(cell, (cell,)) for cell in cells]


def _parse_yaml(text: str, path: Path) -> list[Entry]:
    content = load_yaml(text, str(path), UsageError)
    if isinstance(content, Mapping):
        key = next((key for key in _KEYS if key in content), None)
        content = content if key is None else content[key]
    if isinstance(content, Mapping):
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


def _endings() -> str:
    return ".txt, .yaml or .csv"

"""Lists of labels and queries: from the command line, from Python, from .txt, .yaml and .csv files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from terralex.recognition.label_files import LIST_FILES, Entry, list_endings, read_list
from terralex.runtime.errors import UsageError

LabelSource = str | PathLike[str] | Sequence[str] | Mapping[str, Sequence[str]]
Labels = dict[str, tuple[str, ...]]


def load_labels(labels: LabelSource) -> Labels:
    """Check and complete a set of labels.

    Args:
        labels: A sequence of names; a mapping from each name to the phrases that describe it (their vectors
            are averaged); or the path of a ``.txt``, ``.yaml``, ``.csv`` or ``.tsv`` file.

    Returns:
        Each label, in the order given, with the phrases that stand for it (by default the label itself).

    Raises:
        UsageError: There are no labels, a label is empty or given twice, or the file cannot be used.
    """
    if isinstance(labels, str | PathLike):
        path = Path(labels)
        if path.suffix.lower() not in LIST_FILES:
            raise UsageError(f"labels are a list of names or a {list_endings()} file, not {str(labels)!r}")
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
    """The queries of a file, which is read like one of labels: each phrase is a query, commas and all.

    Raises:
        UsageError: The file cannot be used or holds no queries.
    """
    entries = read_list(Path(path), split_one_line=False)
    queries = [phrase for _, phrases in entries for phrase in phrases if phrase]
    if not queries:
        raise UsageError(f"no queries in {path}")
    return queries


def _argument(value: str) -> list[Entry]:
    whole = Path(value)
    if whole.suffix.lower() in LIST_FILES and ("," not in value or whole.is_file()):
        return list(_from_file(whole).items())
    if whole.suffix and whole.is_file():
        raise UsageError(f"labels come from a {list_endings()} file, and {value} is neither")
    parts = [part.strip() for part in value.split(",")]
    if parts == [value.strip()]:
        return [(value, (value,))]
    return [entry for part in parts if part for entry in _argument(part)]


def _from_file(path: Path) -> Labels:
    return _checked(read_list(path), f"in {path}")


def _checked(entries: Sequence[Entry], where: str) -> Labels:
    labels: Labels = {}
    spellings: dict[str, str] = {}
    repeated: list[str] = []
    for name, phrases in entries:
        if not name.strip():
            raise UsageError(f"a label{where and ' ' + where} is empty")
        name = " ".join(name.split())
        described = tuple(" ".join(phrase.split()) for phrase in phrases if phrase.strip())
        if not described:
            raise UsageError(f"the label {name!r} has no phrase that describes it")
        folded = name.casefold()
        if folded in spellings:
            repeated.append(name if spellings[folded] == name else f"{spellings[folded]} / {name}")
        spellings[folded] = name
        labels[name] = described
    if repeated:
        raise UsageError(
            f"labels given twice{where and ' ' + where}: {', '.join(repeated)}; keep one of each"
        )
    if not labels:
        hint = "" if where else '; pass --labels "water,forest,town" or a .txt, .yaml or .csv file'
        raise UsageError(f"no labels{where and ' ' + where}{hint}")
    return labels

"""The pictures of a data set and what they show, as its files list them: one function a reader.

- folders: a folder a class, pictures inside.
- table: a row a picture, of a CSV, GeoJSON or Parquet file.
- patches: a folder a picture, with a file a band and its labels as JSON (BigEarthNet), or in a Parquet table.
- captions: a JSON file with sentences on each picture (``images``, each with ``sentences`` and ``split``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terralex.evaluation.coverage import SMALLEST_PART
from terralex.evaluation.eo.descriptions import Dataset, Layout
from terralex.imagery import IMAGE_EXTENSIONS, is_scene_folder
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.inputs import expand_inputs, is_system_name, natural_key
from terralex.runtime.tables import open_table

ALL = "all"

_SPELLINGS = {"val": ("val", "validation", "valid")}


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture.

    Attributes:
        name: Its path below the folder that all names of the data set begin in.
        labels: What it shows, as the files say it; None if that stands beside the picture.
        captions: Sentences on it.
    """

    name: str
    labels: tuple[str, ...] | None = None
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listed:
    """What a reader found.

    Attributes:
        root: The folder that names begin in.
        split: Which split they are of; "all" if the data has none.
        samples: The pictures, in order.
        notes: What a person should know of it.
    """

    root: Path
    split: str
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()


def list_samples(dataset: Dataset, layout: Layout, root: Path, split: str | None) -> Listed:
    """List the pictures of a data set that lies in this layout.

    Args:
        dataset: Which.
        layout: How it lies.
        root: Where.
        split: Of which split; None: "test" if the data has splits.

    Raises:
        UsageError: The files are not as the layout has them, there is no such split, or it is empty.
    """
    listed = _READERS[layout.reader](dataset, layout, root, split)
    if not listed.samples:
        path = root / in_split(layout.path, split)
        raise UsageError(f"{dataset.name}: {path} has no pictures of the split {listed.split}")
    return listed


def in_split(pattern: str, split: str | None) -> str:
    """A path with the name of the split in it."""
    return pattern.replace("{split}", split or "test")


def has_columns(table: Path, layout: Layout) -> bool:
    """Whether a table has the columns of a layout: a `test.csv` may be that of another data set."""
    needed = {layout.label, *re.findall(r"\{(\w+)\}", layout.image)}
    try:
        return needed <= next(_rows(table), {}).keys()
    except UsageError:
        return False


def class_of(dataset: Dataset, label: str) -> str:
    """The class that a label in the files means: its own, one that it is merged into, or a spelling of one.

    Raises:
        InputError: It is none of them.
    """
    assert dataset.classes is not None
    label = dataset.merge.get(label, label)
    if label in dataset.classes:
        return label
    folded = _folded(label)
    for own, words in dataset.classes.items():
        if folded in (_folded(own), _folded(words)):
            return own
    raise InputError(
        f"its label {label!r} is none of {dataset.name}'s classes ({', '.join(dataset.classes)})"
    )


def read_patch_labels(patch: Path) -> tuple[str, ...]:
    """The labels in the JSON file of a patch of BigEarthNet.

    Raises:
        InputError: There is none, or it has no labels.
    """
    found = sorted(patch.glob("*.json"))
    if not found:
        raise InputError(f"{patch}: no JSON file with its labels")
    try:
        labels = json.loads(found[0].read_text(encoding="utf-8"))["labels"]
        return tuple(str(label) for label in labels)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{patch}: cannot read the labels in {found[0].name}: {error}") from error


def _list_folders(dataset: Dataset, layout: Layout, root: Path, split: str | None) -> Listed:
    folder = root / layout.path
    chosen = _split_file(dataset, layout, root, split)
    wanted = None if chosen is None else {_without_ending(line) for line in _lines(chosen)}
    samples: list[Sample] = []
    notes: list[str] = []
    folders = (entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("_"))
    for entry in sorted(entry for entry in folders if not is_system_name(entry.name)):
        if dataset.classes is not None and not _is_class(dataset, entry.name):
            notes.append(f"{entry} is none of its classes, and left out")
            continue
        try:
            files = expand_inputs([str(entry)], IMAGE_EXTENSIONS, is_scene_folder)
        except UsageError:
            notes.append(f"{entry} holds no pictures")
            continue
        names = (Path(file).relative_to(root) for file in files)
        samples += [
            Sample(str(name), (entry.name,))
            for name in names
            if wanted is None
            or wanted & {name.stem, _without_ending(name.relative_to(layout.path).as_posix())}
        ]
    if wanted is not None and len(samples) < len(wanted):
        there = f"{chosen} names {len(wanted):,} pictures, of which {len(samples):,} are there"
        if len(samples) < SMALLEST_PART * len(wanted):
            raise UsageError(f"{dataset.name}: {there}")
        notes.append(f"{there}: not comparable with figures of all of them")
    if chosen is None and split is None and layout.splits:
        notes.append(f"no {in_split(layout.splits[0], None)}: all its pictures are taken")
    return Listed(root, ALL if chosen is None else split or "test", tuple(samples), tuple(notes))


def _list_table(dataset: Dataset, layout: Layout, root: Path, split: str | None) -> Listed:
    path = root / in_split(layout.path, split)
    has_splits = "{split}" in layout.path or bool(layout.split)
    if split == ALL and "{split}" in layout.path:
        raise UsageError(f"{dataset.name} has a file for each split: pass --split train, val or test")
    if split not in (None, ALL) and not has_splits:
        raise UsageError(f"{dataset.name}: {path} tells no splits; leave out --split")
    rows = _rows(path)
    if layout.split:
        rows = (row for row in rows if _is_split(_cell(path, row, layout.split), split))
    samples, several = [], 0
    for row in rows:
        labels = _labels(_cell(path, row, layout.label), layout.separator)
        if dataset.labels == "one" and len(labels) > 1:
            several += 1
            continue
        samples.append(Sample(_fill(path, layout.image, row), labels))
    notes = (f"{several:,} pictures with several labels are left out",) if several else ()
    return Listed(path.parent, (split or "test") if has_splits else ALL, tuple(samples), notes)


def _list_patches(dataset: Dataset, layout: Layout, root: Path, split: str | None) -> Listed:
    chosen = _split_file(dataset, layout, root, split)
    folder = Path(layout.path)
    if chosen is None:
        patches = (entry.name for entry in (root / folder).iterdir() if entry.is_dir())
        names = sorted((name for name in patches if not is_system_name(name)), key=natural_key)
        notes = ("no list of a split: all its patches are taken",) if split is None else ()
        return Listed(root, ALL, tuple(Sample(str(folder / name)) for name in names), notes)
    if chosen.suffix == ".parquet":
        rows = (row for row in _rows(chosen) if _is_split(_cell(chosen, row, "split"), split))
        samples = tuple(_tiled_patch(folder, chosen, row) for row in rows)
    else:
        samples = tuple(Sample(str(folder / line.split(",")[0].strip())) for line in _lines(chosen))
    return Listed(root, split or "test", samples)


def _list_captions(dataset: Dataset, layout: Layout, root: Path, split: str | None) -> Listed:
    path = root / layout.path
    try:
        samples = tuple(
            Sample(_fill(path, layout.image, entry), captions=_sentences(entry))
            for entry in _json(path)["images"]
            if _is_split(entry["split"], split)
        )
    except KeyError as error:
        raise UsageError(f"{path} is no file of captions: it lacks {error}") from error
    except (TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no file of captions: {error}") from error
    return Listed(root, split or "test", samples)


_READERS = {
    "folders": _list_folders,
    "table": _list_table,
    "patches": _list_patches,
    "captions": _list_captions,
}


def _split_file(dataset: Dataset, layout: Layout, root: Path, split: str | None) -> Path | None:
    """The file that lists the split: beside the folder of the pictures, in it, or above it.

    Only a table, which lists all splits, serves for all.
    """
    folder = root / layout.path
    listing = [name for name in layout.splits if split != ALL or name.endswith(".parquet")]
    names = [in_split(pattern, split) for pattern in listing]
    places = dict.fromkeys([root, folder, folder.parent])
    tried = [place / name for name in names for place in places]
    found = next((path for path in tried if path.is_file()), None)
    if found is None and split not in (None, ALL):
        looked = f"looked for {', '.join(map(str, tried))}" if tried else "it has no lists of splits"
        raise UsageError(f"{dataset.name}: no list of the split {split}: {looked}. --split all takes all")
    return found


def _sentences(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sentence["raw"].strip() for sentence in entry["sentences"])


def _labels(cell: object, separator: str) -> tuple[str, ...]:
    """The labels in a cell, which may be a list."""
    given = cell if isinstance(cell, list) else str(cell).split(separator) if separator else [cell]
    return tuple(str(label).strip() for label in given)


def _tiled_patch(folder: Path, path: Path, row: Mapping[str, Any]) -> Sample:
    """A patch of version 2 lies in the folder of its tile, which is called like it without row and column."""
    name = str(_cell(path, row, "patch_id"))
    tile = name.rsplit("_", 2)[0]
    return Sample(str(folder / tile / name), tuple(str(label) for label in _cell(path, row, "labels")))


def _is_class(dataset: Dataset, label: str) -> bool:
    try:
        class_of(dataset, label)
    except InputError:
        return False
    return True


def _folded(label: str) -> str:
    return "".join(letter for letter in label.casefold() if letter.isalnum())


def _is_split(value: object, split: str | None) -> bool:
    wanted = split or "test"
    return wanted == ALL or value in _SPELLINGS.get(wanted, (wanted,))


def _without_ending(name: str) -> str:
    """A picture's name as it is compared with lists: those of JPEG files serve for TIFF files."""
    stem, dot, ending = name.rpartition(".")
    return stem if f"{dot}{ending}".lower() in IMAGE_EXTENSIONS else name


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the list {path}: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a table: properties of the features of a GeoJSON file, or rows of Parquet or CSV.

    Raises:
        UsageError: It cannot be read.
    """
    if path.suffix.lower() in (".geojson", ".json"):
        try:
            yield from [dict(feature["properties"]) for feature in _json(path)["features"]]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{path} is no GeoJSON of features with properties: {error}") from error
    elif path.suffix.lower() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            for batch in pq.ParquetFile(path).iter_batches():
                yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"cannot read {path}: {error}") from error
    else:
        table = open_table(path)
        for _, cells in table.rows():
            yield dict(zip(table.columns, cells, strict=True))


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} is not as expected: it should hold a JSON object")
    return content


def _cell(path: Path, row: Mapping[str, Any], column: str) -> Any:  # noqa: ANN401 (any value of a table)
    if row.get(column) is None:
        raise UsageError(f"{path}: a row has no {column}; its columns are {', '.join(map(str, row))}")
    return row[column]


def _fill(path: Path, pattern: str, row: Mapping[str, Any]) -> str:
    """A path with the cells of a row in it."""
    return re.sub(r"\{(\w+)\}", lambda column: str(_cell(path, row, column[1])), pattern)

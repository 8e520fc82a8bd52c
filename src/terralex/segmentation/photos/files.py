"""A folder of results: masks, overlays, a table, and COCO's JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pictures

from terralex.recognition.records import window_text
from terralex.runtime.errors import UsageError
from terralex.runtime.files import cannot_write, write_atomically
from terralex.runtime.rows import Columns, ColumnType, Row
from terralex.segmentation.photos.drawing import mask_png, overlay_jpeg, place_file
from terralex.segmentation.photos.records import Segmentation
from terralex.segmentation.photos.rle import as_rle, bounding_box

TABLE = "results.jsonl"
COCO = "coco.json"
_MASKS, _OVERLAYS = "masks", "overlays"
_AREA, _SCORE = "area:", "score:"


def photo_columns(names: Sequence[str], *, files: bool) -> Columns:
    """Columns of a table with a row a picture, and for each class its area and its score.

    Args:
        names: The classes.
        files: Whether masks and overlays are written.
    """
    kept: dict[str, ColumnType] = {"mask": str, "overlay": str} if files else {}
    classes: dict[str, ColumnType] = {kind + name: float for name in names for kind in (_AREA, _SCORE)}
    return (
        {"path": str, "window": str, "width": int, "height": int, "labels": str}
        | kept
        | classes
        | {"model": str, "notes": str, "error": str}
    )


def photo_row(found: Segmentation) -> dict[str, object]:
    """A row of `photo_columns`, without the files. Of a class that is not there the area is 0."""
    row: dict[str, object] = {
        "path": found.path,
        "window": window_text(found.window),
        "model": found.model,
        "notes": found.notes or None,
        "error": found.error,
    }
    if found.labels is None:
        return row
    height, width = found.labels.shape
    areas = {_AREA + name: 0.0 for name in found.names}
    for share in found.classes:
        areas |= {_AREA + share.label: share.area, _SCORE + share.label: share.score}
    told = "; ".join(f"{share.label} {share.area:.1%}" for share in found.classes)
    return {**row, "width": width, "height": height, "labels": told, **areas}


class PhotoFolder:
    """A folder of results.

    Attributes:
        table: The file of the table.

    Args:
        folder: The folder.
        inputs: All pictures of the run, by their paths.
        resume: Go on with a run that was cut short.
        overwrite: Replace what is there.

    Raises:
        UsageError: There are results of another run, and neither flag is given.
    """

    def __init__(self, folder: Path, inputs: Sequence[str], *, resume: bool, overwrite: bool) -> None:
        self.folder, self.table = folder, folder / TABLE
        self._stems = dict(zip(inputs, file_names(inputs), strict=True))
        kept = [folder / _MASKS, folder / _OVERLAYS, folder / COCO]
        there = [path for path in kept if path.is_file() or (path.is_dir() and any(path.iterdir()))]
        if there and not (overwrite or (resume and self.table.exists())):
            raise UsageError(f"{there[0]} exists: pass --overwrite to replace it, or name another folder")

    def write(self, found: Segmentation) -> Row:
        """Write the mask and the overlay of a picture, and return its row.

        Raises:
            TerralexError: They cannot be written.
        """
        row = photo_row(found)
        if found.labels is None:
            return row
        stem = self._stems[found.path]
        mask, overlay = Path(_MASKS, f"{stem}.png"), Path(_OVERLAYS, f"{stem}.jpg")
        self._write(mask, mask_png(found.labels, found.names))
        self._write(overlay, overlay_jpeg(found))
        if found.grid:
            self._write(mask.with_name(mask.name + ".aux.xml"), place_file(found.grid, found.names))
        return {**row, "mask": mask.as_posix(), "overlay": overlay.as_posix()}

    def write_coco(self, names: Sequence[str]) -> None:
        """Write `coco.json` from the table and the masks: an annotation for each class of each picture.

        Raises:
            TerralexError: It cannot be written.
        """
        target = self.folder / COCO
        draft = target.with_name(target.name + ".tmp")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write('{"categories": ')
                categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
                json.dump(categories, file, ensure_ascii=False)
                for key, entries in (("images", self._images()), ("annotations", self._annotations(names))):
                    file.write(f',\n"{key}": [')
                    for place, entry in enumerate(entries):
                        file.write((",\n" if place else "\n") + json.dumps(entry, ensure_ascii=False))
                    file.write("]")
                file.write("}\n")
            draft.replace(target)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise cannot_write(target, error) from error

    def _rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The pictures in the table that could be used, numbered from 1 on."""
        with self.table.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                if row["mask"]:
                    yield number, row

    def _images(self) -> Iterator[dict[str, object]]:
        for number, row in self._rows():
            yield {"id": number, "file_name": row["path"], "width": row["width"], "height": row["height"]}

    def _annotations(self, names: Sequence[str]) -> Iterator[dict[str, object]]:
        count = 0
        for number, row in self._rows():
            with Pictures.open(self.folder / row["mask"]) as picture:
                codes = np.asarray(picture)
            for code in np.unique(codes[codes > 0]).tolist():
                mask = codes == code
                count += 1
                yield {
                    "id": count,
                    "image_id": number,
                    "category_id": code,
                    "segmentation": as_rle(mask),
                    "area": int(mask.sum()),
                    "bbox": bounding_box(mask),
                    "iscrowd": 0,
                    "score": row[_SCORE + names[code - 1]],
                }

    def _write(self, relative: Path, content: bytes) -> None:
        path = self.folder / relative
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except OSError as error:
            raise cannot_write(path, error, "Put that right and go on with --resume") from error


def file_names(inputs: Sequence[str]) -> list[str]:
    """A name for the files of each input: its path below the folder that all share, without its ending.

    Where two would have one name, as `a.jpg` and `a.png` would, the later keeps its ending, and if that is
    not enough gets a number.
    """
    paths = [Path(os.path.abspath(path)) for path in inputs]
    root = os.path.commonpath([path.parent for path in paths]) if paths else ""
    taken: set[str] = set()
    names = []
    for path in paths:
        relative = path.relative_to(root)
        wanted = [relative.with_suffix("").as_posix(), relative.as_posix()]
        more = (f"{relative.as_posix()}-{n}" for n in range(2, len(paths) + 3))
        name = next(name for name in (*wanted, *more) if name.casefold() not in taken)
        taken.add(name.casefold())
        names.append(name)
    return names

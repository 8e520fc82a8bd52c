"""Groups of arrays in the Zarr format, version 2, without compression: a folder with a file for some rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError

CHUNK = 16384
"""Rows a file."""

_ABOUT = "terralex_map"

Array = tuple[str, np.dtype[Any], tuple[int, ...], Iterable[NDArray[Any]]]
"""A name, a dtype, a shape, and the rows in order, a part at a time."""


class ZarrArray:
    """An array in a folder, of which a slice of rows is read at a time.

    Attributes:
        shape: Of the whole.
        dtype: Of its values.

    Args:
        folder: Where it is.

    Raises:
        ValueError: It is no such array, or one of a kind that is not read here.
        OSError: It cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / ".zarray").read_bytes())
        self.shape = tuple(int(side) for side in about["shape"])
        self.dtype = np.dtype(about["dtype"])
        self._folder, self._chunk = folder, tuple(int(side) for side in about["chunks"])
        plain = about.get("compressor") is None and not about.get("filters") and about.get("order") == "C"
        whole_rows = self.shape and self._chunk[1:] == tuple(max(side, 1) for side in self.shape[1:])
        if about["zarr_format"] != 2 or not plain or not whole_rows or self.dtype.hasobject:
            raise ValueError(f"{folder.name}: only plain arrays in files of whole rows are read")
        if min(self.shape) < 0 or self._chunk[0] < 1:
            raise ValueError(f"{folder.name}: a shape of {self.shape}")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError("only neighbouring rows are read")
        found = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        size = self._chunk[0]
        for number in range(start // size, -(-stop // size)) if len(found) else ():
            first = number * size
            chunk = self._read(number)
            begin, end = max(start, first), min(stop, first + size)
            found[begin - start : end - start] = chunk[begin - first : end - first]
        return found

    def _read(self, number: int) -> NDArray[Any]:
        path = self._folder / _chunk_name(number, len(self.shape))
        shape = (self._chunk[0], *self.shape[1:])
        try:
            return np.fromfile(path, self.dtype).reshape(shape)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}, a part of the map, is gone or damaged: make the map again") from error


def write_group(folder: Path, about: str, arrays: Iterable[Array]) -> None:
    """Write arrays, and a text that says what they are, to a new folder. Raises `OSError` if it cannot."""
    folder.mkdir(parents=True)
    _write_json(folder / ".zgroup", {"zarr_format": 2})
    _write_json(folder / ".zattrs", {_ABOUT: json.loads(about)})
    for name, dtype, shape, parts in arrays:
        _write_array(folder / name, dtype, shape, parts)


def check_group(folder: Path) -> None:
    """Raise `UsageError` if a folder holds anything but a group that `write_group` wrote."""
    try:
        known = _ABOUT in json.loads((folder / ".zattrs").read_bytes())
    except (OSError, ValueError):
        known = False
    if not known:
        raise UsageError(f"{folder} is a folder that holds no map: it is not replaced, name another output")


def read_group(folder: Path, names: Sequence[str]) -> tuple[str, dict[str, ZarrArray]]:
    """The text and the arrays of a group. Raises `ValueError`, `KeyError` or `OSError` if there is none."""
    about = json.loads((folder / ".zattrs").read_bytes())[_ABOUT]
    return json.dumps(about), {name: ZarrArray(folder / name) for name in names}


def _write_array(
    folder: Path, dtype: np.dtype[Any], shape: tuple[int, ...], parts: Iterable[NDArray[Any]]
) -> None:
    folder.mkdir()
    chunk = (max(1, min(CHUNK, shape[0])), *shape[1:])
    settings = {
        "zarr_format": 2,
        "shape": shape,
        "chunks": [max(side, 1) for side in chunk],
        "dtype": dtype.str,
        "compressor": None,
        "fill_value": 0,
        "filters": None,
        "order": "C",
    }
    for number, rows in enumerate(_rechunked(parts, chunk, dtype)):
        rows.tofile(folder / _chunk_name(number, len(shape)))
    _write_json(folder / ".zarray", settings)


def _rechunked(
    parts: Iterable[NDArray[Any]], chunk: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    """The same rows in arrays of one size; the last is filled up with zeros."""
    held, filled = np.zeros(chunk, dtype), 0
    for part in parts:
        while len(part):
            taken = min(len(part), len(held) - filled)
            held[filled : filled + taken] = part[:taken]
            part, filled = part[taken:], filled + taken
            if filled == len(held):
                yield held
                held, filled = np.zeros(chunk, dtype), 0
    if filled:
        yield held


def _chunk_name(number: int, axes: int) -> str:
    return ".".join([str(number), *["0"] * (axes - 1)])


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")

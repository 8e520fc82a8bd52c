"""Maps under way: plain files of values on disk, of which any part can be written again."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.files import write_all


class Store:
    """Planes of values, one after the other, row by row; 0 where nothing was written.

    Unwritten parts take no room on disk where the file system knows holes.

    Args:
        path: The file; made if it is not there.
        dtype: Type of the values.
        planes: Number of planes.
        height: Rows.
        width: Columns.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], planes: int, height: int, width: int) -> None:
        self.path = path
        self.dtype = dtype
        self.planes, self.height, self.width = planes, height, width
        path.touch()
        self._file = path.open("r+b", buffering=0)
        self._file.truncate(planes * height * width * dtype.itemsize)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, column: int, row: int, values: NDArray[Any]) -> None:
        """Write values (planes, height, width) at a place; rows of nothing but 0 are left as they are."""
        for plane, rows in enumerate(values):
            for place in np.flatnonzero(rows.any(axis=1)).tolist():
                pixel = (plane * self.height + row + place) * self.width + column
                self._file.seek(pixel * self.dtype.itemsize)
                write_all(self._file, rows[place].tobytes())

    def read(self, plane: int, first: int, stop: int) -> NDArray[Any]:
        """Read whole rows of a plane, from `first` to before `stop`: (rows, width)."""
        self._file.seek((plane * self.height + first) * self.width * self.dtype.itemsize)
        content = bytearray((stop - first) * self.width * self.dtype.itemsize)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.readinto(rest) :]
        return np.frombuffer(content, self.dtype).reshape(stop - first, self.width)

    def flush(self) -> None:
        """Return once all that was written is on disk."""
        os.fsync(self._file.fileno())

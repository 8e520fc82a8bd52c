"""What a layout is, and what several have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.frames import files
from terralex.mapping.frames.frame import Intrinsics
from terralex.mapping.frames.recording import Listing
from terralex.runtime.errors import InputError


@dataclass(frozen=True)
class Layout:
    """A way in which people keep recordings.

    Attributes:
        name: What the command line calls it.
        marks: The files by which it is known, for people.
        recognises: Whether a folder is a recording in this layout.
        list: What is in such a folder. Raises `InputError` if a file that all frames need cannot be read.
    """

    name: str
    marks: str
    recognises: Callable[[Path], bool]
    list: Callable[[Path], Listing]


def camera_of(matrix: NDArray[np.float64], path: Path) -> Intrinsics:
    """The camera with a matrix K, (3, 3) or (4, 4).

    Raises:
        InputError: It is no camera matrix.
    """
    return checked(Intrinsics(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]), path)


def checked(camera: Intrinsics, path: Path) -> Intrinsics:
    """A camera that a file holds, if it can be one.

    Raises:
        InputError: A focal length is not positive, or a number is not finite.
    """
    numbers = [float(value) for value in (camera.fx, camera.fy, camera.cx, camera.cy)]
    if not np.isfinite(numbers).all() or min(numbers[:2]) <= 0:
        shown = " ".join(f"{value:g}" for value in numbers)
        raise InputError(f"{path}: is no camera: fx, fy, cx and cy are {shown}")
    return Intrinsics(*numbers)


def read_trajectory(path: Path) -> list[NDArray[np.float64]]:
    """Poses, one a line of 16 numbers, row by row.

    Raises:
        InputError: The file cannot be read, or a line has another number of values.
    """
    return [files.to_numbers(words, path, line).reshape(4, 4) for line, words in files.read_rows(path, [16])]


def first_file(candidates: Iterable[Path], what: str) -> Path:
    """The first of some files that is there.

    Raises:
        InputError: None is; the message says where `what` should be.
    """
    tried = list(dict.fromkeys(candidates))
    if found := next((path for path in tried if path.is_file()), None):
        return found
    raise InputError(f"{tried[0]}: no such file, which should hold {what}")

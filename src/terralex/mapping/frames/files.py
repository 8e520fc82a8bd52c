"""The files that recordings are made of: pictures, depth maps, matrices, tables of poses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from terralex.imagery import read_image
from terralex.runtime.errors import InputError

PICTURES = (".jpg", ".jpeg", ".png")
"""Endings of colour pictures, in lower case."""

SATURATED = 65535
"""What sensors write where they measured nothing, and what a depth too great for 16 bits becomes."""

MOST_PIXELS = 100_000_000
"""In a depth map; more is taken for a damaged file."""


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """A colour picture, uint8 (H, W, 3), as it is stored.

    Its EXIF orientation does not count: the camera's intrinsics and the depth map refer to the stored pixels.

    Raises:
        InputError: It cannot be read.
    """
    image = read_image(path, upright=False).select(("red", "green", "blue"))
    if image.units != "8bit":
        raise InputError(f"{path}: is no picture of 8 bits a colour")
    return np.ascontiguousarray(image.pixels.transpose(1, 2, 0), np.uint8)


def read_depth(path: Path, per_metre: float) -> NDArray[np.float32]:
    """A depth map in metres, float32 (H, W); NaN where it holds 0 or 65535, which mean that nothing is known.

    Args:
        path: A PNG of whole numbers.
        per_metre: How many of its units make a metre.

    Raises:
        InputError: It cannot be read.
    """
    values = read_numbers(path, "a depth map")
    unknown = (values <= 0) | (values == SATURATED)
    return np.where(unknown, np.float32(np.nan), (values / per_metre).astype(np.float32))


def read_confidence(path: Path) -> NDArray[np.float32]:
    """How sure each depth is, float32 (H, W): the largest number that the PNG has room for stands for 1.

    Raises:
        InputError: It cannot be read.
    """
    values = _read_png(path, "a confidence map")
    return (values / np.float32(255 if values.dtype == np.uint8 else 65535)).astype(np.float32)


def read_numbers(path: Path, what: str) -> NDArray[np.int32]:
    """The whole numbers in a PNG of one channel, int32 (H, W).

    Args:
        path: The file.
        what: It should be, for messages.

    Raises:
        InputError: It cannot be read, or has colours.
    """
    return _read_png(path, what).astype(np.int32)


def _read_png(path: Path, what: str) -> NDArray[np.integer]:
    try:
        with PIL.Image.open(path, formats=("PNG",)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise InputError(f"{path}: {picture.width} x {picture.height} pixels are too many for {what}")
            values = np.asarray(picture)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, which should be {what}") from None
    except InputError:
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise InputError(f"{path}: cannot be read as {what} (PNG): {error}") from error
    if values.ndim != 2 or values.dtype == np.bool_:
        raise InputError(f"{path}: is not {what}, which has one number a pixel")
    return values


def read_text(path: Path) -> str:
    """A text file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def read_json(path: Path) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        InputError: It is none.
    """
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: should hold names with values, as in {{...}}")
    return content


def number(content: Mapping[str, Any], key: str, path: Path) -> float:
    """A number from a JSON object.

    Raises:
        InputError: It is not there, or is none.
    """
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{path}: {key!r} should be a number, and is {json.dumps(value)}")
    return float(value)


def picture_size(content: Mapping[str, Any], path: Path) -> tuple[int, int] | None:
    """Height and width from "h" and "w" of a JSON object; None if it does not say.

    Raises:
        InputError: One is no number, or less than 1.
    """
    if not {"h", "w"} <= content.keys():
        return None
    height, width = (number(content, key, path) for key in "hw")
    if not (1 <= height < MOST_PIXELS and 1 <= width < MOST_PIXELS):
        raise InputError(f"{path}: no picture is {width:g} pixels wide and {height:g} high")
    return int(height), int(width)


def read_rows(path: Path, columns: Iterable[int]) -> Iterator[tuple[int, list[str]]]:
    """The words of each line with the line's number; empty lines and those that begin with # are left out.

    Args:
        path: The file.
        columns: How many words a line may have.

    Raises:
        InputError: The file cannot be read, or a line has more words or fewer.
    """
    allowed = tuple(columns)
    for line, text in enumerate(read_text(path).splitlines(), 1):
        words = text.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) not in allowed:
            wanted = " or ".join(map(str, allowed))
            raise InputError(f"{path}: line {line} has {len(words)} values, and should have {wanted}")
        yield line, words


def to_numbers(words: list[str], path: Path, line: int) -> NDArray[np.float64]:
    """The words of a line as numbers; "nan", "inf" and "-inf" are some.

    Raises:
        InputError: One is none.
    """
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise InputError(f"{path}: line {line}: {error}") from error


def read_matrix(path: Path, rows: int, columns: int) -> NDArray[np.float64]:
    """A matrix, its rows in the lines of a text file.

    Raises:
        InputError: The file cannot be read, or holds another number of values.
    """
    values = [to_numbers(words, path, line) for line, words in read_rows(path, range(1, rows * columns + 1))]
    flat = np.concatenate(values) if values else np.empty(0)
    if flat.size != rows * columns:
        raise InputError(f"{path}: holds {flat.size} numbers, and should hold a {rows} x {columns} matrix")
    return flat.reshape(rows, columns)


def inside(folder: Path, name: str, manifest: Path) -> Path:
    """The file that a manifest names, which must be below a folder.

    Raises:
        InputError: It is elsewhere.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{manifest}: names {name!r}, which is outside {folder}")
    return path


def by_stem(folder: Path, endings: tuple[str, ...] = PICTURES, prefix: str = "") -> dict[str, Path]:
    """The files of a folder by their names, less prefix and ending.

    Args:
        folder: Of the files; one that is not there has none.
        endings: Those that count, in lower case.
        prefix: What the names begin with.
    """
    if not folder.is_dir():
        return {}
    return {
        path.name[len(prefix) : -len(ending)]: path
        for path in folder.iterdir()
        for ending in endings
        if path.name.startswith(prefix) and path.name.lower().endswith(ending)
    }

"""Labelled points of a scene, from files of tensors or PLY files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import InputError

POINT_FILES = ("external_semseg_gt.pt", "external_semseg_gt.ply")
"""Names by which labelled points of a scene are looked for."""

_TENSORS = (("semseg_gt_xyz", "semseg_gt_label"), ("vtx_coords", "vtx_labels"))
"""Names of points and labels in `.pt` files: RayFronts', and those that ScanNet++'s tools write."""

_FROM_ONE = "vtx_labels"  # these count classes from 0, where lists of classes count from 1

_PLY_TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "int16": "i2",
    "ushort": "u2",
    "uint16": "u2",
    "int": "i4",
    "int32": "i4",
    "uint": "u4",
    "uint32": "u4",
    "float": "f4",
    "float32": "f4",
    "double": "f8",
    "float64": "f8",
}
_FORMATS: dict[str, Literal["<", ">", "="]] = {
    "binary_little_endian": "<",
    "binary_big_endian": ">",
    "ascii": "=",
}
_MOST_LINES = 1000  # of a header


def read_points(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points and the numbers of their classes.

    Args:
        path: A `.pt` file of tensors, or a `.ply` file whose vertices have a property "label".

    Returns:
        float32 (P, 3), metres, and int64 (P,).

    Raises:
        InputError: It is no such file.
    """
    points, labels = _read_ply(path) if path.suffix.lower() == ".ply" else _read_tensors(path)
    if points.ndim != 2 or points.shape[1] != 3 or labels.shape != (len(points),):
        shapes = f"{points.shape} and {labels.shape}"
        raise InputError(f"{path}: should hold P x 3 coordinates and P labels, and holds {shapes}")
    if not len(points):
        raise InputError(f"{path}: holds no points")
    if not np.isfinite(points).all():
        raise InputError(f"{path}: has points that are not finite")
    return points.astype(np.float32), labels.astype(np.int64)


def _read_tensors(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:  # torch raises many kinds, with pages of advice
        raise InputError(
            f"{path}: is no file of tensors alone, as torch.save writes a dict of them"
        ) from error
    if isinstance(content, dict):
        for points, labels in _TENSORS:
            if isinstance(content.get(points), torch.Tensor) and isinstance(
                content.get(labels), torch.Tensor
            ):
                numbers = content[labels].long().numpy() + (labels == _FROM_ONE)
                return content[points].float().numpy(), numbers
    wanted = " or ".join(f"{points} and {labels}" for points, labels in _TENSORS)
    raise InputError(f"{path}: should hold the tensors {wanted}")


def _read_ply(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        form, count, types, start = _read_header(content)
        dtype = np.dtype([(name, kind) for name, kind in types])
        if form == "=":
            lines = content[start:].decode("ascii").split("\n")[:count]
            table = np.array([tuple(line.split()) for line in lines], dtype)
        else:
            table = np.frombuffer(content, dtype.newbyteorder(form), count, start)
    except (ValueError, KeyError, IndexError, StopIteration, TypeError) as error:
        raise InputError(f"{path}: cannot be read as a PLY file: {error}") from error
    names = table.dtype.names or ()
    if missing := [name for name in ("x", "y", "z", "label") if name not in names]:
        raise InputError(f"{path}: its vertices have no property {missing[0]!r}")
    if len(table) != count:
        raise InputError(f"{path}: has {len(table)} of {count} vertices")
    return np.stack([table[axis] for axis in "xyz"], -1), table["label"]


def _read_header(content: bytes) -> tuple[Literal["<", ">", "="], int, list[tuple[str, str]], int]:
    """The form, the number of vertices, their properties, and where they begin."""
    if not content.startswith(b"ply"):
        raise ValueError("it does not begin with 'ply'")
    end = content.index(b"\n", content.index(b"end_header")) + 1
    lines = [line.split() for line in content[:end].decode("ascii").splitlines()[:_MOST_LINES]]
    form = next(words[1] for words in lines if words[:1] == ["format"])
    elements = [place for place, words in enumerate(lines) if words[:1] == ["element"]]
    if lines[elements[0]][1] != "vertex":
        raise ValueError("its first element is not its vertices")
    count = int(lines[elements[0]][2])
    last = elements[1] if len(elements) > 1 else len(lines)
    properties = [words for words in lines[elements[0] : last] if words[:1] == ["property"]]
    return _FORMATS[form], count, [(words[2], _PLY_TYPES[words[1]]) for words in properties], end

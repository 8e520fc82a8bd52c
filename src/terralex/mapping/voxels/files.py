"""Maps as files: ``.npz`` for numpy, and ``.zarr``, a folder of parts. Neither can hold code."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from terralex.mapping.voxels import zarr
from terralex.mapping.voxels.map import MapInfo, VoxelMap
from terralex.runtime.errors import UsageError

ENDINGS = (".npz", ".zarr")

_INFO = "info"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # no time of day: the same map gives the same bytes
_KINDS: dict[str, tuple[tuple[str, ...], tuple[int | None, ...]]] = {
    "keys": (("int64",), (None,)),
    "counts": (("int64",), (None,)),
    "colours": (("uint8",), (None, 3)),
    "features": (("float16", "float32"), (None, None)),
}


@dataclass(frozen=True)
class Column:
    """One array of a map, on its way into a file.

    Attributes:
        name: What it is called.
        dtype: Of its values.
        shape: Of the whole.
        parts: Its rows, in order, a part at a time; can be called again.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    parts: Callable[[], Iterable[NDArray[Any]]]

    @classmethod
    def of(cls, name: str, array: NDArray[Any]) -> Column:
        """An array that is in memory."""
        return cls(name, array.dtype, array.shape, lambda: [array])

    def empty(self) -> NDArray[Any]:
        """None of its rows."""
        return np.zeros((0, *self.shape[1:]), self.dtype)


def check_map_name(path: Path) -> None:
    """Raise `UsageError` if a map cannot be kept under this name."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: a map is kept in a file that ends in {' or '.join(ENDINGS)}")


def write_map(path: Path, info: MapInfo, columns: Iterable[Column]) -> None:
    """Write a map; the file appears in one step.

    Raises:
        UsageError: The ending is none of `ENDINGS`.
        OSError: It cannot be written.
    """
    check_map_name(path)
    draft = path.with_name(path.name + ".tmp")
    _remove(draft)
    try:
        if path.suffix.lower() == ".npz":
            _write_npz(draft, info, columns)
        else:
            zarr.write_group(draft, info.to_json(), ((c.name, c.dtype, c.shape, c.parts()) for c in columns))
            if path.is_dir():
                zarr.check_group(path)
                shutil.rmtree(path)
        draft.replace(path)
    except BaseException:
        _remove(draft)
        raise


def save_map(voxels: VoxelMap, path: Path) -> None:
    """Write a map that is in memory, as `write_map`."""
    arrays = ((name, np.asarray(getattr(voxels, name)[:])) for name in _KINDS)
    write_map(path, voxels.info, [Column.of(name, array) for name, array in arrays])


def load_map(path: str | PathLike[str]) -> VoxelMap:
    """Read a map. Its features stay in the file until they are used.

    Raises:
        UsageError: There is no such file, or it is no map, or damaged.
    """
    path = Path(path)
    check_map_name(path)
    if not path.exists():
        raise UsageError(f"{path}: no such file")
    try:
        if path.suffix.lower() == ".npz":
            text, arrays = _read_npz(path)
        else:
            text, arrays = zarr.read_group(path, tuple(_KINDS))
        info = MapInfo.from_json(text)
        _check(arrays, info)
        held = {name: arrays[name][:] for name in ("keys", "counts", "colours")}
        _check_values(held)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is no map that `terralex map` wrote, or is damaged: {error}") from error
    return VoxelMap(info, features=arrays["features"], **held)


def _check(arrays: dict[str, Any], info: MapInfo) -> None:
    rows = len(arrays["keys"])
    for name, (dtypes, shape) in _KINDS.items():
        array = arrays[name]
        fits = len(array.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if str(array.dtype) not in dtypes or not fits or len(array) != rows:
            raise ValueError(f"{name} are {array.dtype} {array.shape}")
    if info.labels and arrays["features"].shape[1] != len(info.labels):
        raise ValueError(f"{arrays['features'].shape[1]} probabilities for {len(info.labels)} labels")


def _check_values(held: dict[str, NDArray[Any]]) -> None:
    keys = held["keys"]
    if len(keys) and (keys[0] < 0 or (np.diff(keys) <= 0).any()):
        raise ValueError("its voxels are not in order")
    if (held["counts"] < 1).any():
        raise ValueError("a voxel without points")


def _write_npz(path: Path, info: MapInfo, columns: Iterable[Column]) -> None:
    told = np.array(info.to_json())
    with zipfile.ZipFile(path, "w") as archive:
        for column in (Column.of(_INFO, told), *columns):
            entry = zipfile.ZipInfo(f"{column.name}.npy", _EPOCH)
            with archive.open(entry, "w", force_zip64=True) as file:
                header = {
                    "descr": npy.dtype_to_descr(column.dtype),
                    "fortran_order": False,
                    "shape": column.shape,
                }
                npy.write_array_header_1_0(file, header)
                for part in column.parts():
                    file.write(np.ascontiguousarray(part, column.dtype).tobytes())


def _read_npz(path: Path) -> tuple[str, dict[str, Any]]:
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        text = str(archive[_INFO])
        arrays = {name: archive[name] for name in _KINDS if name != "features"}
        mapped = _mapped(path, "features.npy")
        arrays["features"] = archive["features"] if mapped is None else mapped
    return text, arrays


def _mapped(path: Path, name: str) -> NDArray[Any] | None:
    """An array of an archive, left in the file; None if it is compressed."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        entry = archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED:
            return None
        file.seek(entry.header_offset + 26)
        lengths = np.frombuffer(file.read(4), "<u2")
        file.seek(int(lengths.sum()), 1)
        start = file.tell()
        if npy.read_magic(file) != (1, 0):
            return None
        shape, fortran, dtype = npy.read_array_header_1_0(file)
        if fortran or dtype.hasobject or 0 in shape:
            return None
        if int(np.prod(shape)) * dtype.itemsize != entry.file_size - (file.tell() - start):
            raise ValueError(f"{name} is not as long as it says")
        return np.memmap(path, dtype, "r", file.tell(), shape)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

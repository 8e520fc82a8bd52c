"""SSL4EO-S12 v1.1 with captions: `S2L2A/*.zarr.zip` of 64 places in four seasons, and tables of captions.

"SSL4EO-S12 v1.1: A Multimodal, Multiseasonal Dataset for Pretraining", Blumenstiel et al. 2025 (arXiv
2503.00168). A file's variables are `bands` (sample, time, band, y, x), int16, and `band` and `sample`, the
names; its digital numbers carry the offset of 1000. Captions are those of Llama3-SSL4EO-S12-v1.1-captions:
tables with `sample_id`, `time_id` and `caption`, as CSV files named like the zarr files, or as Parquet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from terralex.imagery import Bands, Image, Units
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.inputs import natural_key
from terralex.training.captioned.table import read_columns
from terralex.training.shuffling import BUFFER, shuffled_groups

FOLDER, SENSOR = "S2L2A", "sentinel-2-l2a"
TABLES = (".csv", ".parquet")

_COMPRESSORS = ("blosc", "zstd", "zlib", "gzip", "lz4", "bz2", "lzma")
_THREADS = 16  # that look into the files: on a network's file system most of the time is waiting
_KEPT = 2**30  # bytes of decoded blocks in memory
_MOST_BLOCK = 2**30  # bytes of a block; more is no file of this kind


@dataclass(frozen=True)
class _File:
    """What a zarr file holds: its places' names, its bands, and how many places lie in one block."""

    path: Path
    samples: tuple[str, ...]
    bands: tuple[str, ...]
    times: int
    block: int
    block_bytes: int


class Ssl4eo:
    """The pictures of a split that have a caption; those without one are left out.

    A file keeps the pictures of a season in blocks that are decoded as a whole. Blocks are shuffled over all
    files and seasons, then pictures within those few blocks that memory holds (1 GiB).

    Args:
        folder: Of a split, such as `train`: has `S2L2A` and, unless they are elsewhere, `captions`.
        captions: A table of captions, or a folder of such tables.
        units: Of the digital numbers.

    Raises:
        UsageError: There are no such files, one is of another kind or damaged, or no picture has a caption.
    """

    def __init__(self, folder: Path, captions: Path | None = None, units: Units = "dn+1000") -> None:
        paths = sorted((folder / FOLDER).glob("*.zarr.zip"), key=lambda path: natural_key(path.name))
        if not paths:
            raise UsageError(f"{folder / FOLDER} holds no .zarr.zip files: SSL4EO-S12 v1.1 is read there")
        with ThreadPoolExecutor(_THREADS) as pool:
            self._files = list(pool.map(_look, paths))
        self.units = units
        self._places, self._captions = self._join(captions or folder / "captions")
        keys = self._block_keys()
        self._starts = np.flatnonzero(np.diff(keys, axis=0, prepend=-1).any(axis=1)).tolist()
        self._starts.append(len(keys))
        self._blocks = _Blocks()

    def __len__(self) -> int:
        return len(self._places)

    def name(self, index: int) -> str:
        """See `CaptionedPictures`."""
        file, row, time = self._places[index].tolist()
        found = self._files[file]
        return f"{found.path}, sample {found.samples[row]}, time {time}"

    def caption(self, index: int) -> str:
        """See `CaptionedPictures`."""
        text: str = self._captions[index].as_py()
        return text

    def read(self, index: int) -> Image:
        """See `CaptionedPictures`."""
        number, row, time = self._places[index].tolist()
        file = self._files[number]
        first = row - row % file.block
        try:
            block = self._blocks.get((number, time, first), file)
        except Exception as error:  # readers of damaged files raise nearly anything
            raise InputError(f"{self.name(index)}: cannot be read: {error}") from None
        pixels = block[row - first]
        valid = pixels.any(axis=0)  # zero in all bands is Sentinel-2's nodata, and a block that is not there
        bands = Bands(file.bands, SENSOR)
        return Image(pixels, bands, self.units, valid=valid, source=self.name(index))

    def order(self, epoch: int, seed: int) -> NDArray[np.int32]:
        """See `CaptionedPictures`: blocks of all files and seasons are shuffled, then their pictures."""
        together = max(file.block for file in self._files)
        fit = max(1, _KEPT // max(file.block_bytes for file in self._files))
        return shuffled_groups(self._starts, BUFFER if together == 1 else fit * together, seed, epoch)

    def _join(self, captions: Path) -> tuple[NDArray[np.int32], pa.ChunkedArray]:
        """File, row and time of each picture that has a caption, in the order of files; and the captions."""
        width = max((len(name) for file in self._files for name in file.samples), default=0)
        where = {
            name.zfill(width): (k, row)
            for k, file in enumerate(self._files)
            for row, name in enumerate(file.samples)
        }
        places, texts = [], []
        for table in _tables(captions):
            samples, times, told = read_columns(table, ("sample_id", "time_id", "caption"))
            rows = list(zip(samples.to_pylist(), times.to_pylist(), strict=True))
            found = [_find(where, name.zfill(width), time, table) for name, time in rows]
            kept = [place is not None and place[2] < self._files[place[0]].times for place in found]
            places += [place for place, keep in zip(found, kept, strict=True) if keep]
            texts.append(told.filter(pa.array(kept, pa.bool_())))
        if not places:
            count = len(self._files)
            raise UsageError(f"{captions}: no sample_id with its time_id is in the {count} files of pictures")
        all_places = np.array(places, np.int32)
        blocks = np.array([file.block for file in self._files], np.int32)
        file, row, time = all_places.T
        order = np.lexsort((row, row // blocks[file], time, file))
        chunks = [chunk for text in texts for chunk in text.chunks]
        return all_places[order], pa.chunked_array(chunks, pa.string()).take(pa.array(order)).combine_chunks()

    def _block_keys(self) -> NDArray[np.int32]:
        """(N, 3): file, time and block of each picture."""
        file, row, time = self._places.T
        blocks = np.array([found.block for found in self._files], np.int32)
        return np.stack([file, time, row // blocks[file]], axis=1)


class _Blocks:
    """Decoded blocks that were read last; several threads that want one wait for one of them to decode it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, int], NDArray[np.int16]] = OrderedDict()
        self._lock, self._locks = Lock(), [Lock() for _ in range(64)]

    def get(self, key: tuple[int, int, int], file: _File) -> NDArray[np.int16]:
        """(places, bands, height, width) of a block."""
        with self._locks[hash(key) % len(self._locks)]:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
            _, time, first = key
            with _opened(file.path) as group:
                block = np.asarray(group["bands"][first : first + file.block, time])
            if file.block > 1:  # else nobody asks for it again
                with self._lock:
                    self._kept[key] = block
                    while len(self._kept) > max(1, _KEPT // file.block_bytes):
                        self._kept.popitem(last=False)
            return block


def _look(path: Path) -> _File:
    """Read what a file says of itself, and refuse what is not as published."""
    try:
        with _opened(path) as group:
            bands, names = group["bands"], group["band"]
            if bands.ndim != 5 or bands.dtype != np.int16:
                raise ValueError(f"its bands are {bands.dtype} of {bands.ndim} dimensions")
            samples = tuple(str(name) for name in group["sample"][:])
            known = tuple(str(name) for name in names[:])
            if (len(samples), len(known)) != (bands.shape[0], bands.shape[2]):
                raise ValueError("its names do not fit its bands")
            size = int(bands.chunks[0] * np.prod(bands.shape[2:]) * bands.dtype.itemsize)
            if size > _MOST_BLOCK:
                raise ValueError("its blocks are too large")
            Bands(known, SENSOR)
            return _File(path, samples, known, bands.shape[1], bands.chunks[0], size)
    except Exception as error:  # as in `Ssl4eo.read`
        raise UsageError(f"{path} is no file of SSL4EO-S12 v1.1, or damaged: {error}") from None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A zarr file, whose arrays are checked to be numbers or texts that no code is run for."""
    import zarr
    import zarr.storage

    store = zarr.storage.ZipStore(path, mode="r")
    group = zarr.open_group(store, mode="r", zarr_format=2)
    try:
        for name in ("bands", "band", "sample"):
            _refuse_code(name, group[name])
        yield group
    finally:
        store.close()


def _refuse_code(name: str, array: Any) -> None:  # noqa: ANN401 (zarr's array)
    """Refuse arrays of objects, and filters and compressors, of which some unpickle what they read."""
    compressor = array.metadata.compressor
    plain = compressor is None or compressor.codec_id in _COMPRESSORS
    if array.dtype.kind not in "iuU" or array.metadata.filters or not plain:
        raise ValueError(f"{name} is neither plain numbers nor plain text")


def _tables(captions: Path) -> list[Path]:
    if captions.is_file():
        return [captions]
    found = sorted(
        (path for path in captions.glob("*") if path.suffix.lower() in TABLES),
        key=lambda path: natural_key(path.name),
    )
    if not found:
        raise UsageError(f"{captions} holds no captions: .csv or .parquet tables are read there")
    if twice := [
        path for path in found if path.suffix.lower() == ".csv" and path.with_suffix(".parquet") in found
    ]:
        raise UsageError(f"{twice[0]} stands there as .parquet too: keep one of them, or name it")
    return found


def _find(
    where: dict[str, tuple[int, int]], name: str, time: str, table: Path
) -> tuple[int, int, int] | None:
    if not time.isdecimal():
        raise UsageError(f"{table}: time_id must be a whole number from 0, not {time!r}")
    place = where.get(name)
    return (*place, int(time)) if place else None

"""Captioned pictures in webdataset shards: `KEY.tif` with `KEY.txt`, or with a `caption` in `KEY.json`."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import IMAGE_EXTENSIONS, Image, Units, read_image
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.inputs import natural_key
from terralex.training.shuffling import BUFFER, shuffled_groups
from terralex.training.tars import Parts, kept_index, samples

_VERSION = "1"  # of the kept index
_MOST_TEXT = 2**20  # bytes of a caption's file; more is none


@dataclass(frozen=True)
class _Index:
    """Where the samples of a shard are, in its order.

    Attributes:
        pictures: int64 (n, 2), where each picture begins in the file, and how many bytes it has.
        captions: int64 (n, 2), likewise.
        endings: (n,), what the name of each picture ends with.
        in_json: bool (n,), whether the caption is in a `.json`.
    """

    pictures: NDArray[np.int64]
    captions: NDArray[np.int64]
    endings: NDArray[np.str_]
    in_json: NDArray[np.bool_]


class CaptionedShards:
    """Pictures in tar files, each found by its offset, so that any of them can be read at once.

    Every shard is gone through once, headers alone; what was found is kept in the cache folder. Samples
    without a picture or a caption are left out.

    Args:
        folder: Every `.tar` in it counts.
        bands: Of files that do not say.
        units: Of files that do not say.

    Raises:
        UsageError: There are no shards, one is damaged or cut short, or none has a captioned picture.
    """

    def __init__(self, folder: Path, *, bands: str | None = None, units: Units | None = None) -> None:
        self.paths = sorted(folder.glob("*.tar"), key=lambda path: natural_key(path.name))
        if not self.paths:
            raise UsageError(f"{folder} holds no shards: .tar files of captioned pictures are read there")
        self._bands, self._units = bands, units
        self._shards = [_index(path) for path in self.paths]
        self._starts = np.cumsum([0, *(len(shard.pictures) for shard in self._shards)])
        if not len(self):
            raise UsageError(f"{folder}: no sample has a picture, and a .txt or a .json with its caption")

    def __len__(self) -> int:
        return int(self._starts[-1])

    def name(self, index: int) -> str:
        """See `CaptionedPictures`."""
        shard, place = self._place(index)
        return f"{self.paths[shard]}, sample {place + 1}"

    def caption(self, index: int) -> str:
        """See `CaptionedPictures`."""
        shard, place = self._place(index)
        content = self._bytes(index, shard, self._shards[shard].captions[place])
        try:
            text = json.loads(content)["caption"] if self._shards[shard].in_json[place] else content.decode()
            words = text.split()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{self.name(index)}: its caption cannot be read: {error}") from None
        if not words:
            raise InputError(f"{self.name(index)}: its caption is empty")
        return " ".join(words)

    def read(self, index: int) -> Image:
        """See `CaptionedPictures`."""
        self.caption(index)  # a picture whose caption is damaged has none to be compared with
        shard, place = self._place(index)
        found = self._shards[shard]
        content = self._bytes(index, shard, found.pictures[place])
        # Readers of images want a file: what its bytes mean is decided there, for every kind alike.
        with tempfile.NamedTemporaryFile(suffix=str(found.endings[place])) as file:
            file.write(content)
            file.flush()
            try:
                return read_image(file.name, bands=self._bands, units=self._units)
            except InputError as error:
                raise InputError(str(error).replace(file.name, self.name(index))) from None

    def order(self, epoch: int, seed: int) -> NDArray[np.int32]:
        """See `CaptionedPictures`: shards are shuffled, then pictures within each few of them."""
        return shuffled_groups(self._starts.tolist(), BUFFER, seed, epoch)

    def _place(self, index: int) -> tuple[int, int]:
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return shard, int(index - self._starts[shard])

    def _bytes(self, index: int, shard: int, where: NDArray[np.int64]) -> bytes:
        offset, size = where.tolist()
        try:
            with self.paths[shard].open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise InputError(f"{self.name(index)}: cannot be read: {error.strerror}") from None


def _index(path: Path) -> _Index:
    """The index of a shard, from the cache if the file is as it was."""
    return kept_index(path, ("captions", _VERSION), build=_build, dump=_dump, load=_load)


def _dump(index: _Index) -> bytes:
    content = io.BytesIO()
    np.savez(content, **vars(index))
    return content.getvalue()


def _load(path: Path) -> _Index:
    with np.load(path, allow_pickle=False) as arrays:
        return _Index(**{field.name: arrays[field.name] for field in fields(_Index)})


def _build(path: Path) -> _Index:
    rows = []
    try:
        with path.open("rb") as file:
            for _, parts in samples(file):
                picture = next((ending for ending in parts if ending in IMAGE_EXTENSIONS), None)
                caption = _caption_ending(parts)
                if picture and caption:
                    rows.append((_where(parts, picture), _where(parts, caption), picture, caption == ".json"))
    except (tarfile.TarError, OSError) as error:
        raise UsageError(f"{path} is cut short or no tar file ({error}): copy or make it again") from None
    pictures, captions, endings, in_json = zip(*rows, strict=True) if rows else ([], [], [], [])
    return _Index(
        np.array(pictures, np.int64).reshape(-1, 2),
        np.array(captions, np.int64).reshape(-1, 2),
        np.array(endings, np.str_),
        np.array(in_json, np.bool_),
    )


def _caption_ending(parts: Parts) -> str | None:
    return next((end for end in (".txt", ".json") if end in parts and parts[end].size <= _MOST_TEXT), None)


def _where(parts: Parts, ending: str) -> tuple[int, int]:
    return parts[ending].offset_data, parts[ending].size

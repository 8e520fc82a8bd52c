"""Pictures of a tree of life that stay on disk: read as they are needed, each once an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import chain
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from terralex.runtime.errors import InputError, TerralexError
from terralex.taxonomy import Taxonomy
from terralex.training.treeoflife import TreePictures

_TRIES = 20  # pictures of a species that are tried before a grey one stands in
_FEW = 4  # grey pictures of a batch that are no reason to stop, however small the batch is


class Ordered(Protocol):
    """Pictures that an epoch takes in an order of its own."""

    def __len__(self) -> int:
        """Number of pictures, N."""

    def order(self, epoch: int, seed: int) -> NDArray[np.integer[Any]]:
        """(N,): every picture once, in the order in which an epoch takes them."""


class Epochs:
    """Which pictures a step takes: the batches of an epoch together hold each picture once."""

    def __init__(self, pictures: Ordered, seed: int) -> None:
        self._pictures, self._seed = pictures, seed
        self._epoch = -1
        self._order: NDArray[np.integer[Any]] = np.empty(0, np.int32)

    def choose(self, step: int, count: int) -> NDArray[np.int64]:
        """The pictures of a step, by their numbers."""
        positions = np.arange(step * count, (step + 1) * count, dtype=np.int64)
        epochs, places = np.divmod(positions, len(self._pictures))
        chosen = np.empty(count, np.int64)
        for epoch in np.unique(epochs).tolist():
            own = epochs == epoch
            chosen[own] = self._order_of(epoch)[places[own]]
        return chosen

    def _order_of(self, epoch: int) -> NDArray[np.integer[Any]]:
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._pictures.order(epoch, self._seed)
        return self._order


def check_readable(reasons: Sequence[str], count: int, otherwise: str = "") -> None:
    """Stop where most pictures of a batch cannot be read: a disk that is gone would teach nothing.

    Args:
        reasons: why each of those could not be read.
        count: pictures of the batch.
        otherwise: what did not help.

    Raises:
        TerralexError: they are too many.
    """
    if len(reasons) > max(count / 2, _FEW):
        raise TerralexError(
            f"{len(reasons)} of {count} pictures of a batch cannot be read{otherwise} ({reasons[0]}): "
            "see that the data is there and whole, and go on with --resume"
        )


class StreamedPictures:
    """A `Source` on disk. A step's pictures depend on the seed and the step alone.

    In place of a damaged picture comes another one of its species, so that its names still hold; where no
    other can be read either, a grey one. One bad file stops nothing, but a disk that is gone does.

    Args:
        pictures: what is read.
        size: height and width that pictures are squashed to.
        channels: where red, green and blue stand in the model's input.
        gain: what one of 255 steps is in the units of the model's means.
        share: the part of each batch that this source gives.
        seed: of the order.
        workers: threads that read.

    Attributes:
        damaged: the pictures that could not be read, and why.
    """

    upright, captions = True, None

    def __init__(
        self,
        pictures: TreePictures,
        *,
        size: int,
        channels: tuple[int, ...],
        gain: float,
        share: float,
        seed: int,
        workers: int,
    ) -> None:
        self.taxonomy: Taxonomy | None = pictures.taxonomy
        self.channels, self.gain, self.share = channels, gain, share
        self.damaged: dict[str, str] = {}
        self._pictures, self._size, self._epochs = pictures, size, Epochs(pictures, seed)
        self._pool = ThreadPoolExecutor(max(1, workers), "pictures")

    def choose(self, step: int, count: int, generator: torch.Generator) -> NDArray[np.int64]:
        """See `Source`. The batches of an epoch together hold each picture once."""
        return self._epochs.choose(step, count)

    def labels(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Source`."""
        return self._pictures.leaves[chosen].astype(np.int64)

    def pixels(self, chosen: NDArray[np.int64]) -> Tensor:
        """See `Source`.

        Raises:
            TerralexError: most of them are grey.
        """
        read = list(self._pool.map(self._read, chosen.tolist()))
        grey = [index for index, picture in zip(chosen.tolist(), read, strict=True) if picture is None]
        reasons = [self.damaged[self._pictures.name(index)] for index in grey]
        check_readable(reasons, len(chosen), ", nor can others of their species")
        stand_in = torch.full((3, self._size, self._size), 128, dtype=torch.uint8)
        return torch.stack([stand_in if picture is None else picture for picture in read])

    def _read(self, index: int) -> Tensor | None:
        """A picture, or another one of its species, if any can be read."""
        for number in chain([index], self._others(index)):
            try:
                return squash(self._pictures.read(number), self._size)
            except InputError as error:
                self.damaged[self._pictures.name(number)] = str(error)
        return None

    def _others(self, index: int) -> Iterator[int]:
        """Other pictures of the same species; sought only when the first is asked for."""
        leaf = self._pictures.leaves[index]
        lo, hi = np.searchsorted(self._by_leaf[1], [leaf, leaf + 1])
        own = self._by_leaf[0][lo:hi]
        place = int(np.flatnonzero(own == index)[0])
        yield from np.roll(own, -place)[1 : 1 + _TRIES].tolist()

    @cached_property
    def _by_leaf(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The pictures in the order of their leaves, and these leaves."""
        order = np.argsort(self._pictures.leaves, kind="stable")
        return order, self._pictures.leaves[order]


def squash(rgb: NDArray[np.uint8], size: int) -> Tensor:
    """A picture uint8 (H, W, 3) of any size, squashed: uint8 (3, size, size)."""
    picture = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))
    if picture.shape[1:] == (size, size):
        return picture
    resized = F.interpolate(picture[None].float(), size=(size, size), mode="bicubic", antialias=True)
    return resized[0].round().clamp(0, 255).byte()

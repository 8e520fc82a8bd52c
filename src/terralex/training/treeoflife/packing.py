"""Finished pictures into shards, each of which is made in one step and alike however it came to be."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from terralex.runtime.errors import TerralexError
from terralex.training.treeoflife.convert import Tick
from terralex.training.treeoflife.finish import Made
from terralex.training.treeoflife.workshop import Workshop

SHARD = 10_000
"""Pictures in a shard."""


@dataclass(frozen=True)
class Package:
    """What goes into a shard.

    Attributes:
        shop: Where its pictures wait.
        path: The shard.
        pictures: Its pictures, in order.
    """

    shop: Workshop
    path: Path
    pictures: tuple[Made, ...]


def packages(shop: Workshop, pictures: Iterable[Made], split: str, size: int) -> Iterator[Package]:
    """The shards to make: `SPLIT-000000.tar` and on, each of `size` pictures, the last of what is left."""
    rows, number = iter(pictures), 0
    while some := tuple(islice(rows, size)):
        yield Package(shop, shop.output / f"{split}-{number:06d}.tar", some)
        number += 1


def pack(package: Package, tick: Tick) -> None:
    """Write a shard if it is not there yet, and remove the pictures that waited for it.

    Raises:
        TerralexError: It cannot be written, or a picture is gone.
    """
    if package.path.exists():
        tick(len(package.pictures), 0)
    else:
        with package.shop.draft(package.path) as draft:
            _write(draft, package, tick)
    for made in package.pictures:
        with suppress(OSError):
            package.shop.waiting(made.id).unlink(missing_ok=True)


def _write(path: Path, package: Package, tick: Tick) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for made in package.pictures:
            _add(tar, f"{made.id}.jpg", _waiting(package.shop, made))
            names = {"lineage": made.lineage, "common": made.common, "source": made.label}
            _add(tar, f"{made.id}.json", json.dumps(names, ensure_ascii=False).encode())
            tick(1, 0)


def _waiting(shop: Workshop, made: Made) -> bytes:
    path = shop.waiting(made.id)
    try:
        return path.read_bytes()
    except OSError as error:
        raise TerralexError(f"{path} is gone ({error.strerror}): begin anew with --overwrite") from None


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file without a date or an owner."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))

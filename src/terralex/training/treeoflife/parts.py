"""The parts in which TreeOfLife-10M comes: archives and folders, and the pictures in them."""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.inputs import natural_key
from terralex.training.treeoflife.catalog import COLLECTIONS
from terralex.training.treeoflife.plan import Plan, Wanted

_ARCHIVES = (".tar.gz", ".tgz")
_MOST_BYTES = 2**29  # of a file in an archive; no picture is larger
_NUMBER = {"BIOSCAN": re.compile(r"part(\d+)$"), "iNat21": re.compile(r"(\d+)_")}


@dataclass(frozen=True)
class Part:
    """An archive or a folder of pictures.

    Attributes:
        label: Its collection.
        number: Its part in the plan.
        path: Relative to the source, with `/`.
    """

    label: str
    number: int
    path: str

    @property
    def is_archive(self) -> bool:
        """Whether it is one."""
        return self.path.endswith(_ARCHIVES)


class Found(NamedTuple):
    """A picture that is there: what is to be made of it, where it is, and a call that reads it."""

    wanted: Wanted
    path: str
    read: Callable[[], bytes]


def list_parts(source: Path) -> list[Part]:
    """The parts that are there, in order; hidden files and those of another name are left out.

    Raises:
        UsageError: A folder cannot be listed, or there are no parts.
    """
    parts = []
    for collection in COLLECTIONS:
        folder = source / collection.folder
        for name in _listed(folder) if folder.is_dir() else ():
            path = f"{collection.folder}/{name}"
            if collection.label in _NUMBER:
                number = _NUMBER[collection.label].match(name)
                if number and (folder / name).is_dir():
                    parts.append(Part(collection.label, int(number[1]), path))
            elif name.endswith(_ARCHIVES):
                parts.append(Part(collection.label, 0, path))
    if not parts:
        raise UsageError(
            f"{source / 'dataset'} holds no pictures: expected eol/*.tar.gz, inat21/train/NNNNN_*/"
            " or bioscan/part*/"
        )
    return parts


def find_pictures(source: Path, part: Part, plan: Plan) -> Iterator[Found]:
    """The pictures of a part that are to be made, each to be read before the next is asked for.

    Raises:
        InputError: It cannot be listed, or an archive is damaged: what came before it is good.
    """
    path = source / part.path
    try:
        if part.is_archive:
            yield from _in_archive(path, part, plan)
        else:
            wanted = plan.part(part.label, part.number)
            for name in sorted(os.listdir(path)):
                if name in wanted:
                    yield Found(wanted[name], f"{part.path}/{name}", (path / name).read_bytes)
    except OSError as error:
        raise InputError(f"{part.path}: cannot be read: {error.strerror or error}") from None


def _in_archive(path: Path, part: Part, plan: Plan) -> Iterator[Found]:
    """Members that are pictures to make; their names are only looked up, nothing is unpacked."""
    try:
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]
                name = member.name.rpartition("/")[2].partition(".")[0]
                wanted = plan.find(part.label, name) if member.isfile() else None
                if wanted:
                    yield Found(wanted, f"{part.path}/{wanted.id}", partial(_content, tar, member))
            _check_end(tar)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"{part.path}: a damaged archive; what came before is good: {error}") from None


def _check_end(tar: tarfile.TarFile) -> None:
    """See that nothing but zeros is left; `tarfile` takes a damaged header for the end."""
    assert tar.fileobj is not None
    while rest := tar.fileobj.read(2**20):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("a header is broken")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _MOST_BYTES:
        raise InputError(f"has {member.size:,} bytes: no picture is that large")
    try:
        file = tar.extractfile(member)
        return file.read() if file else b""
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"the archive is damaged here: {error}") from None


def _listed(folder: Path) -> list[str]:
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise UsageError(f"{folder} cannot be listed: {error.strerror}") from None
    return sorted(names, key=natural_key)

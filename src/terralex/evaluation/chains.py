"""Pictures with chains of texts from general to specific, as RCME's and HierarCaps' files have them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from terralex.imagery.read import IMAGE_EXTENSIONS
from terralex.runtime.errors import UsageError
from terralex.runtime.inputs import expand_inputs
from terralex.taxonomy import chain_names

Layout = Literal["rcme", "hierarcaps"]

_PICTURES: dict[str, Layout] = {"img_fn": "rcme", "image_url": "hierarcaps"}
_CHAINS = ("captions", "positive")


@dataclass(frozen=True)
class ChainData:
    """A benchmark of ordering.

    Attributes:
        layout: Whose files these are.
        pictures: The distinct files, in order of appearance.
        references: Chains of texts, from general to specific.
        picture_of: For each reference the index of its picture.
        notes: What a person should know of the data.
    """

    layout: Layout
    pictures: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    picture_of: tuple[int, ...]
    notes: tuple[str, ...] = ()


def read_chain_data(path: Path, images: Path | None = None) -> ChainData:
    """Read `order_dataset.csv` of RCME, or a file of HierarCaps; also as `.gz`.

    Both have a column `captions` (or `positive`) with texts joined by "=>", any number of them. RCME's column
    `img_fn` is the path of the picture. Of HierarCaps' `image_url` the last part is the name of the file; if
    there is no such file, the one whose name ends in the same number is taken. (The column `id` of HierarCaps
    is the number of the row and says nothing about the picture.) Of a compressed file that was cut short, the
    rows that are there are used, and a note says so.

    Args:
        path: The table.
        images: Where the pictures are; by default beside the table.

    Raises:
        UsageError: It is none of these, is no text, has no rows, or a row has no chain or no picture's name;
            or the folder of the pictures is not there.
    """
    folder = images or path.parent
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}: --images names the one that the pictures are in")
    text, whole = _read_text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or []
    picture = next((name for name in _PICTURES if name in columns), None)
    chain = next((name for name in _CHAINS if name in columns), None)
    if picture is None or chain is None:
        shown = ", ".join(columns[:12]) or "none"
        raise UsageError(
            f"{path} is no benchmark of ordering: that has the columns captions and img_fn (RCME) or "
            f"image_url (HierarCaps), and this has {shown}"
        )
    rows = list(_rows(reader, path, picture, chain, whole))
    if not rows:
        raise UsageError(f"{path} has no rows")
    index = {name: i for i, name in enumerate(dict.fromkeys(name for name, _ in rows))}
    file_of = _by_path(folder) if picture == "img_fn" else _by_url(folder)
    return ChainData(
        layout=_PICTURES[picture],
        pictures=tuple(map(file_of, index)),
        references=tuple(names for _, names in rows),
        picture_of=tuple(index[name] for name, _ in rows),
        notes=() if whole else (f"{path} is cut short; used are the {len(rows):,} rows that are there",),
    )


def _rows(
    reader: csv.DictReader[str], path: Path, picture: str, chain: str, whole: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What names the picture, and the chain, of each row."""
    try:
        for row in reader:
            name, names = (row[picture] or "").strip(), chain_names(row[chain] or "")
            if name and all(names):
                yield name, names
            elif (
                whole or next(reader, None) is not None
            ):  # the last row of a file that was cut short may be too
                raise UsageError(
                    f"{path}, line {reader.line_num}: a row names a picture in {picture}, and in {chain} its "
                    "texts as 'general => specific'"
                )
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}") from None


def _read_text(path: Path) -> tuple[str, bool]:
    """The text of a file, and whether it is whole."""
    try:
        content, whole = _unzip(path) if path.suffix.lower() == ".gz" else (path.read_bytes(), True)
        if not whole:
            content = content[: content.rfind(b"\n") + 1]  # half a line may look like a whole one
        return content.decode("utf-8-sig", errors="strict" if whole else "ignore"), whole
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from None


def _unzip(path: Path) -> tuple[bytes, bool]:
    """What a gzip file holds, as far as it goes, and whether that is all."""
    parts: list[bytes] = []
    with gzip.open(path) as file:
        try:
            while part := file.read1(2**16):
                parts.append(part)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            if not parts:
                raise UsageError(f"{path} is no gzip file, or nothing of it is left: {error}") from None
            return b"".join(parts), False
    return b"".join(parts), True


def _by_path(folder: Path) -> Callable[[str], str]:
    return lambda name: str(folder / name)


def _by_url(folder: Path) -> Callable[[str], str]:
    """Finds the picture of an address: by the file's name, or else by the number that the name ends in."""
    by_number: dict[int | None, list[str]] = {}
    for file in expand_inputs([str(folder)], IMAGE_EXTENSIONS):
        by_number.setdefault(_number(file), []).append(file)

    def find(url: str) -> str:
        path = folder / PurePosixPath(urlsplit(url).path).name
        number = _number(path.name)
        if path.is_file() or number is None:
            return str(path)
        files = by_number.get(number, [])
        if len(files) > 1:
            raise UsageError(
                f"{folder} has {len(files)} pictures whose names end in the number {number}, such as "
                f"{files[0]} and {files[1]}: --images names the folder of those of the benchmark alone"
            )
        return files[0] if files else str(path)

    return find


def _number(name: str) -> int | None:
    found = re.search(r"(\d+)(?:\.\w+)?$", name)
    return int(found[1]) if found else None

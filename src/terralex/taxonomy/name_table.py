"""BioCLIP's tables: names of all species as JSON, and beside them their text embeddings as `.npy`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy.build import CHUNK, TaxonomyBuilder
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.taxonomy import Taxonomy

_PIECE = 2**22  # characters of text read at a time
_FORM = '[["Animalia", ...seven names...], "common name"]'
_SPACE = " \t\r\n"


@dataclass(frozen=True, eq=False)
class NameTable:
    """A taxonomy with the text embeddings that were published for it.

    Attributes:
        taxonomy: Its `source_rows` are the columns of `embeddings` that belong to its leaves.
        embeddings: float (D, entries), mapped from the file and not read, in the order of the file.
    """

    taxonomy: Taxonomy
    embeddings: NDArray[Any]

    def vectors(self, leaves: NDArray[np.integer[Any]] | slice) -> NDArray[np.float32]:
        """float32 (n, D): the embeddings of some leaves, read from the file."""
        columns = self.taxonomy.source_rows[leaves]
        # Columns are read in the order of the file, and put in that of the leaves in memory.
        order = np.argsort(columns)
        found = np.empty((len(columns), len(self.embeddings)), np.float32)
        found[order] = self.embeddings[:, columns[order]].T
        return found


def read_names(path: Path) -> Taxonomy:
    """Read `txt_emb_species.json`: a list with `[[seven names], common name]` for each species.

    Entries without any name are left out; `source_rows` counts them.

    Raises:
        UsageError: The file is not of this form; the message names the entry.
    """
    return _read(path)[0]


def read_name_table(path: str | Path) -> NameTable:
    """Read a table of names, and map the embeddings in the `.npy` file of the same name beside it.

    Raises:
        UsageError: As `read_names`, or there is no such `.npy` file, or it has another number of species.
    """
    path = Path(path).with_suffix(".json")
    beside = path.with_suffix(".npy")
    taxonomy, entries = _read(path)
    try:
        embeddings = np.load(beside, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UsageError(f"{beside} does not exist: the embeddings belong beside {path.name}") from None
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{beside} is no array that can be read: {error}") from None
    if embeddings.ndim != 2 or embeddings.shape[1] != entries:
        shape = " x ".join(map(str, embeddings.shape))
        raise UsageError(f"{beside} is {shape}: a column for each of the {entries} names is expected")
    return NameTable(taxonomy, embeddings)


def _read(path: Path) -> tuple[Taxonomy, int]:
    """The taxonomy, and the number of entries of the file."""
    builder = TaxonomyBuilder(RANKS)
    with _open(path) as file:
        entries = _entries(file, path)
        while chunk := list(islice(entries, CHUNK)):
            builder.add(*_columns(chunk, path, builder.rows))
    return builder.finish(str(path)), builder.rows


def _open(path: Path) -> TextIO:
    try:
        return open(path, encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None


def _entries(file: TextIO, path: Path) -> Iterator[Any]:
    """The elements of the list in a JSON file, one after the other, so that it is never held whole."""
    decoder = json.JSONDecoder()
    text, at, number = _piece(file, path).lstrip(), 1, 0
    if not text.startswith("["):
        raise UsageError(f"{path} is no list of names; {_FORM} is expected for each species")
    while True:
        while at < len(text) and text[at] in _SPACE + ("," if number else ""):
            at += 1
        if text[at : at + 1] == "]":
            return
        try:
            entry, end = decoder.raw_decode(text, at)
        except ValueError as error:
            more = _piece(file, path)
            if not more:
                raise UsageError(f"{path} is damaged at entry {number + 1}: {error}") from None
            text, at = text[at:] + more, 0
            continue
        yield entry
        at, number = end, number + 1


def _piece(file: TextIO, path: Path) -> str:
    try:
        return file.read(_PIECE)
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from None


def _columns(entries: list[Any], path: Path, seen: int) -> tuple[list[pa.Array], pa.Array]:
    """Seven columns of names and one of common names, from entries of which `seen` came before."""
    try:
        names, common = zip(*entries, strict=True)
        columns = list(zip(*names, strict=True))
        if len(columns) == len(RANKS) and all(type(part) is list for part in names):
            return [pa.array(column, pa.string()) for column in columns], pa.array(common, pa.string())
    except (TypeError, ValueError, pa.ArrowException):
        pass  # which one it is, is only looked for now
    wrong, entry = next((row, entry) for row, entry in enumerate(entries) if not _is_entry(entry))
    shown = json.dumps(entry, ensure_ascii=False)
    raise UsageError(f"{path}: entry {seen + wrong + 1} is {shown[:200]}; {_FORM} is expected")


def _is_entry(entry: object) -> bool:
    match entry:
        case [[*names], common] if len(names) == len(RANKS):
            return all(isinstance(text, str) or text is None for text in [*names, common])
    return False

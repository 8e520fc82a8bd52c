"""Writing a taxonomy as a table that `read_taxonomy` reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from terralex.runtime.errors import UsageError
from terralex.runtime.files import cannot_write, write_atomically
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.taxonomy import Taxonomy

COMMON = "common_name"

ENDINGS = (".csv", ".tsv", ".parquet", ".json")


def write_taxonomy(taxonomy: Taxonomy, path: str | PathLike[str]) -> None:
    """Write a row for each leaf: its name at every rank ("Genus epithet" for a species), and its common name.

    Args:
        taxonomy: What to write. Common names above its last rank have no place in such a table.
        path: The ending decides the form: .csv, .tsv, .parquet, or .json for a list as BioCLIP's.

    Raises:
        UsageError: The ending is another, or a .json is asked of other ranks than the seven.
        TerralexError: The file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"cannot tell the form of {path} by its ending: end it in {', '.join(ENDINGS)}")
    if ending == ".json" and taxonomy.ranks != RANKS:
        raise UsageError(
            f"a .json is for the ranks {', '.join(RANKS)}, and these are {', '.join(taxonomy.ranks)}: "
            "write a .csv instead"
        )
    content = _parquet(taxonomy) if ending == ".parquet" else _text(taxonomy, ending).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise cannot_write(path, error) from error


def _text(taxonomy: Taxonomy, ending: str) -> str:
    if ending == ".json":
        lineages = zip(taxonomy.lineages(), _rows(taxonomy), strict=True)
        entries = ([list(names), row[-1]] for names, row in lineages)
        return "[" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "]\n"
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t" if ending == ".tsv" else ",", lineterminator="\n")
    writer.writerow([*taxonomy.ranks, COMMON])
    writer.writerows(_rows(taxonomy))
    return table.getvalue()


def _parquet(taxonomy: Taxonomy) -> bytes:
    columns = zip(*_rows(taxonomy), strict=True)
    names = [*taxonomy.ranks, COMMON]
    table = pa.table({name: pa.array(column) for name, column in zip(names, columns, strict=True)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _rows(taxonomy: Taxonomy) -> Iterator[list[str]]:
    """For each leaf its full names and its own common name."""
    full, common = taxonomy.full_names, taxonomy.common
    for nodes in taxonomy.nodes:
        numbers = nodes.tolist()
        yield [*(full[number] for number in numbers), common.get(numbers[-1], "")]

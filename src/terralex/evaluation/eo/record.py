"""The record of a run: the vector of every picture and what it shows, from which figures are made.

It is a Parquet file of embeddings, which `terralex search` reads as well. While the run is not over its rows
stand in an Arrow stream beside it, from which the run can be resumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from terralex.runtime import Columns, Vector, rows_path


@dataclass(frozen=True)
class Block:
    """Some pictures of a data set, in order.

    Attributes:
        dataset: Its name.
        names: Their paths.
        labels: What each shows, as numbers of classes.
        errors: Why one was not scored; None if it was.
        notes: What is to be said of each, often "".
        seconds: What reading and encoding them took.
        vectors: float32 (m, D), of those that were scored.
    """

    dataset: str
    names: list[str]
    labels: list[list[int]]
    errors: list[str | None]
    notes: list[str]
    seconds: float
    vectors: Tensor


def record_columns(size: int) -> Columns:
    """The columns of a record with vectors of this size."""
    about = dict.fromkeys(("dataset", "path", "labels", "notes", "model", "revision", "error"), str)
    return {**about, "seconds": float, "vector": Vector(size)}


def read_record(path: Path) -> Iterator[Block]:
    """The blocks of the record of a run that is under way, as they were written.

    Args:
        path: The Parquet file that it will become.
    """
    with pa.OSFile(str(rows_path(path))) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            column = {name: batch.column(name).to_pylist() for name in ("dataset", "path", "labels", "notes")}
            scored = batch.column("vector").is_valid()
            vectors = batch.filter(scored).column("vector")
            numbers = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
            yield Block(
                dataset=column["dataset"][0],
                names=column["path"],
                labels=[[int(number) for number in (text or "").split()] for text in column["labels"]],
                errors=batch.column("error").to_pylist(),
                notes=[note or "" for note in column["notes"]],
                seconds=float(sum(batch.column("seconds").to_pylist())),
                vectors=torch.from_numpy(numbers.reshape(len(vectors), vectors.type.list_size).copy()),
            )

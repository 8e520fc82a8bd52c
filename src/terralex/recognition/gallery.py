"""Files of embeddings, as `terralex embed` writes them, read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.records import Window, window_from_text
from terralex.runtime.errors import UsageError

if TYPE_CHECKING:
    from terralex.models import Model

EMBEDDINGS_FILE = ".parquet"
_NEEDED = ("path", "vector", "model", "revision")
_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vector came from."""

    path: str
    window: Window | None
    notes: str


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows of a file: vectors (N, embed_dim), where each came from, and how many had none."""

    vectors: NDArray[np.float32]
    places: list[Place]
    without: int


def recorded_model(path: str) -> str | None:
    """The name of the model that made a file of embeddings; None if it has no rows.

    Raises:
        UsageError: It is no such file.
    """
    for batch in _open(path).iter_batches(batch_size=1, columns=["model"]):
        name: str | None = batch.column("model")[0].as_py()
        return name
    return None


def count_rows(path: str) -> int:
    """The rows of a file of embeddings. Raises `UsageError` if it is none."""
    return int(_open(path).metadata.num_rows)


def read_embeddings(path: str, model: Model) -> Iterator[Block]:
    """Read a file of embeddings in blocks of some thousand rows.

    Raises:
        UsageError: It is no such file, or another model or other weights made it.
    """
    import pyarrow.compute as pc

    file = _open(path)
    columns = [name for name in (*_NEEDED, "window", "notes") if name in file.schema_arrow.names]
    for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
        _check_model(path, batch, model)
        found = batch.filter(batch.column("vector").is_valid())
        lengths = pc.unique(pc.list_value_length(found.column("vector"))).to_pylist()
        if others := [length for length in lengths if length != model.embed_dim]:
            raise UsageError(
                f"{path} has a vector of {others[0]} numbers; {model.name} has {model.embed_dim}"
            )
        vectors = found.column("vector").flatten().to_numpy(zero_copy_only=False)
        optional = {name: found.column(name).to_pylist() for name in ("window", "notes") if name in columns}
        blank = [None] * len(found)
        places = [
            Place(place, window_from_text(window), notes or "")
            for place, window, notes in zip(
                found.column("path").to_pylist(),
                optional.get("window", blank),
                optional.get("notes", blank),
                strict=True,
            )
        ]
        shaped = vectors.astype(np.float32, copy=False).reshape(len(found), model.embed_dim)
        yield Block(shaped, places, len(batch) - len(found))


def _open(path: str) -> Any:  # noqa: ANN401 (pyarrow carries no types)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as Parquet: {' '.join(str(error).split())}") from None
    absent = [name for name in _NEEDED if name not in file.schema_arrow.names]
    # pandas writes lists of no fixed size, and may turn float32 into float64.
    kind = None if absent else file.schema_arrow.field("vector").type
    lists = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
    if (
        kind is None
        or not any(is_kind(kind) for is_kind in lists)
        or not pa.types.is_floating(kind.value_type)
    ):
        lacking = f"no column {', '.join(absent)}" if absent else "a vector column of another kind"
        raise UsageError(
            f"{path} is no file of embeddings ({lacking}): terralex embed -o FILE.parquet makes one"
        )
    return file


def _check_model(path: str, batch: Any, model: Model) -> None:  # noqa: ANN401
    names, revisions = (batch.column(key).to_pylist() for key in ("model", "revision"))
    for name, revision in dict.fromkeys(zip(names, revisions, strict=True)):
        if (name, revision) != (model.name, model.revision):
            raise UsageError(
                f"{path} was made by {name}, revision {revision}, and this is {model.name}, revision "
                f"{model.revision}: pass --model {name}, or embed the images again"
            )

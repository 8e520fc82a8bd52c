"""`terralex embed`: images to vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from terralex.cli import options

if TYPE_CHECKING:
    from terralex.runtime import Row


def embed(
    inputs: options.Inputs,
    model: options.ModelName = "pocket",
    output: options.Output = None,
    form: options.Format = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    bands: options.BandNames = None,
    units: options.UnitName = None,
    batch_size: options.BatchSize = options.BATCH_SIZE,
    workers: options.Workers = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    engine: options.Engine = options.EngineName.local,
    offline: options.Offline = False,
    no_cache: options.NoCache = False,
) -> int:
    """Turn images into vectors, to keep and to search.

    A Parquet file (-o embeddings.parquet) is what `terralex search` takes.
    """
    from terralex import recognition
    from terralex.cli.output import Target
    from terralex.cli.running import run_settings, write_all
    from terralex.models import load_model
    from terralex.recognition import layouts
    from terralex.runtime import UsageError

    target = Target(output, form, resume, overwrite, piped="jsonl")
    if target.on_terminal or target.reference:
        raise UsageError("vectors go to a file or a pipe: pass -o FILE.parquet, or --format jsonl")
    items = recognition.list_items(inputs)
    loaded = load_model(model, device=device, precision=precision, offline=offline)
    encoder = recognition.Encoder(
        loaded,
        bands=bands,
        units=units,
        batch_size=batch_size,
        workers=workers,
        cache=not no_cache,
        engine=engine.value,
    )

    def rows(chunk: Sequence[recognition.Embedding]) -> "Sequence[Row]":
        return [layouts.embedding_row(embedding) for embedding in chunk]

    sink = target.open(layouts.embedding_columns(loaded.embed_dim), run_settings(encoder, items))
    chunks = (recognition.embeddings(loaded, chunk) for chunk in encoder.chunks(items, sink.chunks_done))
    return write_all("embed", chunks, rows, sink, target, encoder, len(items))

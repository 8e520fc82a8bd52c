"""`terralex embed`: images to vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from terralex.cli import options
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from terralex.runtime import Row


@options.takes_run()
def embed(
    inputs: options.Inputs,
    model: options.ModelName = "pocket",
    output: options.Output = None,
    form: options.Format = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> int:
    """Turn images into vectors, to keep and to search.

    A Parquet file (-o embeddings.parquet) is what `terralex search` takes.
    """
    from terralex import recognition
    from terralex.cli.inputs import list_inputs
    from terralex.cli.output import Target
    from terralex.cli.running import run_settings, write_all
    from terralex.recognition import layouts
    from terralex.runtime import UsageError

    target = Target(output, form, resume, overwrite, piped="jsonl")
    if target.on_terminal or target.reference:
        raise UsageError("vectors go to a file or a pipe: pass -o FILE.parquet, or --format jsonl")
    items = list_inputs(inputs)
    loaded = recognition.open_model(model, run)
    encoder = recognition.Encoder.of(loaded, run)

    def rows(chunk: Sequence[recognition.Embedding]) -> "Sequence[Row]":
        return [layouts.embedding_row(embedding) for embedding in chunk]

    sink = target.open(layouts.embedding_columns(loaded.embed_dim), run_settings(encoder, items))
    chunks = (recognition.embeddings(loaded, chunk) for chunk in encoder.chunks(items, sink.chunks_done))
    return write_all("embed", chunks, rows, sink, target, encoder, len(items))

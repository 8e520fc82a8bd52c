"""Images to vectors, with what is needed to use them later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Unpack

from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.loading import open_model
from terralex.recognition.records import Embedding
from terralex.runtime.options import RunKeywords, RunOptions

if TYPE_CHECKING:
    from terralex.models import Model


def embed(
    inputs: object,
    *,
    model: str | Model = "pocket",
    **options: Unpack[RunKeywords],
) -> Iterator[Embedding]:
    """Turn images into vectors whose scalar products say how alike they are.

    Those of a hyperbolic model are points that its `geometry` compares.

    Args:
        inputs: As for `classify`.
        model: A model, or what `load_model` takes.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        An iterator of embeddings, one an image, in the order given. An image that cannot be used gives one
        with `error` set and no vector.

    Raises:
        UsageError: The bands, units or the model's name are wrong.
        TerralexError: The model cannot be loaded or run.
    """
    run = RunOptions(**options)
    loaded = open_model(model, run)
    encoder = Encoder.of(loaded, run)
    return (entry for chunk in encoder.stream(inputs) for entry in embeddings(loaded, chunk))


def embeddings(model: Model, chunk: Sequence[Encoded]) -> list[Embedding]:
    """The records of a chunk."""
    return [_embedding(model, entry) for entry in chunk]


def _embedding(model: Model, entry: Encoded) -> Embedding:
    features = entry.features
    return Embedding(
        path=entry.path,
        window=entry.window,
        vector=features.vector if features else None,
        bands=features.bands if features else (),
        notes=features.notes if features else "",
        model=model.name,
        revision=model.revision,
        space=_space(model),
        error=entry.error,
    )


def _space(model: Model) -> str:
    curvature = getattr(model.geometry, "curvature", None)
    return model.card.geometry if curvature is None else f"{model.card.geometry}, curvature {curvature:g}"

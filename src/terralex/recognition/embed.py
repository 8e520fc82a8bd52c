"""Images to vectors, with what is needed to use them later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from terralex.recognition.encoder import BATCH_SIZE, Encoded, Encoder
from terralex.recognition.loading import as_model
from terralex.recognition.records import Embedding

if TYPE_CHECKING:
    from terralex.models import Model


def embed(
    inputs: object,
    *,
    model: str | Model = "pocket",
    bands: str | None = None,
    units: str | None = None,
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    offline: bool = False,
    cache: bool = True,
) -> Iterator[Embedding]:
    """Turn images into vectors whose scalar products say how alike they are.

    Those of a hyperbolic model are points that its `geometry` compares.

    Args:
        inputs: As for `classify`.
        model: A model, or what `load_model` takes.
        bands: Bands of files that do not say: names in file order, or a named order.
        units: Units of files that do not say.
        batch_size: Images that go through the model at once.
        workers: Threads that read files ahead.
        device: Where the model runs, if it is not loaded yet.
        precision: What it computes in, if it is not loaded yet.
        offline: Never use the network.
        cache: Look up and keep vectors of files on disk.

    Returns:
        An iterator of embeddings, one an image, in the order given. An image that cannot be used gives one
        with `error` set and no vector.

    Raises:
        UsageError: The bands, units or the model's name are wrong.
        TerralexError: The model cannot be loaded or run.
    """
    loaded = as_model(model, device=device, precision=precision, offline=offline)
    encoder = Encoder(loaded, bands=bands, units=units, batch_size=batch_size, workers=workers, cache=cache)
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
        geometry=_geometry(model),
        error=entry.error,
    )


def _geometry(model: Model) -> str:
    curvature = getattr(model.geometry, "curvature", None)
    return model.card.geometry if curvature is None else f"{model.card.geometry}, curvature {curvature:g}"

"""A fit of whole images: read, encode, learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.fitting.build import FALSE_ALARMS, Samples, build_fit
from terralex.recognition.fitting.encode import encode_items
from terralex.recognition.fitting.examples import Examples
from terralex.recognition.fitting.fitfile import Fit, Origin
from terralex.recognition.fitting.texts import text_weights
from terralex.recognition.records import window_text

Start = Literal["text", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class ImageFit:
    """A fit, and the examples that could not be used."""

    fit: Fit
    failed: tuple[Encoded, ...]


def fit_images(
    encoder: Encoder,
    examples: Examples,
    *,
    start: Start = "text",
    templates: str | Sequence[str] | None = None,
    false_alarms: float = FALSE_ALARMS,
    on_chunk: Callable[[Sequence[Encoded]], object] | None = None,
) -> ImageFit:
    """Learn the classes of labelled images.

    Args:
        encoder: Makes the vectors, and looks them up.
        examples: The images and their labels.
        start: `text`: start from what the model makes of the labels' words, if it reads any; `none`: do not.
        templates: Sentences around these words; by default the model's own.
        false_alarms: As of `build_fit`.
        on_chunk: Called with each chunk of images that is encoded.

    Raises:
        UsageError: As of `build_fit`; or there are no such templates.
    """
    model = encoder.model
    texts = None
    if start == "text":
        texts = text_weights(model, examples.labels, templates, cache=encoder.has_cache)
    encoded = encode_items(encoder, examples.items, on_chunk)
    used = examples.keep(encoded.usable)
    samples = Samples(
        vectors=encoded.vectors,
        targets=used.targets,
        labels=used.labels,
        names=[(item.name, window_text(item.window)) for item in used.items],
        owners=None,
        groups=used.groups,
        source=used.source,
        failed=len(encoded.failed),
    )
    origin = image_origin(encoder, encoded.bands)
    return ImageFit(build_fit(samples, origin, texts=texts, false_alarms=false_alarms), encoded.failed)


def image_origin(encoder: Encoder, bands: tuple[tuple[str, ...], ...]) -> Origin:
    """What the vectors of an encoder come from, if the model saw these bands of the images."""
    stated = None if encoder.bands is None else str(encoder.bands)
    return Origin("images", encoder.model.name, encoder.model.revision, bands, stated, encoder.units)

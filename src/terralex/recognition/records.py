"""Records that the tasks return: each names its file, its window and its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Window = tuple[int, int, int, int]
"""Column, row, width and height of a part of an image, in pixels from its upper left corner."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One label of one image.

    Attributes:
        path: The file, or a name such as `array 0` for an image that came from memory.
        window: The part of the image that was looked at; None is all of it.
        label: The label; None if the image could not be used.
        position: 1 for the best label of the image, 2 for the next.
        score: Probability of the label among all labels given.
        scores: The probability of every label, if they were asked for.
        model: The model's name.
        notes: Remarks on the result, such as bands that were filled in.
        error: Why the image could not be used.
        in_domain: Whether the image is like those that the model was trained on; None if the model cannot
            tell.
    """

    path: str
    window: Window | None = None
    label: str | None = None
    position: int | None = None
    score: float | None = None
    scores: Mapping[str, float] | None = None
    model: str = ""
    notes: str = ""
    error: str | None = None
    in_domain: bool | None = None


@dataclass(frozen=True, slots=True)
class TaxonPrediction:
    """One taxon of one image.

    Attributes:
        path: The file, or a name such as `array 0` for an image that came from memory.
        window: The part of the image that was looked at; None is all of it.
        position: 1 for the best taxon of the image, 2 for the next; None if the image could not be used.
        rank: The rank of the taxon; "" if the image supports no rank.
        label: Its name, "Genus epithet" for a species; "" if the image supports no rank.
        common_name: Its common name, where the taxonomy gives one.
        score: Its probability among all taxa of its rank; calibrated where a stop was asked for.
        lineage: The name at each rank down to its own; "" where the taxonomy has none.
        probabilities: The probability of each taxon of the lineage, by rank, as `score`.
        model: The model's name.
        notes: Remarks on the result, such as bands that were filled in.
        error: Why the image could not be used.
    """

    path: str
    window: Window | None = None
    position: int | None = None
    rank: str | None = None
    label: str | None = None
    common_name: str | None = None
    score: float | None = None
    lineage: Mapping[str, str] = field(default_factory=dict)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    notes: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The vector of one image: a point of the model's space.

    Attributes:
        path: The file, or a name such as `array 0` for an image that came from memory.
        window: The part of the image that was looked at; None is all of it.
        vector: float32 (embed_dim,), of unit length or the space components of a point of hyperbolic space;
            None if the image could not be used.
        bands: Bands of the image that the model saw.
        notes: Remarks on the result, such as bands that were filled in.
        model: The model's name.
        revision: Which weights of that model.
        space: `cosine`, `radial`, or `lorentz` with its curvature.
        error: Why the image could not be used.
    """

    path: str
    window: Window | None
    vector: NDArray[np.float32] | None
    bands: tuple[str, ...]
    notes: str
    model: str
    revision: str
    space: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One image that a query found; or, if `error` is set, one that could not be searched.

    Attributes:
        query: The words, or the path of the picture that was searched with.
        position: 1 for the nearest image of the query.
        path: The file.
        window: The part of the image that was looked at; None is all of it.
        score: Cosine similarity of query and image, from -1 to 1; minus their distance, from a model of
            hyperbolic space; log-odds, if the query is a class that was learned.
        model: The model's name.
        notes: Remarks on the result, such as bands that were filled in.
        error: Why the image could not be searched.
    """

    query: str | None
    position: int | None
    path: str
    window: Window | None = None
    score: float | None = None
    model: str = ""
    notes: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One text in the chain of a picture or a phrase, from general to specific.

    Attributes:
        path: The file; the phrase itself, if the chain is of words.
        window: The part of the image that was looked at; None is all of it.
        query: The phrase; None if the chain is of a picture.
        position: 1 for the most general text of the chain. None if the image could not be used.
        name: The text for people: of a taxon its own name.
        rank: Rank of the taxon; None if the text is of no taxonomy.
        radius: How specific the text is: its distance from the root.
        score: Cosine similarity of text and query, from -1 to 1; minus their distance, from a model of
            hyperbolic space.
        text: The text that the model read.
        model: The model's name.
        notes: Remarks on the result, such as bands that were filled in.
        error: Why the image could not be used.
    """

    path: str
    window: Window | None = None
    query: str | None = None
    position: int | None = None
    name: str | None = None
    rank: str | None = None
    radius: float | None = None
    score: float | None = None
    text: str | None = None
    model: str = ""
    notes: str = ""
    error: str | None = None


def window_text(window: Window | None) -> str | None:
    """A window as it stands in tables: `column,row,width,height`."""
    return None if window is None else ",".join(str(int(part)) for part in window)


def window_from_text(text: str | None) -> Window | None:
    """The window that `window_text` wrote."""
    if not text:
        return None
    column, row, width, height = (int(part) for part in text.split(","))
    return column, row, width, height

"""What the service answers with."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class Score(BaseModel):
    """A label and its probability among all labels given."""

    label: str
    score: float


class Classified(BaseModel):
    """The labels of one picture, the best first; or why it could not be used."""

    name: str = Field(description="The name of the uploaded file.")
    predictions: list[Score] = []
    notes: str = ""
    error: str | None = None


class ClassifyAnswer(BaseModel):
    """The labels of the pictures, in the order of the upload."""

    model: str
    results: list[Classified]


class Found(BaseModel):
    """A picture that a query found."""

    position: int = Field(description="1 for the best.")
    name: str
    score: float = Field(description="Cosine, or minus the distance for a model of hyperbolic space.")


class SearchResult(BaseModel):
    """The pictures for one query, the best first."""

    query: str
    hits: list[Found]


class Failure(BaseModel):
    """A picture that could not be used."""

    name: str
    error: str


class SearchAnswer(BaseModel):
    """The pictures for each query."""

    model: str
    results: list[SearchResult]
    failed: list[Failure]


class Mask(BaseModel):
    """A mask as COCO's run lengths."""

    size: list[int] = Field(description="Height and width.")
    counts: str


class ClassArea(BaseModel):
    """A class that is in a picture."""

    label: str
    pixels: int
    area: float = Field(description="Part of the picture's pixels with data.")
    score: float = Field(description="Mean probability over its pixels.")
    mask: Mask


class SegmentAnswer(BaseModel):
    """The classes of a picture, the largest first."""

    model: str
    name: str
    width: int
    height: int
    classes: list[ClassArea]
    notes: str = ""


class Region(BaseModel):
    """Pixels of one class that touch each other."""

    label: str
    pixels: int
    box: list[int] = Field(description="Column, row, width and height in pixels.")
    hectares: float | None = Field(description="On the ground, if the picture says where it lies.")


class DetectAnswer(BaseModel):
    """The regions of a picture, the largest first."""

    model: str
    name: str
    width: int
    height: int
    regions: list[Region]


class Embedded(BaseModel):
    """The vector of a picture or a text; or why a picture could not be used."""

    name: str
    vector: list[float] | None
    error: str | None = None


class EmbedAnswer(BaseModel):
    """Vectors: points of the model's geometry."""

    model: str
    revision: str
    dim: int
    pictures: list[Embedded]
    texts: list[Embedded]


class ModelInfo(BaseModel):
    """A model that can be named in requests."""

    name: str
    title: str
    domain: str
    bands: list[str]
    licence: str


class ModelsAnswer(BaseModel):
    """The models that can be named, and the one for whoever names none."""

    default: str
    models: list[ModelInfo]


class Health(BaseModel):
    """That the service is up."""

    status: str
    version: str

"""The paths of the service."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import StringConstraints

import terralex
from terralex.app.service import schemas
from terralex.app.service.uploads import stored
from terralex.app.service.work import Deadline, Picture, Worker, in_words
from terralex.imagery import Units
from terralex.models import Model, get_card
from terralex.runtime.errors import TerralexError, UsageError
from terralex.segmentation.photos import find_photo_regions
from terralex.segmentation.photos.drawing import mask_png
from terralex.segmentation.photos.rle import as_rle

_bearer = HTTPBearer(auto_error=False, description="The token that the server was started with, if any.")


def _authorised(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    token = request.app.state.token
    if token is None:
        return
    if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
        raise HTTPException(401, "a token is needed", {"WWW-Authenticate": "Bearer"})


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Problem, "description": text}
    for status, text in {
        400: "Something in the request is wrong.",
        401: "A token is needed.",
        408: "The request came too slowly.",
        413: "The request is too large.",
        429: "Too many requests wait; `Retry-After` says when to try again.",
        503: "The server cannot do it now.",
        504: "The request took too long.",
    }.items()
}
open_router = APIRouter(tags=["server"])
router = APIRouter(prefix="/v1", dependencies=[Depends(_authorised)], responses=_PROBLEMS, tags=["tasks"])

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Files = Annotated[list[UploadFile], File(description="Pictures: JPEG, PNG, TIFF, JPEG 2000 and others.")]
OneFile = Annotated[UploadFile, File(description="A picture.")]
Labels = Annotated[list[Text], Form(min_length=1, description="What there is to tell apart.")]
ModelName = Annotated[str | None, Form(description="One of `/v1/models`; the server's default if left out.")]
BandNames = Annotated[
    str | None, Form(max_length=500, description="Bands of files that do not say: names in file order.")
]
UnitName = Annotated[Units | None, Form(description="Units of files that do not say.")]
Share = Annotated[float, Form(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, eq=False)
class _Job:
    """What every task starts from."""

    worker: Worker
    model: Model
    pictures: list[Picture]
    deadline: Deadline


@contextmanager
def _job(
    request: Request, model: str | None, uploads: Sequence[UploadFile], texts: Sequence[str] = ()
) -> Iterator[_Job]:
    """The model and the stored pictures of a request; errors name files as their owner does.

    Raises:
        UsageError: There is no such model, or too much is asked for.
    """
    worker: Worker = request.app.state.worker
    deadline = Deadline(worker.limits.seconds)
    if len(texts) > worker.limits.labels:
        raise UsageError(f"{len(texts):,} texts are more than the {worker.limits.labels:,} allowed")
    with stored(uploads, worker.limits) as pictures:
        try:
            yield _Job(worker, worker.pool.get(model), pictures, deadline)
        except TerralexError as error:
            raise type(error)(in_words(error, pictures)) from error


@open_router.get("/healthz")
def health() -> schemas.Health:
    """Whether the server is up."""
    return schemas.Health(status="ok", version=terralex.__version__)


@open_router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request, _: Annotated[None, Depends(_authorised)]) -> Response:
    """Counters in Prometheus' form."""
    return Response(request.app.state.worker.metrics.text(), media_type="text/plain")


@router.get("/models")
def models(request: Request) -> schemas.ModelsAnswer:
    """The models that requests can name."""
    pool = request.app.state.worker.pool
    shipped = [get_card(name) for name in pool.names() if name != pool.default or _is_card(name)]
    infos = [
        schemas.ModelInfo(
            name=card.name,
            title=card.title,
            domain=card.domain,
            bands=list(card.input.bands),
            licence=card.licence,
        )
        for card in shipped
    ]
    return schemas.ModelsAnswer(default=pool.default, models=infos)


@router.post("/classify")
def classify(
    request: Request,
    files: Files,
    labels: Labels,
    top_k: Annotated[int, Form(ge=1, le=1000, description="Labels for each picture.")] = 5,
    model: ModelName = None,
    bands: BandNames = None,
    units: UnitName = None,
) -> schemas.ClassifyAnswer:
    """Name what pictures show, among labels."""
    with _job(request, model, files, labels) as job:
        classifier = job.worker.classifier(job.model, labels)
        results = []
        for entry in job.worker.encode(job.model, job.pictures, job.deadline, bands=bands, units=units):
            result = schemas.Classified(name=entry.name, notes=entry.notes, error=entry.error)
            if entry.vector is not None:
                shares = classifier.probabilities(entry.vector[None])[0]
                best = np.argsort(-shares, kind="stable")[:top_k].tolist()
                result.predictions = [
                    schemas.Score(label=classifier.labels[i], score=float(shares[i])) for i in best
                ]
            results.append(result)
        return schemas.ClassifyAnswer(model=job.model.name, results=results)


@router.post("/search")
def search(
    request: Request,
    files: Files,
    queries: Annotated[list[Text], Form(min_length=1, description="What to look for, in words.")],
    top_k: Annotated[int, Form(ge=1, le=1000, description="Pictures for each query.")] = 5,
    model: ModelName = None,
    bands: BandNames = None,
    units: UnitName = None,
) -> schemas.SearchAnswer:
    """Order pictures by how well words describe them."""
    with _job(request, model, files, queries) as job:
        entries = job.worker.encode(job.model, job.pictures, job.deadline, bands=bands, units=units)
        usable = [entry for entry in entries if entry.vector is not None]
        failed = [
            schemas.Failure(name=entry.name, error=entry.error or "") for entry in entries if entry.error
        ]
        results = [schemas.SearchResult(query=query, hits=[]) for query in queries]
        if usable:
            asked = job.model.encode_texts(queries).cpu()
            keys = torch.from_numpy(np.stack([entry.vector for entry in usable if entry.vector is not None]))
            for result, scores in zip(results, job.model.geometry.scores(asked, keys), strict=True):
                order = torch.argsort(-scores, stable=True)[:top_k].tolist()
                result.hits = [
                    schemas.Found(position=position, name=usable[i].name, score=float(scores[i]))
                    for position, i in enumerate(order, 1)
                ]
        return schemas.SearchAnswer(model=job.model.name, results=results, failed=failed)


@router.post(
    "/segment", responses={200: {"content": {"image/png": {}}}}, response_model=schemas.SegmentAnswer
)
def segment(
    request: Request,
    file: OneFile,
    labels: Labels,
    threshold: Share = 0.0,
    presence: Share = 0.5,
    form: Annotated[
        Literal["json", "png"],
        Form(description="`png`: the mask alone; 0 none of the labels, 1, 2, ... the labels."),
    ] = "json",
    model: ModelName = None,
    bands: BandNames = None,
    units: UnitName = None,
) -> schemas.SegmentAnswer | Response:
    """Say what each pixel of a picture is, among labels."""
    with _job(request, model, [file], labels) as job:
        result = job.worker.segment(
            job.model, job.pictures[0], labels, job.deadline,
            threshold=threshold, presence=presence, bands=bands, units=units,
        )  # fmt: skip
        assert result.labels is not None
        if form == "png":
            return Response(mask_png(result.labels, result.names), media_type="image/png")
        classes = [
            schemas.ClassArea(
                label=share.label,
                pixels=share.pixels,
                area=share.area,
                score=share.score,
                mask=schemas.Mask.model_validate(as_rle(result.mask(share.label))),
            )
            for share in result.classes
        ]
        height, width = result.labels.shape
        return schemas.SegmentAnswer(
            model=job.model.name, name=job.pictures[0].name, width=width, height=height,
            classes=classes, notes=result.notes,
        )  # fmt: skip


@router.post("/detect")
def detect(
    request: Request,
    file: OneFile,
    labels: Labels,
    threshold: Share = 0.0,
    presence: Share = 0.5,
    smallest: Annotated[int, Form(ge=1, le=10**9, description="Pixels of a region, at least.")] = 16,
    model: ModelName = None,
    bands: BandNames = None,
    units: UnitName = None,
) -> schemas.DetectAnswer:
    """Find the connected regions of labels in a picture, with their boxes."""
    with _job(request, model, [file], labels) as job:
        result = job.worker.segment(
            job.model, job.pictures[0], labels, job.deadline,
            threshold=threshold, presence=presence, bands=bands, units=units,
        )  # fmt: skip
        assert result.labels is not None
        height, width = result.labels.shape
        regions = [
            schemas.Region(
                label=region.label, pixels=region.pixels, box=list(region.box), hectares=region.hectares
            )
            for region in find_photo_regions(result, smallest)
        ]
        return schemas.DetectAnswer(
            model=job.model.name, name=job.pictures[0].name, width=width, height=height, regions=regions
        )


@router.post("/embed")
def embed(
    request: Request,
    files: Annotated[list[UploadFile], File(description="Pictures.")] = [],  # noqa: B006 (FastAPI copies it)
    texts: Annotated[list[Text], Form(description="Texts; they are taken as they stand.")] = [],  # noqa: B006
    model: ModelName = None,
    bands: BandNames = None,
    units: UnitName = None,
) -> schemas.EmbedAnswer:
    """Turn pictures and texts into vectors."""
    if not files and not texts:
        raise UsageError("there is nothing to embed: send pictures as `files`, or `texts`")
    with _job(request, model, files, texts) as job:
        entries = job.worker.encode(job.model, job.pictures, job.deadline, bands=bands, units=units)
        pictures = [
            schemas.Embedded(
                name=entry.name,
                vector=None if entry.vector is None else entry.vector.tolist(),
                error=entry.error,
            )
            for entry in entries
        ]
        vectors = job.model.encode_texts(texts).cpu().tolist()
        return schemas.EmbedAnswer(
            model=job.model.name,
            revision=job.model.revision,
            dim=job.model.embed_dim,
            pictures=pictures,
            texts=[schemas.Embedded(name=text, vector=v) for text, v in zip(texts, vectors, strict=True)],
        )


def _is_card(name: str) -> bool:
    try:
        get_card(name)
    except UsageError:
        return False
    return True

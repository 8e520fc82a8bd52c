"""Photos through a model: labels of pixels, or heat maps of phrases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F

from terralex.recognition.encoder import NOT_FINITE
from terralex.recognition.fitting.fitfile import Fit
from terralex.recognition.fitting.fitted import check_origin
from terralex.recognition.items import Item
from terralex.runtime.cache import VectorCache
from terralex.runtime.options import RunOptions
from terralex.segmentation.photos.reading import Outcome, Photo, PhotoReader, groups, no_room
from terralex.segmentation.photos.records import NONE, HeatMaps, Segmentation, share_out
from terralex.segmentation.refinement import Refiner
from terralex.segmentation.segmenter import Segmenter, Vocabulary, grid_probabilities

if TYPE_CHECKING:
    from torch import Tensor

    from terralex.models import Model


class PhotoSegmenter:
    """A model with its labels, and everything that decides how pictures reach it.

    Args:
        model: What segments.
        labels: Labels and the phrases that stand for each, of which the best one counts; or a fit of pixels.
        templates: As of `Model.class_weights`.
        threshold: Pixels whose best label is less probable are none of them.
        presence: Labels that nowhere in a picture reach this probability are not in it.
        max_side: Pixels of the longer side that the model sees; larger pictures are made smaller for it.
        run: How pictures are read; `batch_size` of one size go through the model at once.
        refiner: Refines outlines; None: no refinement.

    Attributes:
        model: What segments.
        reader: Reads pictures ahead.
        names: The labels.
        has_cache: Whether vectors are kept on disk.

    Raises:
        UsageError: The model has no dense features, or labels, templates, bands or units are wrong.
    """

    def __init__(
        self,
        model: Model,
        labels: Mapping[str, Sequence[str]] | Fit,
        *,
        templates: str | Sequence[str] | None,
        threshold: float,
        presence: float,
        max_side: int,
        run: RunOptions,
        refiner: Refiner | None = None,
    ) -> None:
        self.model, self.has_cache = model, run.cache
        if isinstance(labels, Fit):
            check_origin(labels, model, "pixels", run.bands, run.units)
        self.reader = PhotoReader(
            model.card.input,
            bands=run.bands,
            units=run.units,
            batch_size=run.batch_size,
            max_side=max_side,
            workers=run.workers,
        )
        self._segmenter = Segmenter(
            model,
            labels,
            templates=templates,
            prompt_denoising=presence,
            threshold=threshold,
            refiner=refiner,
            cache=VectorCache("texts") if run.cache else None,
        )
        self.names = self._segmenter.labels

    @property
    def batch_size(self) -> int:
        """Pictures a chunk."""
        return self.reader.batch_size

    @property
    def waited(self) -> float:
        """Seconds that the model has waited for files."""
        return self.reader.waited

    @property
    def remarks(self) -> dict[str, None]:
        """What holds for many of the pictures read so far and so is in no note of a row; the keys."""
        return self.reader.remarks

    def chunks(self, items: Sequence[Item], start: int = 0) -> Iterator[list[Segmentation]]:
        """Segment items, in order and in chunks, one of which is the first to do."""
        return (self._segment(chunk) for chunk in self.reader.chunks(items, start))

    def stream(self, inputs: object) -> Iterator[Segmentation]:
        """Segment whatever `as_items` takes."""
        return (one for chunk in self.reader.stream(inputs) for one in self._segment(chunk))

    def heatmaps(self, inputs: object, *, softmax: bool) -> Iterator[HeatMaps]:
        """Probabilities (`softmax`) or cosines of each label at each pixel, of whatever `as_items` takes."""
        return (one for chunk in self.reader.stream(inputs) for one in self._heat(chunk, softmax))

    def segment_features(self, outcome: Outcome, features: Tensor) -> Segmentation:
        """Segment a picture whose dense features (C, h, w) are known."""
        segmenter = self._segmenter
        presence = segmenter.prompt_denoising
        grid = grid_probabilities(segmenter.encoder, segmenter.vocabulary, features[None], presence)[0]
        return self._segmentation(outcome, grid)

    def heatmaps_of_features(self, outcome: Outcome, features: Tensor, *, softmax: bool) -> HeatMaps:
        """Probabilities (`softmax`) or cosines for a picture whose dense features (C, h, w) are known."""
        heat = self._probabilities if softmax else self._cosines
        return self._heatmaps(outcome, heat(features[None])[0])

    def _segment(self, chunk: Sequence[Outcome]) -> list[Segmentation]:
        grids = self._run(chunk, self._segmenter.grid_probabilities)
        return [self._segmentation(outcome, grids.get(id(outcome.photo))) for outcome in chunk]

    def _heat(self, chunk: Sequence[Outcome], softmax: bool) -> list[HeatMaps]:
        heat = self._probabilities if softmax else self._cosines
        grids = self._run(chunk, lambda pixels: heat(self._segmenter.encoder(pixels)))
        return [self._heatmaps(outcome, grids.get(id(outcome.photo))) for outcome in chunk]

    def _run(self, chunk: Iterable[Outcome], model: Any) -> dict[int, Tensor]:  # noqa: ANN401
        """Maps (K, h, w) by the identity of the photo; photos with values that are not finite are absent."""
        results: dict[int, Tensor] = {}
        for same in groups(outcome.photo for outcome in chunk if outcome.photo):
            try:
                maps = model(torch.stack([photo.pixels for photo in same]))
            except Exception as error:
                raise no_room(error, self.model.device) from error
            results |= {id(photo): one for photo, one in zip(same, maps, strict=True) if one.isfinite().all()}
        return results

    def _probabilities(self, features: Tensor) -> Tensor:
        segmenter = self._segmenter
        return grid_probabilities(segmenter.encoder, segmenter.vocabulary, features)

    @torch.no_grad()
    def _cosines(self, features: Tensor) -> Tensor:
        """The largest cosine of each label's phrases: float32 (B, K, h, w)."""
        encoder, vocabulary = self._segmenter.encoder, self._segmenter.vocabulary
        assert isinstance(vocabulary, Vocabulary)  # heat maps are of phrases
        cells = features.movedim(1, -1)
        aligned = F.normalize(encoder.align(cells.flatten(0, 2)).float(), dim=-1)
        cosines = aligned @ vocabulary.phrases.T
        if vocabulary.owner is not None:
            best = cosines.new_full((len(cosines), len(vocabulary.labels)), -1)
            cosines = best.scatter_reduce_(1, vocabulary.owner.expand(len(cosines), -1), cosines, "amax")
        return cosines.reshape(*cells.shape[:3], -1).movedim(-1, 1)

    def _segmentation(self, outcome: Outcome, grid: Tensor | None) -> Segmentation:
        photo = outcome.photo
        if photo is None or grid is None:
            return Segmentation(
                outcome.item.name,
                outcome.item.window,
                model=self.model.name,
                error=outcome.error or NOT_FINITE,
            )
        size = photo.picture.shape[0], photo.picture.shape[1]
        result = self._segmenter.label(grid, size, _colours(photo))
        labels = result.labels.cpu().numpy().astype(np.int32)
        if photo.valid is not None:
            labels[~photo.valid] = NONE
        return Segmentation(
            path=outcome.item.name,
            window=photo.window,
            names=self.names,
            labels=labels,
            classes=share_out(self.names, labels, result.confidence.cpu().numpy(), photo.valid),
            picture=photo.picture,
            grid=photo.grid,
            model=self.model.name,
            notes=photo.notes,
        )

    def _heatmaps(self, outcome: Outcome, grid: Tensor | None) -> HeatMaps:
        photo = outcome.photo
        if photo is None or grid is None:
            return HeatMaps(
                outcome.item.name,
                outcome.item.window,
                model=self.model.name,
                error=outcome.error or NOT_FINITE,
            )
        return HeatMaps(
            path=outcome.item.name,
            window=photo.window,
            phrases=self.names,
            maps=_upsampled(grid, photo),
            picture=photo.picture,
            grid=photo.grid,
            model=self.model.name,
            notes=photo.notes,
        )


def _colours(photo: Photo) -> Tensor:
    """The picture as the model saw it, but in red, green and blue from 0 to 1: (3, h, w)."""
    colours = torch.from_numpy(photo.picture).permute(2, 0, 1)[None].float() / 255
    size = photo.pixels.shape[1:]
    return F.interpolate(colours, size=size, mode="bilinear", antialias=True)[0]


def _upsampled(grid: Tensor, photo: Photo) -> np.ndarray[Any, np.dtype[np.float32]]:
    size = photo.picture.shape[:2]
    maps = F.interpolate(grid[None], size=size, mode="bilinear", align_corners=False)[0].cpu().numpy()
    if photo.valid is not None:
        maps[:, ~photo.valid] = np.nan
    return maps

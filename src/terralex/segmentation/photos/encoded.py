"""A picture that goes through the model once and is then asked many times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from terralex.models.dense import DenseEncoder
from terralex.recognition.items import Item
from terralex.recognition.labels import LabelSource, load_labels
from terralex.recognition.records import Window
from terralex.runtime.errors import InputError
from terralex.runtime.options import RunOptions
from terralex.segmentation.photos.photo_segmenter import PhotoSegmenter
from terralex.segmentation.photos.reading import PhotoReader, no_room
from terralex.segmentation.photos.records import HeatMaps, Segmentation
from terralex.segmentation.photos.segment import MAX_SIDE, PRESENCE

if TYPE_CHECKING:
    from torch import Tensor

    from terralex.models import Model
    from terralex.segmentation.refinement import Refiner


class EncodedPhoto:
    """The dense features of one picture. Other labels, thresholds or SCGA do not encode it again.

    Args:
        source: A path, Pillow picture, array or `Image`.
        model: A model with dense features.
        name: What results call the picture; by default its path.
        window: The part to look at, (column, row, width, height) in pixels.
        scra: What cosines of SCRA are multiplied by.
        crop: Side of the model's windows in pixels, as of `DenseEncoder.for_model`.
        stride: From window to window, as there.
        max_side: Pixels of the longer side that the model sees.
        bands: Bands of a file that does not say.
        units: Units of a file that does not say.

    Attributes:
        model: The model.

    Raises:
        InputError: The picture cannot be read or does not suit the model.
        UsageError: The model has no dense features, or bands, units or windows are wrong.
    """

    def __init__(
        self,
        source: Any,  # noqa: ANN401 (whatever `read_image` takes)
        model: Model,
        *,
        name: str | None = None,
        window: Window | None = None,
        scra: float = 10.0,
        crop: int | None = None,
        stride: int | None = None,
        max_side: int = MAX_SIDE,
        bands: str | None = None,
        units: str | None = None,
    ) -> None:
        self.model = model
        encoder = DenseEncoder.for_model(model, scra=scra, crop=crop, stride=stride)
        reader = PhotoReader(
            model.card.input, bands=bands, units=units, batch_size=1, max_side=max_side, workers=1
        )
        item = Item(name or str(source), source, window)
        self._outcome = next(iter(reader.chunks([item])))[0]
        if self._outcome.photo is None:
            raise InputError(f"{item.name}: {self._outcome.error}")
        try:
            self._local = encoder.local(self._outcome.photo.pixels[None])
        except Exception as error:
            raise no_room(error, model.device) from error
        self._aggregated: tuple[float | None, Tensor] | None = None

    def segment(
        self,
        labels: LabelSource,
        *,
        templates: str | None = None,
        scga: float | None = 10.0,
        threshold: float = 0.0,
        presence: float = PRESENCE,
        refiner: Refiner | None = None,
        cache: bool = True,
    ) -> Segmentation:
        """Say what each pixel is; the arguments are those of `segment`, and what SCGA multiplies cosines by.

        Raises:
            UsageError: Labels or templates are wrong.
        """
        segmenter = self._segmenter(labels, templates, threshold, presence, cache, refiner)
        return segmenter.segment_features(self._outcome, self._features(scga))

    def heatmaps(
        self,
        phrases: LabelSource,
        *,
        softmax: bool = True,
        templates: str | None = None,
        scga: float | None = 10.0,
        cache: bool = True,
    ) -> HeatMaps:
        """Say how much each pixel is like each phrase; the arguments are those of `heatmaps`, and SCGA's.

        Raises:
            UsageError: Phrases or templates are wrong.
        """
        segmenter = self._segmenter(phrases, templates, 0.0, 0.0, cache)
        return segmenter.heatmaps_of_features(self._outcome, self._features(scga), softmax=softmax)

    def _features(self, scga: float | None) -> Tensor:
        """Features (C, h, w) after SCGA, the last of which are cached."""
        if self._aggregated is None or self._aggregated[0] != scga:
            encoder = DenseEncoder.for_model(self.model, scga=scga)
            self._aggregated = scga, encoder.aggregate(self._local.clone())[0]
        return self._aggregated[1]

    def _segmenter(
        self,
        labels: LabelSource,
        templates: str | None,
        threshold: float,
        presence: float,
        cache: bool,
        refiner: Refiner | None = None,
    ) -> PhotoSegmenter:
        return PhotoSegmenter(
            self.model,
            load_labels(labels),
            templates=templates,
            threshold=threshold,
            presence=presence,
            max_side=MAX_SIDE,
            run=RunOptions(cache=cache),
            refiner=refiner,
        )

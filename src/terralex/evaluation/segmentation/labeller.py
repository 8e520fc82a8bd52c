"""A model as a labeller of the benchmarks' pictures."""

from __future__ import annotations

from torch import Tensor

from terralex.evaluation.segmentation.classes import Names
from terralex.evaluation.segmentation.settings import Setting
from terralex.imagery import Bands, Image
from terralex.models import Model
from terralex.models.preprocess import match_bands, prepare
from terralex.recognition.encoder import NOT_FINITE
from terralex.runtime.cache import VectorCache
from terralex.runtime.errors import InputError, UsageError
from terralex.segmentation.refinement import Refiner
from terralex.segmentation.segmenter import Segmenter

_COLOURS = Bands(("red", "green", "blue"), "rgb")


class ModelLabeller:
    """Labels pictures by a model's dense features.

    Args:
        model: What is measured.
        setting: The published windows, scales and thresholds.
        names: The classes, each with its phrases.
        refiner: Refines outlines; None: no refinement. The data set sets its coarse threshold.
        as_published: Where no class is there at all, call pixels the first class, as the published code does.
        cache: Cached vectors of prompts.

    Raises:
        UsageError: The model has no dense features, or does not take pictures in red, green and blue.
    """

    def __init__(
        self,
        model: Model,
        setting: Setting,
        names: Names,
        *,
        refiner: Refiner | None = None,
        as_published: bool = False,
        cache: VectorCache | None = None,
    ) -> None:
        self._segmenter = Segmenter(
            model,
            names,
            scra=setting.scra,
            scga=setting.scga,
            crop=setting.crop,
            stride=setting.stride,
            prompt_denoising=setting.prompt_denoising,
            threshold=setting.threshold,
            refiner=refiner and refiner.with_coarse_threshold(setting.dataset.coarse_threshold),
            cache=cache,
        )
        self._spec, self._as_published = model.card.input, as_published
        _check_bands(model)

    def label(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        """As of `Labeller`; pixels where no class is probable enough are `segmentation.labelling.NONE`."""
        picture = Image(pixels.numpy(), _COLOURS, "8bit")
        prepared = prepare(picture, self._spec, whole=True).pixels
        probabilities = self._segmenter.grid_probabilities(prepared[None], size)[0]
        if not probabilities.isfinite().all():
            raise InputError(NOT_FINITE)
        labels = self._segmenter.label(probabilities, size, pixels / 255).labels
        return labels.clamp_(min=0) if self._as_published else labels


def _check_bands(model: Model) -> None:
    spec = model.card.input
    matches = match_bands(Bands(spec.bands, spec.sensor), _COLOURS)
    if set(matches) - {None} != {0, 1, 2} or (None in matches and spec.missing == "error"):
        raise UsageError(
            f"{model.name} takes {', '.join(spec.bands)}: these benchmarks are in red, green and blue"
        )

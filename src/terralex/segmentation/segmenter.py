"""Open-vocabulary segmentation: features to class probabilities to refined labels of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from terralex.models.dense.encoder import DenseEncoder
from terralex.recognition.fitting.fitfile import Fit
from terralex.runtime.errors import UsageError
from terralex.segmentation.fitting.vocabulary import FittedVocabulary
from terralex.segmentation.labelling import NONE, Segmentation, class_probabilities, denoise, label_map

if TYPE_CHECKING:
    from terralex.models.model import Model
    from terralex.runtime.cache import VectorCache
    from terralex.segmentation.refinement import Refiner

_CELLS = 8192  # cells of feature grids that are compared with all phrases at once


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Classes and the phrases that stand for them.

    Attributes:
        labels: The classes.
        phrases: float32 (P, D), unit rows, on the model's device.
        owner: int64 (P,): the class of each phrase; None: each is a class.
        scale: What cosines are multiplied by before the softmax.
    """

    labels: tuple[str, ...]
    phrases: Tensor
    owner: Tensor | None = None
    scale: float = 100.0

    @classmethod
    def of(
        cls,
        model: Model,
        labels: Sequence[str] | Mapping[str, Sequence[str]],
        templates: str | Sequence[str] | None = None,
        *,
        cache: VectorCache | None = None,
    ) -> Vocabulary:
        """Labels, or for each label its synonyms, in the words of a model.

        Raises:
            UsageError: As of `Model.class_weights`; or a label is there twice.
        """
        synonyms = labels if isinstance(labels, Mapping) else {label: (label,) for label in labels}
        if len(synonyms) < len(labels):
            raise UsageError("a label is there twice")
        owner = [index for index, own in enumerate(synonyms.values()) for _ in own]
        if len(set(owner)) < len(synonyms):
            raise UsageError("a label has no phrases")
        phrases = [phrase for own in synonyms.values() for phrase in own]
        vectors = model.class_weights(phrases, templates, cache=cache)
        owners = torch.tensor(owner, device=vectors.device) if len(owner) > len(synonyms) else None
        return cls(tuple(synonyms), vectors, owners, model.logit_scale)

    def probabilities(self, vectors: Tensor) -> Tensor:
        """Probabilities of the classes, float32 (N, K), as of `class_probabilities`."""
        return class_probabilities(vectors, self.phrases, self.owner, self.scale)


class Segmenter:
    """A model that tells classes apart, pixel by pixel.

    Attributes:
        labels: The classes.
        encoder: Where the features come from.
        vocabulary: The classes in the words of the model.

    Args:
        model: RADIO, an open_clip vision transformer, or the pocket model.
        labels: Labels; or for each label the phrases that stand for it, of which the best one counts; or a
            fit of pixels.
        templates: As of `Model.class_weights`.
        scra: As of `DenseEncoder.for_model`, as are the next three.
        scga: See there.
        crop: See there.
        stride: See there.
        prompt_denoising: Classes that reach this probability at no pixel of a picture are not in it.
        threshold: Pixels whose best class is less probable, before refinement, get the label `NONE`.
        refiner: Refines outlines; None: labels are only interpolated.
        cache: Cached vectors of prompts.

    Raises:
        UsageError: The labels, the templates, or the windows do not suit the model.
    """

    def __init__(
        self,
        model: Model,
        labels: Sequence[str] | Mapping[str, Sequence[str]] | Fit,
        *,
        templates: str | Sequence[str] | None = None,
        scra: float = 10.0,
        scga: float | None = 10.0,
        crop: int | None = None,
        stride: int | None = None,
        prompt_denoising: float = 0.5,
        threshold: float = 0.0,
        refiner: Refiner | None = None,
        cache: VectorCache | None = None,
    ) -> None:
        self.encoder = DenseEncoder.for_model(model, scra=scra, scga=scga, crop=crop, stride=stride)
        self.vocabulary: Vocabulary | FittedVocabulary
        if isinstance(labels, Fit):
            self.vocabulary = FittedVocabulary.of(labels, model)
        else:
            self.vocabulary = Vocabulary.of(model, labels, templates, cache=cache)
        self.labels = self.vocabulary.labels
        self.prompt_denoising, self.threshold, self.refiner = prompt_denoising, threshold, refiner

    @torch.no_grad()
    def grid_probabilities(self, pixels: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Probabilities of the classes on the grid of features, 0 for classes that are not in a picture.

        Args:
            pixels: (B, bands, H, W) of any size, normalised.
            size: Height and width of the labels that are made of them; by default those of `pixels`.

        Returns:
            float32 (B, K, h, w); bilinear interpolation leads to any size.
        """
        features = self.encoder(pixels)
        size = size or (pixels.shape[2], pixels.shape[3])
        return grid_probabilities(self.encoder, self.vocabulary, features, self.prompt_denoising, size)

    def segment(self, pixels: Tensor, size: tuple[int, int] | None = None) -> Segmentation:
        """Label every pixel, without refinement, which needs the picture in colours: see `label`.

        Args:
            pixels: (B, bands, H, W) of any size, normalised.
            size: Height and width of the result; by default those of `pixels`.

        Returns:
            Labels and confidence (B, *size).
        """
        size = size or (pixels.shape[2], pixels.shape[3])
        grids = self.grid_probabilities(pixels, size)
        maps = [label_map(picture, size, self.threshold) for picture in grids]
        return Segmentation(*(torch.stack(parts) for parts in zip(*maps, strict=True)))

    def label(self, probabilities: Tensor, size: tuple[int, int], image: Tensor) -> Segmentation:
        """Label every pixel of one picture, with refined outlines if there is a refiner.

        Args:
            probabilities: float32 (K, h, w), as of `grid_probabilities`.
            size: Height and width (H, W) of the result.
            image: float32 (3, h0, w0), the picture in RGB from 0 to 1, of any size.

        Returns:
            Labels and confidence (H, W).
        """
        return label_picture(probabilities, size, image, threshold=self.threshold, refiner=self.refiner)


def label_picture(
    probabilities: Tensor,
    size: tuple[int, int],
    image: Tensor,
    *,
    threshold: float = 0.0,
    refiner: Refiner | None = None,
) -> Segmentation:
    """As `Segmenter.label`, with a threshold and a refiner as of `Segmenter`."""
    coarse = result = label_map(probabilities, size)
    if refiner is not None:
        result = refiner.refine(image, probabilities, size, coarse)
    return Segmentation(result.labels.masked_fill(coarse.confidence < threshold, NONE), result.confidence)


@torch.no_grad()
def grid_probabilities(
    encoder: DenseEncoder,
    vocabulary: Vocabulary | FittedVocabulary,
    features: Tensor,
    presence: float = 0.0,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Probabilities of classes on the grid of features.

    Args:
        encoder: Brings features into the space of texts.
        vocabulary: The classes.
        features: (B, C, h, w).
        presence: Classes that nowhere in a picture reach this probability are set to 0.
        size: Height and width of the pictures, as of `denoise`.

    Returns:
        float32 (B, K, h, w).
    """
    batch, _, *grid = features.shape
    cells = features.flatten(2).transpose(1, 2).flatten(0, 1)
    probabilities = torch.cat(
        [vocabulary.probabilities(encoder.align(some)) for some in torch.split(cells, _CELLS)]
    )
    pictures = probabilities.reshape(batch, *grid, -1).permute(0, 3, 1, 2)
    return torch.stack([denoise(picture, presence, size) for picture in pictures])

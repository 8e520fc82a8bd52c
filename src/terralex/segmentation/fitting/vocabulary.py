"""Classes that were learned from pixels, in the place of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.imagery import Bands, Image, Units, WindowReader
from terralex.models.card import InputSpec
from terralex.models.preprocess import match_bands
from terralex.recognition.fitting.fitfile import Fit
from terralex.recognition.fitting.fitted import check_origin
from terralex.runtime.errors import UsageError

if TYPE_CHECKING:
    from terralex.models.model import Model

LEAST = 1e-6
"""A threshold on probabilities that only pixels fall below that are unlike all examples, whose are 0."""


@dataclass(frozen=True, eq=False)
class FittedVocabulary:
    """The classes of a fit of pixels.

    Attributes:
        labels: The classes.
        fit: What was learned.
        weights: float32 (K, D), on the model's device.
        intercepts: float32 (K,).
    """

    labels: tuple[str, ...]
    fit: Fit
    weights: Tensor
    intercepts: Tensor

    @classmethod
    def of(cls, fit: Fit, model: Model) -> FittedVocabulary:
        """The classes of a fit, for the model that it was made with.

        Raises:
            UsageError: It was made with another, or learned from whole images.
        """
        check_origin(fit, model, "pixels", None, None)
        weights, intercepts = (
            torch.from_numpy(own).to(model.device) for own in (fit.weights, fit.intercepts)
        )
        return cls(fit.labels, fit, weights, intercepts)

    def probabilities(self, vectors: Tensor) -> Tensor:
        """Calibrated probabilities float32 (N, K) of features (N, D) in the space of the texts.

        They are 0 for features that are unlike all examples.
        """
        vectors = F.normalize(vectors.float(), dim=-1)
        probabilities = (vectors @ self.weights.T + self.intercepts).softmax(dim=-1)
        unlike = self.fit.is_unlike(np.asarray(vectors.cpu().numpy(), np.float32))
        return probabilities.masked_fill(torch.from_numpy(unlike).to(vectors.device)[:, None], 0)


def seen_bands(image: Image, spec: InputSpec) -> tuple[str, ...]:
    """The bands of an image that a network sees, in the network's order."""
    matches = match_bands(Bands(spec.bands, spec.sensor), image.bands)
    return tuple(image.bands.names[index] for index in matches if index is not None)


def check_scene(
    fit: Fit, model: Model, source: str, bands: str | None, units: Units | None, name: str = "the fit"
) -> None:
    """Refuse a scene of other bands than those that a fit was learned from, and a fit as `check_origin` does.

    Raises:
        UsageError: It is another model, or there are other bands or units.
        InputError: The scene cannot be read.
    """
    check_origin(fit, model, "pixels", bands, units, name)
    spec = model.card.input
    with WindowReader(source, bands=bands, units=units, want=spec.bands) as reader:
        seen = seen_bands(reader.read((0, 0, min(reader.width, 16), min(reader.height, 16))), spec)
    if fit.origin.bands and seen not in fit.origin.bands:
        learned = " or ".join(", ".join(names) for names in fit.origin.bands)
        raise UsageError(f"{name} was learned from the bands {learned}, and {source} has {', '.join(seen)}")

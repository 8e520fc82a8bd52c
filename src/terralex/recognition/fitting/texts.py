"""Zero-shot weights of labels: where learning starts, so that no examples are as good as words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.cache import VectorCache

if TYPE_CHECKING:
    from terralex.models import Model


def text_weights(
    model: Model, labels: Sequence[str], templates: str | Sequence[str] | None = None, *, cache: bool = True
) -> NDArray[np.float32] | None:
    """Weights float32 (labels, embed_dim) whose products with vectors of images are zero-shot logits.

    Names of classes such as `AnnualCrop` and `annual_crop` are read as words.

    Args:
        model: What reads the labels.
        labels: The classes.
        templates: As of `Model.class_weights`.
        cache: Look up and store the vectors of prompts on disk.

    Returns:
        None for a model without texts, and for a hyperbolic one, whose scores are no products.

    Raises:
        UsageError: There are no such templates.
    """
    if model.card.geometry == "lorentz" or not hasattr(model.network, "encode_text"):
        return None
    store = VectorCache("texts") if cache else None
    vectors = model.class_weights([in_words(label) for label in labels], templates, cache=store)
    weights: NDArray[np.float32] = (model.logit_scale * vectors.float()).cpu().numpy()
    return weights


def in_words(label: str) -> str:
    """The name of a class as words: `AnnualCrop` and `annual_crop` are `annual crop`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_]+|(?<=\w)-(?=\w)", " ", label)).strip()
    return words.lower() if words != label else label

"""What a trained model learns about itself: where its domain ends, and how sure its answers may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from terralex.metrics.confidence import expected_calibration_error
from terralex.models import Model
from terralex.models.domain import Domain
from terralex.models.networks import build
from terralex.runtime.errors import UsageError
from terralex.training.augment import Augmentation
from terralex.training.batches import draw_pictures
from terralex.training.concepts import FALSE, Concepts
from terralex.training.sources import Source, SourceSpec, load_source

_PICTURES = 480  # of each source
_BATCH = 60
_FEWEST = 6  # pictures of a class that has a mean of its own
_FALSE_ALARMS = 0.05
_VARIED = Augmentation(crop=0.5, gain=0.2, drop_bands=0.1, render=0.4, blur=0.2, mix=0.0)
_KEYS = ("known", "held_out")


def with_domain(model: Model, settings: Mapping[str, Any], spec: SourceSpec) -> Model:
    """The model with the domain that its recipe describes, and with calibrated probabilities.

    Args:
        model: What was trained.
        settings: ``known``: data sources of images like those of training, whose classes get a mean each.
            ``held_out``: sources of images that training left out: one in twenty of them shall count as
            outside, and probabilities shall be right about them.
        spec: What sources need to know.

    Raises:
        UsageError: The settings or a source are wrong.
    """
    if set(settings) != set(_KEYS) or not all(isinstance(settings[key], list) for key in _KEYS):
        raise UsageError(f"domain in the recipe needs the lists of data sources {' and '.join(_KEYS)}")
    known, held_out = ([load_source({"share": 1, **entry}, spec) for entry in settings[key]] for key in _KEYS)
    vectors, classes = _of_classes([_vectors(model, source, spec, _VARIED) for source in known])
    unseen = [_vectors(model, source, spec, None) for source in held_out]
    scale = _logit_scale(model, spec.concepts, unseen, held_out)
    domain = Domain(int(classes.max()) + 1, model.embed_dim)
    domain.fit(vectors, classes, torch.cat([own for own, _ in unseen]), _FALSE_ALARMS)
    card = replace(
        model.card,
        architecture={**model.card.architecture, "domain": len(domain.means)},
        logit_scale=round(scale, 3),
    )
    network, tokenizer = build(card)
    state = {
        **model.network.state_dict(),
        **{f"domain.{name}": value for name, value in domain.state_dict().items()},
    }
    network.load_state_dict(state, assign=True)
    return Model(card, network, tokenizer, dtype=model.dtype)


def _vectors(
    model: Model, source: Source, spec: SourceSpec, augment: Augmentation | None
) -> tuple[Tensor, Tensor]:
    """Vectors of pictures of a source, and their labels."""
    generator = torch.Generator().manual_seed(spec.seed)
    vectors, labels = [], []
    for step in range(_PICTURES // _BATCH):
        chosen = source.choose(step, _BATCH, generator)
        pixels = draw_pictures(source, chosen, spec.input.size, spec.input, augment, generator)
        vectors.append(model.encode_images(pixels).float())
        labels.append(torch.from_numpy(source.labels(chosen)))
    return torch.cat(vectors), torch.cat(labels)


def _of_classes(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Vectors of all sources, and the number of each one's class in its source; rare classes are left out."""
    vectors, numbers, count = [], [], 0
    for own, labels in parts:
        for label in sorted(set(labels.tolist())):
            here = labels == label
            if here.sum() >= _FEWEST:
                vectors.append(own[here])
                numbers.append(torch.full((int(here.sum()),), count))
                count += 1
    return torch.cat(vectors), torch.cat(numbers)


def _logit_scale(
    model: Model, concepts: Concepts | None, parts: Sequence[tuple[Tensor, Tensor]], sources: Sequence[Source]
) -> float:
    """The scale with the lowest calibration error, over the classes of each source of held-out images.

    Classes that may hold for one another's images do not compete.
    """
    assert concepts is not None, "sources of land needed them"
    scales = torch.linspace(5, 80, 76)
    errors = torch.zeros(len(scales), dtype=torch.float64)
    weights = model.class_weights([concept.words[0] for concept in concepts])
    for (vectors, labels), source in zip(parts, sources, strict=True):
        if source.taxonomy is not None:
            continue
        names = labels.new_tensor(sorted(set(labels.tolist())))
        exclusive = (concepts.relation[names][:, names] == FALSE) | torch.eye(len(names), dtype=torch.bool)
        scores = vectors @ weights[names].T
        truth = torch.searchsorted(names, labels)
        scores = scores.masked_fill(~exclusive[truth], -2)
        for number, scale in enumerate(scales):
            confidence, best = (scale * scores).softmax(dim=1).max(dim=1)
            errors[number] += expected_calibration_error(confidence, best == truth)
    return float(scales[errors.argmin()])

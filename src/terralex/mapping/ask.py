"""A map and phrases to the places where they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Unpack

from terralex.mapping.records import MapAnswer, Place
from terralex.recognition.classify import Templates
from terralex.recognition.labels import Labels, LabelSource, load_labels
from terralex.recognition.loading import open_model
from terralex.runtime.errors import UsageError
from terralex.runtime.options import ModelKeywords, ModelOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from terralex.mapping.voxels import VoxelMap
    from terralex.models import Model

AGAINST = ("object", "things", "stuff", "texture")
"""What anything is, more or less: a phrase must be more like a place than these (LERF, arXiv 2303.09553)."""

THRESHOLD = 0.5
SMALLEST = 5
TOP_K = 10

DOUBT = 10
"""Voxels of probability 0 that a place is scored with: so few voxels need more to be as good as many."""

_ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)", re.IGNORECASE)


def ask(
    voxels: str | PathLike[str] | VoxelMap,
    phrases: LabelSource | None = None,
    *,
    against: LabelSource | None = None,
    model: str | Model | None = None,
    templates: Templates | None = None,
    threshold: float = THRESHOLD,
    presence: float = THRESHOLD,
    smallest: int = SMALLEST,
    top_k: int = TOP_K,
    **options: Unpack[ModelKeywords],
) -> MapAnswer:
    """Find where in a map some phrases are.

    Every voxel is the phrase that it is most like, if it is more like it than what the phrases are asked
    against. Voxels of one phrase that touch are a place.

    Args:
        voxels: A map, or the ``.npz`` or ``.zarr`` file of one.
        phrases: What to look for: names, a mapping from names to phrases of which the best one counts, or the
            path of a list. For a map of labels: some of them; None for all.
        against: What a place could be instead; by default words that fit anything.
        model: What made the map, or what `load_model` takes; by default what the map names.
        templates: Sentences with `{c}` for the phrase, or what `load_templates` takes; the model's if None.
        threshold: How probable a phrase must be in a voxel.
        presence: Phrases that nowhere in the map reach this probability are not in it.
        smallest: Voxels of a place, at least.
        top_k: Places a phrase, at most.
        options: How the model is loaded; see `terralex.runtime.options.ModelOptions`.

    Raises:
        UsageError: There is no such map, it was made by another model or with other weights, or a phrase or
            number is wrong.
        TerralexError: The model cannot be loaded.
    """
    from terralex.mapping.query import best_labels, denoised
    from terralex.mapping.voxels import VoxelMap, load_map

    run = ModelOptions(**options)
    found = voxels if isinstance(voxels, VoxelMap) else load_map(voxels)
    if not found.channels:
        raise UsageError("this map holds colours alone: make one with a model, -o map.npz, to ask it")
    if smallest < 1 or top_k < 1:
        raise UsageError("a place has at least 1 voxel, and there is at least 1 place to ask for")
    notes: list[str] = []
    if found.info.labels:
        names, probabilities = _kept(found, phrases, against)
    else:
        if not phrases:
            raise UsageError('say what to look for: terralex ask MAP "a chair" "a table"')
        asked = load_labels(phrases)
        other = load_labels(AGAINST if against is None else against)
        other = {name: own for name, own in other.items() if name not in asked}
        loaded = open_model(model or found.info.model, run)
        names = tuple(asked)
        probabilities = _told(found, asked, other, loaded, templates, run.cache)
        if loaded.card.weights.bundled:
            notes.append(f"{loaded.name}: {' '.join(loaded.card.notes)}")
    highest = probabilities[:, : len(names)].max(axis=0, initial=0)
    best = best_labels(denoised(probabilities, presence), threshold).labels
    best[best >= len(names)] = -1
    places = [
        place
        for k, name in enumerate(names)
        for place in _places(found, probabilities[:, k], best == k, name, smallest, top_k)
    ]
    there = {place.phrase for place in places}
    if nowhere := [f"{n} (at most {p:.2f})" for n, p in zip(names, highest, strict=True) if n not in there]:
        notes.insert(0, f"nowhere in the map: {', '.join(nowhere)}")
    return MapAnswer(names, tuple(places), found, probabilities[:, : len(names)], best, tuple(notes))


def _kept(
    voxels: VoxelMap, phrases: LabelSource | None, against: LabelSource | None
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Of a map of labels: those asked for, and the probabilities of these, then of the others."""
    import numpy as np

    if against is not None:
        raise UsageError("this map was made with labels, which are against one another already")
    known = voxels.info.labels
    names = known if phrases is None else tuple(load_labels(phrases))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"this map knows {', '.join(known)} and nothing else, not {', '.join(unknown)}: to ask it in any "
            "words, make it without --labels"
        )
    order = [known.index(name) for name in names]
    order += [place for place in range(len(known)) if place not in order]
    return names, np.concatenate([np.zeros((0, len(known)), np.float32), *voxels.blocks()])[:, order]


def _told(
    voxels: VoxelMap,
    asked: Labels,
    against: Labels,
    model: Model,
    templates: Templates | None,
    cache: bool,
) -> NDArray[np.float32]:
    """Of a map of features: the probabilities of phrases, then of the others that they are asked against."""
    from terralex.mapping.query import voxel_probabilities
    from terralex.models.dense import DenseEncoder
    from terralex.runtime.cache import VectorCache
    from terralex.segmentation.segmenter import Vocabulary

    if model.revision != voxels.info.revision:
        raise UsageError(
            f"the map was made by {voxels.info.model} with weights {voxels.info.revision}, and {model.name} "
            f"has {model.revision}: ask it with the model that made it, or make it again"
        )
    vocabulary = Vocabulary.of(
        model,
        {name: _plain(own) for name, own in (asked | against).items()},
        fspath(templates) if isinstance(templates, PathLike) else templates,
        cache=VectorCache("texts") if cache else None,
    )
    return voxel_probabilities(voxels, DenseEncoder.for_model(model), vocabulary)


def _plain(phrases: Sequence[str]) -> tuple[str, ...]:
    """Phrases without "a" and "the", which templates bring."""
    return tuple(_ARTICLE.sub("", phrase) for phrase in phrases)


def _places(
    voxels: VoxelMap,
    probability: NDArray[np.float32],
    members: NDArray[np.bool_],
    phrase: str,
    smallest: int,
    top_k: int,
) -> list[Place]:
    """Where a phrase is, the best place first."""
    from terralex.mapping.instances import instances

    found = instances(voxels.keys, members, voxels.voxel_size, smallest)
    sums = (float(probability[one.voxels].sum(dtype=float)) for one in found)
    scored = [(total / (len(one.voxels) + DOUBT), one) for total, one in zip(sums, found, strict=True)]
    scored.sort(key=lambda pair: pair[0], reverse=True)
    return [
        Place(phrase, position, score, one.centre, one.low, one.high, one.volume, len(one.voxels))
        for position, (score, one) in enumerate(scored[:top_k], 1)
    ]

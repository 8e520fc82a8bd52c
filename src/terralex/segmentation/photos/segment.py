"""Segmentation and heat maps of pictures, in one call."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike, fspath
from typing import TYPE_CHECKING, Unpack

from terralex.recognition.classify import Templates
from terralex.recognition.fitting.fitfile import Fit, is_fit_file, load_fit
from terralex.recognition.labels import Labels, LabelSource, load_labels
from terralex.recognition.loading import open_model
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunKeywords, RunOptions
from terralex.segmentation.photos.records import HeatMaps, Segmentation

if TYPE_CHECKING:
    from terralex.models import Model

BATCH_SIZE = 4
MAX_SIDE = 1344
"""Pixels of a picture's longer side that the model sees by default: of six windows of 336."""

PRESENCE = 0.5
"""What a label has to reach somewhere to be in a picture."""


def segment(
    inputs: object,
    labels: LabelSource | Fit,
    *,
    model: str | Model = "pocket",
    templates: Templates | None = None,
    threshold: float = 0.0,
    presence: float = PRESENCE,
    refine: bool = False,
    max_side: int = MAX_SIDE,
    **options: Unpack[RunKeywords],
) -> Iterator[Segmentation]:
    """Say what each pixel of pictures is. For maps of whole scenes see `terralex.segmentation.scenes`.

    Args:
        inputs: A path, folder, glob, Pillow picture, array, `Image`, or `(any of them, window)`; or several,
            in a list or an iterator. A window is (column, row, width, height) in pixels.
        labels: Names, a mapping from names to phrases of which the best one counts, the path of a list, or a
            fit of pixels or its path (`.fit`).
        model: A model, or what `load_model` takes.
        templates: Sentences with `{c}` for the label, or what `load_templates` takes; by default the model's.
        threshold: Pixels whose best label is less probable are none of them.
        presence: Labels that nowhere in a picture reach this probability are not in it.
        refine: Sharpen outlines with SAM, through the features of the model if it is a RADIO with a head into
            those of SAM, else with SAM's own encoder.
        max_side: Pixels of the longer side that the model sees; larger pictures are made smaller for it, and
            the labels are brought to the picture's own size.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        An iterator of one result a picture, in the order given. A picture that cannot be used gives one with
        `error` set and no labels.

    Raises:
        UsageError: The labels, templates, bands, units or the model's name are wrong, or the model has no
            dense features.
        TerralexError: The model cannot be loaded or run.
    """
    from terralex.segmentation.photos.photo_segmenter import PhotoSegmenter
    from terralex.segmentation.refinement import load_refiner  # it brings torch, as does the next

    run = _local({"batch_size": BATCH_SIZE, **options})
    loaded = open_model(model, run)
    segmenter = PhotoSegmenter(
        loaded,
        load_classes(labels),
        templates=fspath(templates) if isinstance(templates, PathLike) else templates,
        threshold=threshold,
        presence=presence,
        max_side=max_side,
        run=run,
        refiner=load_refiner(loaded, offline=run.offline) if refine else None,
    )
    return segmenter.stream(inputs)


def load_classes(labels: LabelSource | Fit) -> Labels | Fit:
    """Labels with their phrases, or a fit.

    Raises:
        UsageError, TerralexError: As of `load_labels` and `load_fit`.
    """
    if isinstance(labels, Fit):
        return labels
    return load_fit(labels) if is_fit_file(labels) else load_labels(labels)


def heatmaps(
    inputs: object,
    phrases: LabelSource,
    *,
    softmax: bool = True,
    model: str | Model = "pocket",
    templates: Templates | None = None,
    max_side: int = MAX_SIDE,
    **options: Unpack[RunKeywords],
) -> Iterator[HeatMaps]:
    """Say how much each pixel of pictures is like each of some phrases.

    Args:
        inputs: As for `segment`.
        phrases: As the labels of `segment`.
        softmax: Give the probability of each phrase among all; if not, its cosine, which no other phrase
            changes.
        model: As for `segment`, as are the others.
        templates: See there.
        max_side: See there.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        An iterator of one result a picture, as of `segment`.

    Raises:
        UsageError, TerralexError: As `segment`.
    """
    from terralex.segmentation.photos.photo_segmenter import PhotoSegmenter

    run = _local({"batch_size": 1, **options})
    segmenter = PhotoSegmenter(
        open_model(model, run),
        load_labels(phrases),
        templates=fspath(templates) if isinstance(templates, PathLike) else templates,
        threshold=0.0,
        presence=0.0,
        max_side=max_side,
        run=run,
    )
    return segmenter.heatmaps(inputs, softmax=softmax)


def _local(options: RunKeywords) -> RunOptions:
    run = RunOptions(**options)
    if run.engine != "local":
        raise UsageError(f"segmentation runs in this process alone: leave out engine={run.engine!r}")
    return run

"""A posed RGB-D sequence to a map that can be asked in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from terralex.recognition.classify import Templates
from terralex.recognition.labels import LabelSource, load_labels
from terralex.recognition.loading import open_model
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.files import cannot_write
from terralex.runtime.options import ModelKeywords, ModelOptions
from terralex.runtime.resume import digest

if TYPE_CHECKING:
    from terralex.mapping.building import Tell
    from terralex.mapping.encoding import FeatureEncoder, LabelEncoder
    from terralex.mapping.estimate import MapSize
    from terralex.mapping.frames import PosedSequence
    from terralex.mapping.voxels import MapBuilder
    from terralex.models import Model

VOXEL_SIZE = 0.05
"""Metres: the published one."""

MAPS = (".npz", ".zarr")
"""Endings of maps that can be asked."""

PICTURES = (".ply", ".html")
"""Endings of maps to look at."""

_GB = 1e9

_File = str | PathLike[str]


@dataclass(frozen=True)
class MapReport:
    """What became of a sequence.

    Attributes:
        outputs: The files.
        voxels: How many voxels the map has.
        frames: How many frames were fused.
        failed: The frames that could not be, each with the reason.
        notes: What the reader of the map should know, what the sequence's check found among it.
    """

    outputs: tuple[Path, ...]
    voxels: int
    frames: int
    failed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def build_map(
    sequence: _File | PosedSequence,
    output: _File | Sequence[_File],
    *,
    model: str | Model = "pocket",
    labels: LabelSource | None = None,
    templates: Templates | None = None,
    refine: bool = False,
    voxel_size: float = VOXEL_SIZE,
    crop: int | None = None,
    stride: int | None = None,
    least_confidence: float = 0.0,
    memory: int | None = None,
    force: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    tell: Callable[[str], object] | None = None,
    on_progress: Tell | None = None,
    **options: Unpack[ModelKeywords],
) -> MapReport:
    """Fuse a posed RGB-D sequence into a map of voxels.

    Memory is bounded: parts of the map that have no room wait on disk, beside the output. A run that was
    killed goes on where it was, and ends with the same bytes.

    Args:
        sequence: A folder in one of the known layouts, or what `terralex.mapping.frames.open_sequence` gives,
            which knows about scenes, sizes and frames to skip.
        output: What to write, by the ending: ``.npz`` or ``.zarr`` for a map to `ask`, ``.ply`` or ``.html``
            to look at. Without one of the first two no model is needed, and none is loaded.
        model: A model, or what `load_model` takes.
        labels: Fuse probabilities of these instead of features for any words: names, a mapping from names to
            phrases, or the path of a list.
        templates: As of `segment`, for the labels.
        refine: Sharpen the outlines of the labels with SAM.
        voxel_size: Side of a voxel, metres.
        crop: Side of the model's windows in pixels, as of `DenseEncoder.for_model`.
        stride: From window to window, as there.
        least_confidence: How sure a depth has to be, 0 to 1, if the sequence says how sure it is.
        memory: Bytes that the map may take in memory; half of what is free if None.
        force: Go on where the check of the sequence finds that its map would be wrong.
        resume: Go on with a run that was broken off.
        overwrite: Replace what is there.
        tell: Called with each note as soon as it is known.
        on_progress: Called with the frames done, those that failed, and those in all.
        options: How the model is loaded; see `terralex.runtime.options.ModelOptions`.

    Raises:
        UsageError: A name, flag or number is wrong, or there is no room for a map of such small voxels.
        InputError: The sequence cannot be read.
        TerralexError: The sequence's poses or depths are wrong, none of its frames can be used, the model
            cannot be loaded, or something cannot be written.
    """
    from terralex.mapping.building import Fusion, room
    from terralex.mapping.frames import open_sequence
    from terralex.mapping.voxels import MapBuilder, MapInfo
    from terralex.runtime.run_folder import check_outputs, open_run

    run = ModelOptions(**options)
    files = _outputs(output)
    named = None if labels is None else load_labels(labels)
    _check(files, named is not None, refine, voxel_size)
    check_outputs(files, resume=resume, overwrite=overwrite)
    recording = open_sequence(sequence) if isinstance(sequence, str | PathLike) else sequence
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if tell:
            tell(text)

    _inspect(recording, force, note)
    loaded = encoder = None
    if any(path.suffix.lower() in MAPS for path in files):
        loaded = open_model(model, run)
        encoder = _encoder(loaded, named, templates, refine, crop, stride, run)
        if loaded.card.weights.bundled:
            note(f"{loaded.name}: {' '.join(loaded.card.notes)}")
    memory, disk = room(files[0], memory)
    _check_size(recording, voxel_size, encoder.channels if encoder else 0, memory, disk, note)
    settings = {
        "sequence": digest([json.dumps(recording.fingerprint(), sort_keys=True)]),
        "model": loaded and loaded.key,
        "voxel size": voxel_size,
        "labels": named and digest(f"{name}: {own}" for name, own in named.items()),
        "templates": templates and digest(_several(templates)),
        "refined": refine,
        "windows": [crop, stride],
        "least confidence": least_confidence,
    }
    info = MapInfo(
        voxel_size,
        model=_spoken(model) if loaded else "",
        revision=loaded.revision if loaded else "",
        sequence=recording.name,
        up=_up(recording),
        labels=tuple(named or ()),
    )
    try:
        with open_run(files[0], settings, overwrite=overwrite) as work:
            builder = MapBuilder(info, folder=work.folder, memory=memory)
            fusion = Fusion(recording, encoder, builder, work)
            fusion.run(least_confidence, on_progress)
            for path in files:
                _write(builder, path)
            work.publish({})
    except OSError as error:
        raise cannot_write(files[0], error, "Put that right and go on with --resume") from error
    failed = tuple(fusion.failed)
    return MapReport(files, len(builder), builder.info.frames, failed, tuple(notes))


def _outputs(output: _File | Sequence[_File]) -> tuple[Path, ...]:
    return tuple(Path(one) for one in _several(output))


def _several(one_or_more: _File | Sequence[_File]) -> list[str]:
    several = [one_or_more] if isinstance(one_or_more, str | PathLike) else one_or_more
    return [fspath(one) for one in several]


def _check(files: Sequence[Path], labelled: bool, refine: bool, voxel_size: float) -> None:
    from terralex.mapping.voxels.keys import check_voxel_size

    check_voxel_size(voxel_size)
    if not files:
        raise UsageError("say where to keep the map: -o map.npz")
    for path in files:
        if path.suffix.lower() not in (*MAPS, *PICTURES):
            raise UsageError(
                f"{path}: end it in {', '.join(MAPS)} for a map to ask, or {', '.join(PICTURES)}"
            )
    if labelled and not any(path.suffix.lower() in MAPS for path in files):
        raise UsageError("labels are kept in a map to ask: also pass -o map.npz")
    if refine and not labelled:
        raise UsageError("only labels have outlines to refine: pass --labels, or leave out --refine")


def _inspect(recording: PosedSequence, force: bool, note: Callable[[str], object]) -> None:
    """Say what is wrong with a recording; raise `TerralexError` if its map would be, unless that is meant."""
    from terralex.mapping.frames.checking import check_sequence

    problems = check_sequence(recording)
    for problem in problems:
        note(f"{recording.name}: {problem.message}")
    if any(problem.fatal for problem in problems) and not force:
        raise TerralexError(f"{recording.name}: a map of it would be wrong; --force makes it all the same")


def _encoder(
    model: Model,
    labels: dict[str, tuple[str, ...]] | None,
    templates: Templates | None,
    refine: bool,
    crop: int | None,
    stride: int | None,
    run: ModelOptions,
) -> FeatureEncoder | LabelEncoder:
    from terralex.mapping.encoding import FeatureEncoder, LabelEncoder
    from terralex.runtime.cache import VectorCache
    from terralex.segmentation.refinement import load_refiner
    from terralex.segmentation.segmenter import Segmenter

    if labels is None:
        return FeatureEncoder(model, crop=crop, stride=stride)
    segmenter = Segmenter(
        model,
        labels,
        templates=fspath(templates) if isinstance(templates, PathLike) else templates,
        crop=crop,
        stride=stride,
        refiner=load_refiner(model, offline=run.offline) if refine else None,
        cache=VectorCache("texts") if run.cache else None,
    )
    return LabelEncoder(model, segmenter)


def _check_size(
    recording: PosedSequence,
    voxel_size: float,
    channels: int,
    memory: int,
    disk: int,
    note: Callable[[str], object],
) -> None:
    """Say how large the map will be if it is large, and refuse what there is no room for."""
    from terralex.mapping.estimate import estimate_size

    size = estimate_size(recording, voxel_size)
    working, kept = size.working_bytes(channels), size.file_bytes(channels)
    told = f"about {size.voxels:,} voxels of {voxel_size:g} m, {working / _GB:.1f} GB while the map is made"
    if working + kept > disk + memory or kept > disk:
        fitting = _fitting(size, voxel_size, channels, disk)
        raise UsageError(
            f"{told} and {kept / _GB:.1f} GB after: there are {memory / _GB:.1f} GB of memory for it and "
            f"{disk / _GB:.1f} GB of disk. There is room for voxels of {fitting:g} m"
        )
    if working > memory:
        note(f"{told}: more than the {memory / _GB:.1f} GB of memory for it, so parts of it wait on disk")


def _fitting(size: MapSize, voxel_size: float, channels: int, disk: int) -> float:
    """A size of voxels for which half of the disk is enough: twice the size makes a quarter of the voxels."""
    needed = size.working_bytes(channels) + size.file_bytes(channels)
    return float(f"{voxel_size * max((2 * needed / max(disk, 1)) ** 0.5, 1) * 1.05:.2g}")


def _up(recording: PosedSequence) -> str:
    """The axis of the world that is up: what cameras that are held level have above them."""
    import numpy as np

    above = np.nan_to_num(np.mean([-recording.pose(i)[:3, 1] for i in range(len(recording))], axis=0))
    axis = int(np.abs(above).argmax())
    return f"{'+' if above[axis] >= 0 else '-'}{'xyz'[axis]}"


def _spoken(model: str | Model) -> str:
    return model if isinstance(model, str) else model.name


def _write(builder: MapBuilder, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in MAPS:
        builder.save(path)
        return
    from terralex.mapping.ply import write_ply
    from terralex.mapping.viewer import write_viewer

    surface = builder.surface()
    if path.suffix.lower() == ".ply":
        write_ply(path, surface)
    else:
        write_viewer(path, surface)

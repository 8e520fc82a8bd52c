"""Measuring maps of scenes: frames fused, voxels named, names carried to the truth and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from terralex.evaluation.coverage import SMALLEST_PART
from terralex.evaluation.mapping.kept import Kept
from terralex.evaluation.mapping.plan import MappingPlan, Scene
from terralex.evaluation.mapping.settings import MappingSetting
from terralex.evaluation.mapping.truth import truth_from_images, truth_from_points
from terralex.evaluation.mapping.votes import LabelledVoxels, carry_labels
from terralex.mapping.frames import Frame
from terralex.mapping.fusion import fuse
from terralex.mapping.query import best_labels, denoised
from terralex.mapping.voxels import MapBuilder, MapInfo, VoxelMap
from terralex.metrics.mapping import MapScores, count_voxels, score_voxels
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.progress import progress

CHUNK = 10_000
"""Voxels among which the published evaluation looks for classes that are there."""


class Mapper(Protocol):
    """What is measured.

    Attributes:
        key: What its features depend on, in words.
    """

    key: str

    def encode(self, frame: Frame) -> NDArray[np.float32]:
        """What is seen in a frame: features (C, h, w) on a grid over the picture.

        Raises:
            InputError: The frame cannot be used, which costs it alone.
        """

    def probabilities(self, voxels: VoxelMap) -> NDArray[np.float32]:
        """How probable each class is in each voxel, float32 (N, K)."""


MakeMapper = Callable[[MappingSetting, tuple[str, ...]], Mapper]
"""Makes a mapper for a setting and the names of classes."""


@dataclass(frozen=True)
class SceneReport:
    """How well the voxels of a scene were named.

    Attributes:
        setting: How it was measured.
        scene: Its name.
        names: The classes that may be there.
        counts: int64 (4, K), as of `count_voxels`; None if it could not be scored.
        frames: How many frames were fused.
        skipped: Frames that the recording has, but lacks a part of, such as a finite pose.
        left_out: Frames that could not be read, with the reason.
        error: Why the scene could not be scored; None if it was.
    """

    setting: MappingSetting
    scene: str
    names: tuple[str, ...]
    counts: NDArray[np.int64] | None
    frames: int
    skipped: int
    left_out: tuple[tuple[str, str], ...] = ()
    error: str | None = None

    @cached_property
    def scores(self) -> MapScores | None:
        """The figures, as fractions of one."""
        return None if self.counts is None else score_voxels(self.counts)

    @property
    def voxels(self) -> int:
        """Voxels of the truth that count."""
        return 0 if self.counts is None else int(self.counts[:, :1].sum())


def evaluate_mapping(
    plan: MappingPlan, make_mapper: MakeMapper, *, keep: Path | None = None, as_published: bool = False
) -> list[SceneReport]:
    """Measure.

    Args:
        plan: What.
        make_mapper: Called with the classes of a scene, if they are not those of the scene before.
        keep: Folder in which maps are kept, and looked for: by the frames, the model and the settings that
            they depend on. None: nothing is kept.
        as_published: Whether ties go to the lowest class, first of all to none, and classes are looked for
            among 10,000 voxels at a time, as in the published evaluation; `plan_mapping` has the cameras.

    Returns:
        A report for each scene. A scene that cannot be scored costs itself.
    """
    reports: list[SceneReport] = []
    mapper: Mapper | None = None
    current: tuple[str, ...] = ()
    kept = Kept(keep)
    total = sum(len(scene.recording) for scene in plan.scenes)
    with progress(total, "frames") as bar:
        for scene in plan.scenes:
            names = scene.classes.names[1:]
            if mapper is None or names != current:
                mapper, current = make_mapper(plan.setting, names), names
            report = _measure(plan.setting, scene, mapper, kept, as_published, bar.advance)
            reports.append(report)
    return reports


def _measure(
    setting: MappingSetting,
    scene: Scene,
    mapper: Mapper,
    kept: Kept,
    as_published: bool,
    advance: Callable[[int], None],
) -> SceneReport:
    names = scene.classes.names[1:]
    left_out: list[tuple[str, str]] = []
    skipped = len(scene.recording.left_out)
    try:
        truth = _truth(setting, scene, kept, as_published)
        voxels = _map(setting, scene, mapper, kept, left_out, advance)
        found = predict(voxels, mapper, setting, as_published=as_published)
    except (InputError, UsageError) as error:  # such as a point too far off for voxels of this size
        return SceneReport(setting, scene.name, names, None, 0, skipped, tuple(left_out), str(error))
    carried = carry_labels(found, truth.keys, setting.neighbours, ties_to_lowest=as_published)
    counts = count_voxels(carried, truth.labels, len(names))
    return SceneReport(setting, scene.name, names, counts, voxels.info.frames, skipped, tuple(left_out))


def predict(
    voxels: VoxelMap, mapper: Mapper, setting: MappingSetting, *, as_published: bool = False
) -> LabelledVoxels:
    """Name the voxels of a map: 0 where no class is probable enough."""
    probabilities = mapper.probabilities(voxels)
    if as_published:
        order = np.lexsort(voxels.centres().T[::-1])
        for start in range(0, len(order), CHUNK):
            some = order[start : start + CHUNK]
            probabilities[some] = denoised(probabilities[some], setting.prompt_denoising)
    else:
        probabilities = denoised(probabilities, setting.prompt_denoising)
    return LabelledVoxels(voxels.keys, best_labels(probabilities, setting.threshold).labels + 1)


def _truth(setting: MappingSetting, scene: Scene, kept: Kept, as_published: bool) -> LabelledVoxels:
    if scene.points is not None:
        return truth_from_points(scene.points, scene.classes, setting.voxel_size, as_published=as_published)
    classes = scene.classes
    about = {"truth": [classes.names, sorted(classes.indices.items())], **_about(setting, scene)}
    return kept.truth(
        scene.name, about, lambda: truth_from_images(scene.recording, classes, setting.voxel_size)
    )


def _map(
    setting: MappingSetting,
    scene: Scene,
    mapper: Mapper,
    kept: Kept,
    left_out: list[tuple[str, str]],
    advance: Callable[[int], None],
) -> VoxelMap:
    about = {"model": mapper.key, "windows": [setting.crop, setting.stride], **_about(setting, scene)}
    if (found := kept.map(scene.name, about)) is not None:
        advance(len(scene.recording))
        return found
    builder = MapBuilder(MapInfo(setting.voxel_size, sequence=scene.name))
    fused = 0
    for frame in fuse(scene.recording, mapper.encode, builder):
        if frame.error is None:
            fused += 1
        else:
            left_out.append((frame.id, frame.error))
        advance(1)
    if fused < SMALLEST_PART * (fused + len(left_out)):
        total, (frame_id, reason) = fused + len(left_out), left_out[0]
        raise InputError(
            f"only {fused} of {total} frames can be used; the first that cannot is {frame_id}: {reason}"
        )
    builder.info = MapInfo(setting.voxel_size, sequence=scene.name, frames=fused)
    voxels = builder.finish()
    kept.keep_map(scene.name, about, voxels)
    return voxels


def _about(setting: MappingSetting, scene: Scene) -> dict[str, Any]:
    """What maps and truths depend on, as JSON values."""
    return {"recording": scene.recording.fingerprint(), "voxel_size": setting.voxel_size}

"""What is to be measured: the scenes of a dataset, each with its recording and its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from terralex.evaluation.coverage import SMALLEST_PART
from terralex.evaluation.mapping.settings import MappingSetting
from terralex.evaluation.mapping.truth import find_points
from terralex.mapping.frames import ClassTable, PosedSequence, open_sequence, read_class_list
from terralex.runtime.errors import UsageError


@dataclass(frozen=True)
class Scene:
    """A scene.

    Attributes:
        name: What the dataset calls it.
        recording: Its frames, less those that are skipped, resized as the setting says.
        classes: What may be there, of the recording's classes; the ignored ones are left out.
        points: File of its labelled points; None if the truth are label maps.
    """

    name: str
    recording: PosedSequence
    classes: ClassTable
    points: Path | None


@dataclass(frozen=True)
class MappingPlan:
    """What is to be measured; made before a model is loaded, so that what is missing shows at once.

    Attributes:
        setting: How.
        scenes: On what.
    """

    setting: MappingSetting
    scenes: tuple[Scene, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Scenes that the published mean is over, and that are not measured."""
        names = {scene.name for scene in self.scenes}
        return tuple(name for name in self.setting.scenes if name not in names)


def plan_mapping(
    setting: MappingSetting,
    data: Path,
    scenes: Sequence[str] = (),
    *,
    truth: Path | None = None,
    classes: Path | None = None,
    as_published: bool = False,
) -> MappingPlan:
    """Find the scenes of a dataset.

    Args:
        setting: Of the dataset.
        data: Folder of the scenes.
        scenes: Which; those of the setting that are there, if none is named.
        truth: Folder of files with labelled points, if they are not in the folders of the scenes.
        classes: File that names the classes, one a line, in place of what the dataset says.
        as_published: Take the camera of resized frames as the published evaluation does.

    Raises:
        UsageError: A scene, its truth or its classes are missing.
        InputError: A file that all frames of a scene need cannot be read.
    """
    if not data.is_dir():
        raise UsageError(f"{setting.title}: there is no folder {data}")
    table = read_class_list(classes) if classes else None
    names = list(dict.fromkeys(scenes)) or [name for name in setting.scenes if _is_there(data, name)]
    if not names:
        known = ", ".join(setting.scenes)
        raise UsageError(
            f"{setting.title}: {data} has none of the scenes {known}; --scene NAME names another"
        )
    return MappingPlan(
        setting, tuple(_open(setting, data, name, truth, table, as_published) for name in names)
    )


def _is_there(data: Path, name: str) -> bool:
    return (data / name).is_dir() or (data / "data" / name).is_dir()


def _open(
    setting: MappingSetting,
    data: Path,
    name: str,
    truth: Path | None,
    table: ClassTable | None,
    as_published: bool,
) -> Scene:
    recording = open_sequence(
        data,
        setting.layout,
        name,
        size=setting.size,
        frame_skip=setting.frame_skip,
        classes=table,
        as_published=as_published,
    )
    if len(recording) < SMALLEST_PART * (len(recording) + len(recording.left_out)):
        frame, reason = next(iter(recording.left_out.items()))
        total = len(recording) + len(recording.left_out)
        raise UsageError(
            f"{name}: only {len(recording)} of {total} frames are complete; frame {frame}: {reason}"
        )
    classes = recording.classes
    if classes is None:
        raise UsageError(f"{name}: {_CLASSES[setting.layout]}, or pass --classes FILE with a name a line")
    points = find_points(recording.path, name, truth) if setting.truth == "points" else None
    return Scene(name, recording, classes.without(setting.ignored), points)


_CLASSES = {
    "nice-replica": "nothing names its classes: put semantic_info/SCENE/info_semantic.json beside it",
    "scannet": "it has no label maps, or nothing explains them: put scannetv2-labels.combined.tsv beside it",
    "scannetpp": "nothing names its classes: put metadata/semantic_benchmark/top100.txt beside it",
}
"""What to do where a recording says nothing of its classes."""

"""The truth of a scene: labelled voxels, from labelled points or from the label maps of its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from terralex.evaluation.coverage import SMALLEST_PART
from terralex.evaluation.mapping.points import POINT_FILES, read_points
from terralex.evaluation.mapping.votes import LabelledVoxels, Votes
from terralex.mapping.frames import ClassTable, PosedSequence
from terralex.mapping.fusion import used_pixels
from terralex.mapping.voxels import keys_of
from terralex.runtime.errors import InputError, UsageError


def find_points(scene: Path, name: str, truth: Path | None) -> Path:
    """The file of a scene's labelled points.

    Args:
        scene: Folder of the scene.
        name: Of the scene.
        truth: Folder in which such files are, if it is another: in folders by the names of the scenes, or
            called by them.

    Raises:
        UsageError: There is none.
    """
    candidates = [scene / file for file in POINT_FILES]
    if truth is not None:
        candidates = [truth / name / file for file in POINT_FILES]
        candidates += [truth / f"{name}{ending}" for ending in (".pt", ".ply")]
    if found := next((path for path in candidates if path.is_file()), None):
        return found
    tried = " nor ".join(str(path) for path in candidates)
    raise UsageError(
        f"{name}: no labelled points: there is neither {tried}; --truth DIR names another folder"
    )


def truth_from_points(
    path: Path, classes: ClassTable, voxel_size: float, *, as_published: bool = False
) -> LabelledVoxels:
    """Let the points in each voxel vote; those whose number is no class vote that it is ignored.

    Raises:
        InputError: The file cannot be read, or none of its numbers is a class.
    """
    points, numbers = read_points(path)
    labels = classes.index(numbers)
    if not labels.any():
        found = ", ".join(map(str, np.unique(numbers)[:5]))
        raise InputError(f"{path}: none of its labels ({found}, ...) is the number of a class")
    votes = Votes()
    votes.add(keys_of(points, voxel_size), labels)
    return votes.result(ties_to_lowest=as_published)


def truth_from_images(sequence: PosedSequence, classes: ClassTable, voxel_size: float) -> LabelledVoxels:
    """Let the pixels in each voxel vote; it is ignored if all of them are. Frames that fail are left out.

    Args:
        sequence: Frames with labels.
        classes: Those that count, of the sequence's.
        voxel_size: In metres.

    Raises:
        InputError: Fewer than half of the frames have labels.
    """
    votes, labelled = Votes(), 0
    known = sequence.classes.names if sequence.classes else ("",)
    order = {name: index for index, name in enumerate(classes.names)}
    counted = np.array([order.get(name, 0) for name in known])
    for index in range(len(sequence)):
        try:
            frame = sequence.read(index)
        except InputError:
            continue
        if frame.labels is None:
            continue
        labelled += 1
        rows, columns = used_pixels(frame)
        keys = keys_of(frame.points(rows, columns), voxel_size)
        votes.add(keys, counted[frame.labels[rows, columns]])
    if labelled < SMALLEST_PART * len(sequence):
        raise InputError(
            f"{sequence.path}: only {labelled} of {len(sequence)} frames have a label map that can be read"
        )
    return votes.result(ignored_vote=False)

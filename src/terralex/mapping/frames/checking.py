"""What is wrong with a recording, said before any work: missing parts, bad poses, wrong depth or axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from terralex.mapping.frames import poses
from terralex.mapping.frames.agreement import AS_READ, OTHERS, measure_agreement, telling_pairs
from terralex.mapping.frames.frame import Frame
from terralex.mapping.frames.sequence import PosedSequence
from terralex.runtime.errors import InputError

Kind = Literal["left out", "pose", "unreadable", "single frame", "depth scale", "axes", "disagreement"]

PLAUSIBLE = (0.1, 200.0)
"""Metres between which half of the depths of a recording should be."""

_FRAMES = 24  # that are read
_GAPS = (1, 4, 16)  # frames between those that are compared
_FEW = 6  # frames, which are all compared with one another
_FITS = 0.35  # part of what two frames both see that should be at the same place


@dataclass(frozen=True)
class Problem:
    """Something wrong with a recording.

    Attributes:
        kind: What.
        message: In words, with what to do about it.
        frames: Those concerned; empty if all are.
        fatal: Whether a map of it would be wrong or empty; otherwise these frames are only left out.
    """

    kind: Kind
    message: str
    frames: tuple[str, ...] = ()
    fatal: bool = False


def check_sequence(sequence: PosedSequence) -> list[Problem]:
    """Say what is wrong with a recording.

    All poses are looked at, and a few frames are read: if their depth is plausible, and if points seen in one
    are where others see them. Where they are not, the usual other conventions are tried.

    Args:
        sequence: Any recording.

    Returns:
        The problems, the fatal ones first; empty if none was found.
    """
    problems = [_left_out(sequence), _bad_poses(sequence)]
    frames, unreadable = _read_some(sequence)
    problems.append(unreadable)
    if len(sequence) == 1:
        message = "a single frame: whether its pose and its depth fit cannot be checked"
        problems.append(Problem("single frame", message, sequence.ids))
    if frames:
        problems.append(_implausible(frames) or _disagreement(frames))
    elif len(sequence) > 0:
        problems.append(Problem("unreadable", "none of the frames that were tried can be read", fatal=True))
    return sorted((problem for problem in problems if problem), key=lambda problem: not problem.fatal)


def _left_out(sequence: PosedSequence) -> Problem | None:
    if not sequence.left_out:
        return None
    total = len(sequence) + len(sequence.left_out)
    frame, reason = next(iter(sequence.left_out.items()))
    message = f"{len(sequence.left_out)} of {total} frames cannot be used, such as {frame}: {reason}"
    return Problem("left out", message, tuple(sequence.left_out))


def _bad_poses(sequence: PosedSequence) -> Problem | None:
    found = {name: poses.defect(sequence.pose(index)) for index, name in enumerate(sequence.ids)}
    bad = {name: defect for name, defect in found.items() if defect}
    if not bad:
        return None
    name, defect = next(iter(bad.items()))
    message = f"{len(bad)} of {len(sequence)} frames cannot be placed, such as {name}: {defect}"
    return Problem("pose", message, tuple(bad), fatal=len(bad) == len(sequence))


def _read_some(sequence: PosedSequence) -> tuple[dict[int, Frame], Problem | None]:
    """Frames from all over the recording, in small groups that see the same, by their place."""
    frames, failed = {}, {}
    for index in _chosen(len(sequence)):
        if poses.defect(sequence.pose(index)):
            continue
        try:
            frames[index] = sequence.read(index)
        except InputError as error:
            failed[sequence.ids[index]] = str(error)
    if not failed:
        return frames, None
    name, reason = next(iter(failed.items()))
    message = (
        f"{len(failed)} of {len(frames) + len(failed)} frames tried cannot be used, such as {name}: {reason}"
    )
    return frames, Problem("unreadable", message, tuple(failed))


def _chosen(count: int) -> list[int]:
    if count <= _FRAMES:
        return list(range(count))
    group = np.cumsum((0, *_GAPS))
    starts = np.linspace(0, count - 1 - group[-1], _FRAMES // len(group))
    return sorted({max(int(start), 0) + int(step) for start in starts for step in group})


def _implausible(frames: dict[int, Frame]) -> Problem | None:
    middle = float(np.median([np.nanmedian(frame.depth) for frame in frames.values()]))
    low, high = PLAUSIBLE
    if low <= middle <= high:
        return None
    side = "above" if middle > high else "below"
    message = f"half of all depths are {side} {middle:.3g} m: the depth scale seems to be wrong"
    return Problem("depth scale", message, fatal=True)


def _disagreement(frames: dict[int, Frame]) -> Problem | None:
    """Whether frames see the same things at the same places, and how they would."""
    pairs = telling_pairs(frames.items(), sum(_GAPS) if len(frames) > _FEW else len(frames))
    found = measure_agreement(pairs, AS_READ)
    if not found.points:
        return None
    if found.fit >= _FITS:
        return None
    tried = [(measure_agreement(pairs, other), other) for other in OTHERS]
    better = [(then.agreeing, then, other) for then, other in tried if then.fit > max(_FITS, 1.5 * found.fit)]
    if better and (best := max(better, key=lambda entry: entry[0]))[0] > found.agreeing:
        _, then, other = best
        kind: Kind = "axes" if other.about == "axes" else "depth scale"
        parts = f"{found.fit:.0%} of what two frames both see is at one place, and {then.fit:.0%} would be if"
        return Problem(kind, f"frames do not fit together: {parts} {other.words}", fatal=True)
    part = f"only {found.fit:.0%} of what two frames both see is at one place"
    return Problem("disagreement", f"frames do not fit together: {part}; poses, camera or depth may be wrong")

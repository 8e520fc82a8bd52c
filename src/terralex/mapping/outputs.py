"""What is found in a map, as files to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.ply import write_ply
from terralex.mapping.records import MapAnswer
from terralex.mapping.rerun import write_recording
from terralex.mapping.viewer import FoundPlace, write_viewer
from terralex.runtime.errors import UsageError
from terralex.runtime.files import cannot_write
from terralex.segmentation.scenes.colours import class_colours

ENDINGS = (".ply", ".html", ".rrd")

_DIMMED = 0.45  # how much of its own colour a voxel keeps that was not asked for
_GREY = 110


def write_answer(path: Path, answer: MapAnswer, *, footer: str = "") -> None:
    """Write what was found, by the ending: points for 3D programs, a page to open, a recording for Rerun.

    Args:
        path: The file.
        answer: What was found.
        footer: A remark for the page.

    Raises:
        UsageError: The ending is none of `ENDINGS`, or Rerun is not installed.
        TerralexError: It cannot be written.
    """
    ending = path.suffix.lower()
    colours = class_colours(len(answer.phrases))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == ".ply":
            painted, best = _painted(answer), answer.probabilities.max(axis=1, initial=0)
            write_ply(path, answer.voxels, colours=painted, labels=answer.labels, scores=best)
        elif ending == ".html":
            write_viewer(
                path,
                answer.voxels,
                phrases=answer.phrases,
                colours=colours,
                labels=answer.labels,
                probabilities=answer.probabilities,
                places=_found(answer),
                footer=footer,
            )
        elif ending == ".rrd":
            write_recording(path, answer.voxels, _painted(answer), _found(answer), answer.phrases, colours)
        else:
            raise UsageError(f"{path}: end it in {', '.join(ENDINGS)}, or as a table")
    except OSError as error:
        raise cannot_write(path, error) from error


def _painted(answer: MapAnswer) -> NDArray[np.uint8]:
    """Voxels in the colour of their phrase; the others dimmed."""
    own = answer.voxels.colours.astype(np.float32)
    dimmed = _GREY * (1 - _DIMMED) + own * _DIMMED
    table = np.array(class_colours(len(answer.phrases)), np.float32).reshape(-1, 3)
    found = answer.labels >= 0
    dimmed[found] = table[answer.labels[found]]
    painted: NDArray[np.uint8] = np.rint(dimmed).astype(np.uint8)
    return painted


def _found(answer: MapAnswer) -> list[FoundPlace]:
    return [
        FoundPlace(
            answer.phrases.index(place.phrase),
            place.position,
            place.score,
            place.centre,
            place.low,
            place.high,
        )
        for place in answer.places
    ]

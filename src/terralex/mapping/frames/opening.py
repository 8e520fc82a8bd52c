"""From the folder that a person names to the recording in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from terralex.mapping.frames.classes import ClassTable
from terralex.mapping.frames.files import MOST_PIXELS
from terralex.mapping.frames.layouts import LAYOUTS, Layout
from terralex.mapping.frames.recording import Recording, Size
from terralex.runtime.errors import UsageError
from terralex.runtime.inputs import natural_key

AUTO = "auto"

_FIRST = "Sequence_1"  # of those that Semantic-NeRF rendered of a room
_SHOWN = 8  # scenes, in a message
_SEARCHED = 5000  # folders in one that are looked into for scenes


def open_sequence(
    path: str | os.PathLike[str],
    layout: str = AUTO,
    scene: str | None = None,
    *,
    size: Size | None = None,
    frame_skip: int = 0,
    depth_limits: tuple[float, float] = (0.0, np.inf),
    classes: ClassTable | None = None,
    as_published: bool = False,
) -> Recording:
    """List the posed RGB-D frames of a recording; they are read one at a time.

    Args:
        path: Its folder, or the folder of several.
        layout: "nice-replica", "semantic-nerf", "scannet", "scannetpp", "7scenes", "tum" or "plain"; "auto"
            tells by the files that are there.
        scene: Which of several recordings: its path below that folder.
        size: Height and width to resize frames to; None to keep the size of the depth maps.
        frame_skip: How many frames to leave out after each that is taken: 10 keeps the first, the twelfth
            and so on.
        depth_limits: Nearest and farthest depth that counts, in metres; others become NaN.
        classes: What the numbers in label maps are called, where the layout does not say.
        as_published: Take the camera of resized frames as the published evaluation does, which is up to half
            a pixel off.

    Raises:
        UsageError: There is no such recording, or a value makes no sense.
        InputError: Its files cannot be read, or none of its frames can be used.
    """
    if layout != AUTO and layout not in LAYOUTS:
        raise UsageError(f"no layout is called {layout!r}: take {AUTO}, {', '.join(LAYOUTS)}")
    if frame_skip < 0:
        raise UsageError(f"{frame_skip} frames cannot be left out: take 0 or more")
    if size is not None and (min(size) < 1 or size[0] * size[1] > MOST_PIXELS):
        raise UsageError(f"frames cannot be resized to {size[1]} x {size[0]} pixels")
    if not 0 <= depth_limits[0] < depth_limits[1]:
        raise UsageError(f"no depth is from {depth_limits[0]:g} to {depth_limits[1]:g} m")
    folder, known = _find(Path(path), list(LAYOUTS.values()) if layout == AUTO else [LAYOUTS[layout]], scene)
    return Recording(
        known.list(folder),
        known.name,
        classes=classes,
        frame_skip=frame_skip,
        size=size,
        depth_limits=depth_limits,
        as_published=as_published,
    )


def _find(path: Path, layouts: list[Layout], scene: str | None) -> tuple[Path, Layout]:
    """The folder of a recording, and its layout."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder")
    candidates = [path] if scene is None else [path / scene, path / "data" / scene]
    root = next((folder for folder in candidates if folder.is_dir()), None)
    if root is None:
        raise UsageError(f"{path}: has no scene {scene!r}{_offer(path, _scenes(path, layouts))}")
    below = list(_scenes(root.parent, layouts, [root]))
    if len(below) == 1:
        return below[0]
    if below:
        raise UsageError(f"{root}: holds several recordings{_offer(root, below)}")
    wanted = "; ".join(f"{layout.name} ({layout.marks})" for layout in layouts)
    raise UsageError(f"{root}: is no recording in the layout {wanted}")


def _scenes(
    folder: Path, layouts: list[Layout], children: Sequence[Path] | None = None, levels: int = 3
) -> Iterator[tuple[Path, Layout]]:
    """The recordings in a folder and in those below it; of the sequences of a room only the first."""
    for child in _folders(folder) if children is None else children:
        if found := next((layout for layout in layouts if layout.recognises(child)), None):
            yield child, found
        elif levels > 1:
            first = child / _FIRST
            yield from _scenes(child, layouts, [first] if first.is_dir() else None, levels - 1)


def _folders(folder: Path) -> list[Path]:
    """The folders in one, as far as so many can be looked into."""
    found = itertools.islice((path for path in folder.iterdir() if path.is_dir()), _SEARCHED)
    return sorted(found, key=lambda path: natural_key(path.name))


def _offer(root: Path, scenes: Iterable[tuple[Path, Layout]]) -> str:
    """Words that name the scenes that there are."""
    places = [place.parent if place.name == _FIRST else place for place, _ in scenes]
    names = [str(place.relative_to(root)) for place in places]
    more = ", ..." if len(names) > _SHOWN else ""
    return f": name the scene, which is one of {', '.join(names[:_SHOWN])}{more}" if names else ""

"""Small made rooms in the exact layouts of the benchmarks, and a mapper that knows what is in them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from terralex.evaluation.mapping import MappingPlan, MappingSetting, mapping_setting, plan_mapping
from terralex.mapping.frames import Frame
from terralex.mapping.voxels import VoxelMap
from terralex.synthetic.rooms import Camera, World, make_room, write_sequence

FRAMES, SIZE = 8, (48, 64)
LAYOUTS = {"replica": "nice-replica", "scannet": "scannet", "scannetpp": "scannetpp"}
SEEDS = (0, 1)


@pytest.fixture(scope="session")
def rooms() -> dict[str, World]:
    return {world.name: world for world in map(make_room, SEEDS)}


@pytest.fixture(scope="session")
def benchmark_root(
    rooms: dict[str, World], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Two rooms in the layout of a dataset."""
    made: dict[str, Path] = {}

    def write(dataset: str) -> Path:
        if dataset not in made:
            made[dataset] = tmp_path_factory.mktemp(dataset)
            for world in rooms.values():
                points = mapping_setting(dataset).truth == "points"
                options = {"layout": LAYOUTS[dataset], "frames": FRAMES, "size": SIZE, "truth": points}
                write_sequence(world, made[dataset], **options)  # type: ignore[arg-type]
        return made[dataset]

    return write


def small(dataset: str, **changes: object) -> MappingSetting:
    """The published setting for frames as small as these, all of which are taken."""
    defaults: dict[str, object] = {"size": SIZE, "frame_skip": 0, "scenes": ("room0", "room1")}
    return replace(mapping_setting(dataset), **{**defaults, **changes})  # type: ignore[arg-type]


@pytest.fixture
def plan(benchmark_root: Callable[[str], Path]) -> Callable[..., MappingPlan]:
    return lambda dataset, **changes: plan_mapping(small(dataset, **changes), benchmark_root(dataset))


class Oracle:
    """Sees what a room's renderer knows: features are 1 at the class of each pixel."""

    def __init__(self, rooms: dict[str, World], names: tuple[str, ...]) -> None:
        self.key = "oracle"
        self.names = names
        self.rooms = list(rooms.values())
        self.seen: list[str] = []

    def encode(self, frame: Frame) -> NDArray[np.float32]:
        self.seen.append(frame.id)
        found = _names_seen(self.rooms, frame)
        return np.stack([found == name for name in self.names]).astype(np.float32)

    def probabilities(self, voxels: VoxelMap) -> NDArray[np.float32]:
        return np.concatenate(list(voxels.blocks()))


_SEEN: dict[tuple[bytes, tuple[int, int]], NDArray[np.object_]] = {}
"""Rendering takes longer than all else, and frames come again in many tests."""


def _names_seen(rooms: list[World], frame: Frame) -> NDArray[np.object_]:
    """The name of the class of each pixel, (H, W), in whichever room has the depth of the frame."""
    key = np.round(frame.pose, 6).tobytes(), frame.size
    if key not in _SEEN:
        of = frame.intrinsics
        camera = Camera(of.fx, of.fy, of.cx, of.cy)
        views = [(room, room.render(frame.pose, camera, frame.size)) for room in rooms]
        room, view = min(views, key=lambda entry: float(np.nanmean(np.abs(entry[1].depth - frame.depth))))
        _SEEN[key] = np.array(room.classes, object)[view.labels]
    return _SEEN[key]

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from terralex.mapping.estimate import estimate_size
from terralex.mapping.frames import Frame, PosedSequence, open_sequence, project
from terralex.mapping.fusion import add_frame, fuse, used_pixels
from terralex.mapping.query import best_labels
from terralex.mapping.voxels import MapBuilder, MapInfo, keys_of
from terralex.runtime import InputError


@pytest.fixture(scope="module")
def sequence(room: Path) -> PosedSequence:
    return open_sequence(room)


def oracle(classes: int) -> Callable[[Frame], np.ndarray]:
    """What knows the label of every pixel: probabilities 0 and 1."""

    def encode(frame: Frame) -> np.ndarray:
        assert frame.labels is not None
        return (frame.labels == np.arange(1, classes)[:, None, None]).astype(np.float32)

    return encode


def test_a_made_room_is_what_it_is(sequence: PosedSequence) -> None:
    """An oracle's labels, averaged in voxels, are those of nearly all pixels: only edges share voxels."""
    assert sequence.classes is not None
    names = sequence.classes.names
    builder = MapBuilder(MapInfo(0.05))
    done = list(fuse(sequence, oracle(len(names)), builder))
    assert [frame.error for frame in done] == [None] * len(sequence)
    voxels = builder.finish()
    labels = best_labels(voxels.features[:].astype(np.float32)).labels
    confusion = np.zeros((len(names) - 1, len(names) - 1), np.int64)
    for frame in sequence:
        rows, columns = used_pixels(frame)
        place = np.searchsorted(voxels.keys, keys_of(frame.points(rows, columns), 0.05))
        assert frame.labels is not None
        np.add.at(confusion, (frame.labels[rows, columns] - 1, labels[place]), 1)
    hit = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - hit
    assert (hit[union > 0] / union[union > 0]).mean() >= 0.9
    assert hit.sum() / confusion.sum() >= 0.97


@pytest.fixture(scope="module")
def real(data_dir: Path) -> PosedSequence:
    if not (data_dir / "rgbd").is_dir():
        pytest.skip(f"no real frames: {data_dir / 'rgbd'} is absent")
    return open_sequence(data_dir / "rgbd")


def voxel_of(keys: np.ndarray, points: np.ndarray, size: float) -> np.ndarray:
    """The place among the keys of the voxel that each point is in; -1 if there is none."""
    wanted = keys_of(points, size)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)


def test_depth_of_real_frames_projected_back(real: PosedSequence) -> None:
    """What each pixel saw is a voxel of the map which, seen by the camera, is as far as the frame says.

    Not the first voxel that a ray meets: a wall at a grazing angle is met some voxels early.
    """
    size = 0.03
    builder = MapBuilder(MapInfo(size))
    assert all(frame.error is None for frame in fuse(real, None, builder))
    voxels = builder.surface()
    assert voxels.counts.sum() == sum(np.isfinite(frame.depth).sum() for frame in real)
    agreeing = total = 0
    for frame in real:
        rows, columns = used_pixels(frame)
        place = voxel_of(voxels.keys, frame.points(rows, columns), size)
        centres = voxels.centres()[place].astype(np.float64)
        row, column, depth = project(centres, frame.intrinsics, frame.pose)
        beside = np.maximum(np.abs(row - rows), np.abs(column - columns)) * depth / frame.intrinsics.fx
        near = np.abs(depth - frame.depth[rows, columns]) <= size
        agreeing += int(((place >= 0) & near & (beside <= size)).sum())
        total += len(rows)
    assert agreeing / total >= 0.95


def test_real_frames_put_the_same_things_at_the_same_places(real: PosedSequence) -> None:
    """Nearly all that one frame saw is within a voxel of what the next two saw from elsewhere."""
    size = 0.05
    builder = MapBuilder(MapInfo(size))
    for index in (1, 2):
        add_frame(builder, real.read(index), None)
    keys = builder.surface().keys
    frame = real.read(0)
    points = frame.points(*used_pixels(frame))[::11]
    near = np.zeros(len(points), bool)
    for step in product((-size, 0.0, size), repeat=3):
        near |= voxel_of(keys, points + step, size) >= 0
    assert near.mean() >= 0.95


def test_frames_that_cannot_be_used_are_left_out(sequence: PosedSequence) -> None:
    frame = sequence.read(0)
    builder = MapBuilder(MapInfo(0.1))
    unknown = replace(frame, depth=np.full_like(frame.depth, np.nan))
    with pytest.raises(InputError, match="frame 0: no pixel has a depth"):
        add_frame(builder, unknown, None)
    with pytest.raises(InputError, match="is not finite"):
        add_frame(builder, replace(frame, pose=np.full((4, 4), np.nan)), None)
    with pytest.raises(InputError, match="not finite, or above 65504"):
        add_frame(builder, frame, lambda _: np.full((2, 3, 4), np.nan, np.float32))
    with pytest.raises(InputError, match="above 65504"):
        add_frame(builder, frame, lambda _: np.full((2, 3, 4), -7e4, np.float32))
    assert len(builder) == 0
    assert add_frame(builder, frame, None) == frame.depth.size


def test_depth_that_is_not_sure_enough(sequence: PosedSequence) -> None:
    frame = sequence.read(0)
    sure = np.zeros(frame.size, np.float32)
    sure[:5] = 0.8
    builder = MapBuilder(MapInfo(0.1))
    told = replace(frame, confidence=sure)
    assert add_frame(builder, told, None, least_confidence=0.5) == 5 * frame.size[1]
    assert add_frame(builder, told, None) == frame.depth.size


@pytest.mark.parametrize("size", [0.02, 0.1])
def test_the_size_of_a_map_is_told_before(sequence: PosedSequence, size: float) -> None:
    builder = MapBuilder(MapInfo(size))
    list(fuse(sequence, None, builder))
    assert estimate_size(sequence, size).voxels == len(builder)  # all of its few frames are looked at
    told = estimate_size(sequence, size, frames=5)
    assert told.frames == 5
    assert 0.6 * len(builder) < told.voxels < 1.8 * len(builder)
    assert told.working_bytes(768) > told.file_bytes(768) > told.voxels * 2 * 768

import json
from pathlib import Path

import numpy as np
import pytest

from terralex.mapping.voxels import MapBuilder, MapInfo, VoxelMap, unpack
from terralex.runtime import TerralexError, UsageError

SIZE, CHANNELS = 0.1, 5
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def batches(count: int, points: int = 400) -> list[Batch]:
    rng = np.random.default_rng(3)
    return [
        (
            rng.normal(0, (6, 0.2, 0.2), (points, 3)).round(1) + rng.uniform(-0.04, 0.04, (points, 3)),
            rng.random((points, 3), np.float32),
            rng.standard_normal((points, CHANNELS)).astype(np.float32),
        )
        for _ in range(count)
    ]


def same(first: VoxelMap, second: VoxelMap) -> bool:
    names = ("keys", "counts", "colours", "features")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


def built(some: list[Batch], builder: MapBuilder | None = None) -> MapBuilder:
    builder = MapBuilder(MapInfo(SIZE)) if builder is None else builder
    for batch in some:
        builder.add(*batch)
    return builder


def test_means_over_all_batches() -> None:
    some = batches(4)
    found = built(some).finish(np.float32)
    points, colours, features = (np.concatenate(parts) for parts in zip(*some, strict=True))
    places, group, counts = np.unique(
        np.rint(points / SIZE).astype(int), axis=0, return_inverse=True, return_counts=True
    )
    order = np.lexsort(unpack(found.keys).T[::-1])
    np.testing.assert_array_equal(unpack(found.keys)[order], places)
    np.testing.assert_array_equal(found.counts[order], counts)
    assert (counts > 1).any()
    sums = np.zeros((len(places), CHANNELS))
    np.add.at(sums, group, features)
    np.testing.assert_allclose(found.features[:][order], sums / counts[:, None], atol=1e-6)
    sums = np.zeros((len(places), 3))
    np.add.at(sums, group, colours)
    np.testing.assert_array_equal(found.colours[order], np.rint(sums / counts[:, None] * 255))


def test_a_voxel_seen_very_often_still_moves() -> None:
    builder = MapBuilder(MapInfo(SIZE))
    for value, points, times in ((0.0, 100_000, 1), (1.0, 1, 300)):
        for _ in range(times):
            colours, features = np.zeros((points, 3), np.float32), np.full((points, 1), value, np.float32)
            builder.add(np.zeros((points, 3)), colours, features)
    assert builder.finish(np.float32).features[:] == pytest.approx(300 / 100_300, rel=1e-4)


def test_what_waits_on_disk_changes_nothing(tmp_path: Path) -> None:
    some = batches(5)
    spilled = built(some, MapBuilder(MapInfo(SIZE), folder=tmp_path, memory=200_000))
    assert len(list(tmp_path.glob("*.region"))) > 5
    assert same(spilled.finish(), built(some).finish())


def test_going_on_from_a_checkpoint(tmp_path: Path) -> None:
    some = batches(6)
    first = built(some[:3], MapBuilder(MapInfo(SIZE), folder=tmp_path, memory=200_000))
    first.checkpoint({"done": 3})
    built(some[3:5], first)  # and is killed before the next checkpoint
    second = MapBuilder(MapInfo(SIZE), folder=tmp_path)
    assert second.note == {"done": 3}
    assert len(second) == len(built(some[:3]))
    assert same(built(some[3:], second).finish(), built(some).finish())


def test_a_damaged_checkpoint_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    built(batches(1), MapBuilder(MapInfo(SIZE), folder=tmp_path)).checkpoint({})
    region = next(tmp_path.glob("*.region"))
    region.write_bytes(region.read_bytes()[:100])
    with pytest.raises(TerralexError, match=r"a part of the map.*--overwrite"):
        MapBuilder(MapInfo(SIZE), folder=tmp_path).finish()
    (tmp_path / "regions.json").write_text(json.dumps({"regions": [[1]]}))
    with pytest.raises(TerralexError, match=r"regions\.json.*--overwrite"):
        MapBuilder(MapInfo(SIZE), folder=tmp_path)


def test_a_map_of_colours_alone_and_one_of_nothing() -> None:
    points, colours, _ = batches(1)[0]
    builder = MapBuilder(MapInfo(SIZE))
    builder.add(points[:0], colours[:0])
    assert len(builder.finish()) == 0
    builder.add(points, colours)
    assert builder.finish().channels == 0
    with pytest.raises(ValueError, match="features of 5 numbers in a map of 0"):
        built(batches(1), builder)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_size_of_voxels_that_is_none(size: float) -> None:
    with pytest.raises(UsageError, match=r"must be 0\.001 m"):
        MapBuilder(MapInfo(size))

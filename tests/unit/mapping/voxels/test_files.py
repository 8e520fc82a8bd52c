import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from terralex.mapping.voxels import MapBuilder, MapInfo, VoxelMap, load_map, save_map, zarr
from terralex.runtime import UsageError

INFO = MapInfo(0.1, "pocket", "abc", "a “room”", 3, "-y", ("chair", "table"))


def builder(rows: int = 950) -> MapBuilder:
    rng = np.random.default_rng(0)
    made = MapBuilder(INFO)
    made.add(
        rng.normal(0, 3, (rows, 3)), rng.random((rows, 3), np.float32), rng.random((rows, 2), np.float32)
    )
    return made


@pytest.fixture(params=[".npz", ".zarr"])
def ending(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def equal(first: VoxelMap, second: VoxelMap) -> None:
    assert first.info == second.info
    for name in ("keys", "counts", "colours", "features"):
        np.testing.assert_array_equal(getattr(first, name)[:], getattr(second, name)[:])


def test_what_is_saved_is_loaded(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr, "CHUNK", 100)
    made, path = builder(), tmp_path / f"map{ending}"
    made.save(path)
    found = load_map(path)
    equal(found, made.finish())
    assert len(found) % 100 != 0
    blocks = list(found.blocks(130))
    assert [len(block) for block in blocks[:2]] == [130, 130]
    np.testing.assert_array_equal(np.concatenate(blocks), found.features[:].astype(np.float32))
    again = tmp_path / f"again{ending}"
    save_map(found, again)
    equal(load_map(again), found)


def test_numpy_reads_it_without_us(tmp_path: Path) -> None:
    builder().save(tmp_path / "map.npz")
    with np.load(tmp_path / "map.npz", allow_pickle=False) as archive:
        assert json.loads(str(archive["info"]))["model"] == "pocket"
        assert archive["features"].dtype == np.float16


def test_an_archive_that_numpy_compressed_loads_too(tmp_path: Path) -> None:
    builder().save(tmp_path / "map.npz")
    with np.load(tmp_path / "map.npz") as archive:
        np.savez_compressed(tmp_path / "small.npz", **archive)
    equal(load_map(tmp_path / "small.npz"), builder().finish())


def test_the_same_map_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        builder().save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_an_empty_map(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"map{ending}"
    MapBuilder(replace(INFO, labels=())).save(path)
    assert len(load_map(path)) == 0


def test_a_folder_that_is_no_map_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "map.zarr").mkdir()
    (tmp_path / "map.zarr" / "thesis.txt").write_text("all of it")
    with pytest.raises(UsageError, match="holds no map: it is not replaced"):
        builder().save(tmp_path / "map.zarr")
    assert [path.name for path in tmp_path.rglob("*")] == ["map.zarr", "thesis.txt"]


def rewritten(path: Path, **changes: np.ndarray) -> Path:
    with np.load(path) as archive:
        arrays = dict(archive) | changes
    np.savez(path, **arrays)
    return path


class Trap:
    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return _sprung, ()


def _sprung() -> None:
    raise AssertionError("code from a file was run")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"keys": np.arange(5)}, "counts are int64"),
        ({"info": np.array("{}")}, "does not say what it is a map of"),
        ({"info": np.array(INFO.to_json().replace("0.1", "-1"))}, "makes no sense"),
        ({"info": np.array(INFO.to_json().replace('"-y"', '"down"'))}, "makes no sense"),
        (
            {"info": np.array(INFO.to_json().replace('["chair", "table"]', '["chair"]'))},
            "2 probabilities for 1",
        ),
        ({"counts": np.zeros(10, np.int64)}, "counts are int64"),
        ({"keys": np.array([Trap()] * 3, object)}, "Object arrays cannot be loaded"),
    ],
)
def test_a_file_that_is_no_map(tmp_path: Path, changes: dict[str, np.ndarray], why: str) -> None:
    path = tmp_path / "map.npz"
    builder().save(path)
    with pytest.raises(UsageError, match=why):
        load_map(rewritten(path, **changes))


def test_keys_in_disorder(tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    builder().save(path)
    with pytest.raises(UsageError, match="not in order"):
        load_map(rewritten(path, keys=load_map(path).keys[::-1]))


def test_a_torn_archive(tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    builder().save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UsageError, match=r"map\.npz is no map"):
        load_map(path)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UsageError, match=r"map\.npz is no map"):
        load_map(path)


def test_a_torn_folder(tmp_path: Path) -> None:
    path = tmp_path / "map.zarr"
    builder().save(path)
    chunk = path / "features" / "0.0"
    chunk.write_bytes(chunk.read_bytes()[:-2])
    with pytest.raises(UsageError, match=r"features/0\.0, a part of the map, is gone or damaged"):
        next(load_map(path).blocks())
    (path / "keys" / "0").unlink()
    with pytest.raises(UsageError, match="keys/0, a part of the map, is gone"):
        load_map(path)


@pytest.mark.parametrize(
    ("file", "content"),
    [("keys/.zarray", "[]"), (".zattrs", "[]"), ("keys/.zarray", '{"shape": [3], "dtype": "junk"}')],
)
def test_a_folder_that_describes_itself_wrongly(tmp_path: Path, file: str, content: str) -> None:
    path = tmp_path / "map.zarr"
    builder().save(path)
    (path / file).write_text(content)
    with pytest.raises(UsageError, match=r"map\.zarr is no map"):
        load_map(path)


def test_an_array_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    builder().save(path)
    content, size = path.read_bytes(), len(load_map(path))
    header, other = f"({size}, 2)".encode(), f"({size + 9}, 2)".encode()
    assert content.count(header) == 1
    path.write_bytes(content.replace(header, other))
    with pytest.raises(UsageError, match="not as long as it says"):
        load_map(path)


@pytest.mark.parametrize(
    ("name", "why"), [("map.ply", "ends in .npz or .zarr"), ("gone.npz", "no such file")]
)
def test_names_that_lead_nowhere(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load_map(tmp_path / name)

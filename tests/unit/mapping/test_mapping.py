import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import terralex
from terralex.cli.app import run
from terralex.mapping import building
from terralex.mapping.encoding import FeatureEncoder
from terralex.mapping.frames import Frame, open_sequence
from terralex.mapping.voxels import MapBuilder, MapInfo, load_map, save_map
from terralex.runtime import TerralexError, UsageError

Run = Callable[..., tuple[int, str, str]]
FILES = ("keys", "counts", "colours", "features")


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "120")

    def start(*arguments: object) -> tuple[int, str, str]:
        code = run(list(map(str, arguments)))
        out, err = capfd.readouterr()
        return code, out, err

    return start


@pytest.fixture
def mapping(call: Run, tiny_model: str) -> Run:
    """Runs `map` with the tiny model and large voxels."""
    return lambda *arguments: call(
        "map", *arguments, "--model", tiny_model, "--voxel", "0.1", "--device", "cpu"
    )


@pytest.fixture(scope="module")
def made(room: Path, tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("map") / "map.npz"
    terralex.build_map(room, path, model=tiny_model, voxel_size=0.1, device="cpu")
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A map that knows what it shows: two chairs and a table, on a floor."""
    builder = MapBuilder(MapInfo(0.05, "oracle", "1", "the room", 4, "+z", ("floor", "chair", "table")))
    for label, sure, low, high in (
        (0, 0.9, (0, 0, 0), (40, 40, 1)),
        (1, 0.9, (5, 5, 1), (9, 9, 8)),
        (1, 0.6, (30, 30, 1), (33, 33, 9)),
        (2, 0.9, (15, 20, 1), (25, 28, 7)),
    ):
        places = np.argwhere(np.ones(np.subtract(high, low))) + low
        told = np.full((len(places), 3), 0.05, np.float32)
        told[:, label] = sure
        builder.add(places * 0.05, np.full((len(places), 3), 0.5, np.float32), told)
    builder.save(tmp_path / "labelled.npz")
    return tmp_path / "labelled.npz"


def test_a_map_of_features(mapping: Run, room: Path, tmp_path: Path, tiny_model: str) -> None:
    outputs = [tmp_path / "new" / f"map{ending}" for ending in (".npz", ".zarr", ".ply", ".html")]
    code, out, err = mapping(room, *(word for path in outputs for word in ("-o", path)))
    assert (code, out) == (0, "")
    assert "voxels of 10 frames" in err
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in outputs)
    found, other = load_map(outputs[0]), load_map(outputs[1])
    for name in FILES:
        np.testing.assert_array_equal(getattr(found, name)[:], getattr(other, name)[:])
    revision = terralex.load_model(tiny_model).revision
    assert found.info == MapInfo(0.1, tiny_model, revision, "room0", 10, "+z", ())
    sequence = open_sequence(room)
    assert found.counts.sum() == sum(int((frame.depth > 0).sum()) for frame in sequence)


def test_colours_alone_need_no_model(call: Run, room: Path, tmp_path: Path) -> None:
    code, _, err = call("map", room, "-o", tmp_path / "map.ply", "--model", "no-such-model", "--voxel", "0.2")
    assert code == 0, err
    assert (tmp_path / "map.ply").read_bytes().startswith(b"ply\n")


def test_a_map_of_labels(mapping: Run, call: Run, room: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    assert mapping(room, "-o", path, "--labels", "wall,floor,chair")[0] == 0
    found = load_map(path)
    assert found.info.labels == ("wall", "floor", "chair")
    assert found.channels == 3
    sums = found.features[:].astype(float).sum(axis=1)
    assert sums.max() <= 1.001
    code, out, _ = call("ask", path, "--presence", "0", "--threshold", "0.2")
    assert code == 0
    assert {line.split(",")[0] for line in out.splitlines()[1:]} <= {"wall", "floor", "chair"}
    code, _, err = call("ask", path, "a lamp")
    assert code == 2
    assert "knows wall, floor, chair and nothing else, not a lamp" in err


def test_places_are_ranked_with_positions(call: Run, labelled: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("places.csv", "found.ply", "found.html")]
    words = [word for path in outputs for word in ("-o", path)]
    code, out, err = call("ask", labelled, "chair", "table", *words)
    assert (code, out) == (0, "")
    assert "3 places in the room" in err
    lines = [line.split(",") for line in outputs[0].read_text().splitlines()]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [(row["phrase"], row["position"]) for row in rows] == [
        ("chair", "1"),
        ("chair", "2"),
        ("table", "1"),
    ]
    first, second, table = rows
    assert [float(first[name]) for name in "xyz"] == pytest.approx([0.325, 0.325, 0.2], abs=1e-3)
    assert [float(first[f"size_{axis}"]) for axis in "xyz"] == pytest.approx([0.2, 0.2, 0.35], abs=1e-3)
    assert float(first["volume"]) == pytest.approx(112 * 0.05**3, abs=1e-6)
    assert float(first["score"]) == pytest.approx(0.9 * 112 / 122, abs=1e-3)
    assert float(second["score"]) < float(first["score"]) < float(table["score"])
    about = json.loads(re.findall(r'id="about">(.*?)</script>', outputs[2].read_text())[0])
    assert [place["position"] for place in about["places"]] == [1, 2, 1]
    assert b"property float score" in outputs[1].read_bytes()


def test_python_gives_the_same(labelled: Path) -> None:
    answer = terralex.ask(labelled, ["table"])
    (place,) = answer.places
    assert place.size == pytest.approx((0.5, 0.4, 0.3))
    assert (answer.labels == 0).sum() == place.voxels == 480
    assert terralex.ask(labelled, ["table"], smallest=500).places == ()
    assert terralex.ask(labelled, top_k=1).places[1].phrase == "chair"


def test_asking_in_words(made: Path, call: Run, tiny_model: str) -> None:
    answer = terralex.ask(made, ["a chair", "the wall"], presence=0, threshold=0, device="cpu")
    assert answer.probabilities.shape == (len(answer.voxels), 2)
    assert set(answer.labels) <= {-1, 0, 1}
    assert terralex.ask(made, ["chair", "wall"], presence=0, device="cpu").probabilities == pytest.approx(
        answer.probabilities
    )
    alone = terralex.ask(made, ["a chair"], against=["a chair leg"], presence=0, device="cpu")
    assert alone.probabilities.min() > answer.probabilities[:, 0].min()
    code, out, err = call("ask", made, "a chair", "--presence", "1", "--device", "cpu")
    assert (code, out.count("\n")) == (0, 1)
    assert re.search(r"nowhere in the map: a chair \(at most 0\.\d\d\)", err)
    assert "say what to look for" in call("ask", made)[2]


def test_a_map_is_asked_with_the_model_that_made_it(made: Path, call: Run) -> None:
    code, _, err = call("ask", made, "a chair", "--model", "pocket")
    assert code == 2
    assert "ask it with the model that made it" in err


@pytest.mark.parametrize("memory", [None, 300_000])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    room: Path,
    made: Path,
    tmp_path: Path,
    tiny_model: str,
    monkeypatch: pytest.MonkeyPatch,
    memory: int | None,
) -> None:
    path, seen = tmp_path / "map.npz", []
    look = FeatureEncoder.__call__

    def stop_at_four(encoder: FeatureEncoder, frame: Frame) -> np.ndarray:
        if len(seen) == 4:
            raise KeyboardInterrupt
        seen.append(frame.id)
        return look(encoder, frame)

    settings = {"model": tiny_model, "voxel_size": 0.1, "device": "cpu", "memory": memory}
    with monkeypatch.context() as patch:
        patch.setattr(FeatureEncoder, "__call__", stop_at_four)
        patch.setattr(building, "_SHARE", 1e9)  # after the first frame, no checkpoint but the last
        with pytest.raises(KeyboardInterrupt):
            terralex.build_map(room, path, **settings)
    assert not path.exists()
    with pytest.raises(UsageError, match="unfinished: pass --resume"):
        terralex.build_map(room, path, **settings)
    with pytest.raises(UsageError, match="begun with other settings"):
        terralex.build_map(room, path, **{**settings, "voxel_size": 0.2}, resume=True)
    done: list[int] = []
    terralex.build_map(room, path, **settings, resume=True, on_progress=lambda now, *_: done.append(now))
    assert done[0] == 4
    assert path.read_bytes() == made.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.npz"]


def test_a_frame_that_cannot_be_used_costs_that_frame(mapping: Run, room: Path, tmp_path: Path) -> None:
    broken = tmp_path / "room0"
    shutil.copytree(room, broken)
    depth = next(broken.rglob("depth_3.png"))
    depth.write_bytes(depth.read_bytes()[:60])
    code, _, err = mapping(broken, "-o", tmp_path / "map.npz")
    assert code == 3
    assert "left out frame 3: " in err
    assert "9 frames, 1 left out" in err
    assert load_map(tmp_path / "map.npz").info.frames == 9


def test_wrong_poses_stop_the_run_before_it_begins(mapping: Run, room: Path, tmp_path: Path) -> None:
    broken = tmp_path / "room0"
    shutil.copytree(room, broken)
    poses = next(broken.rglob("traj_w_c.txt"))
    rows = np.loadtxt(poses).reshape(-1, 4, 4)
    np.savetxt(poses, (rows @ np.diag([1, -1, -1, 1])).reshape(-1, 16))
    code, _, err = mapping(broken, "-o", tmp_path / "map.npz")
    assert code == 1
    assert "terralex: room0: frames do not fit together" in err
    assert "--force makes it all the same" in err
    assert mapping(broken, "-o", tmp_path / "map.npz", "--force")[0] == 0


def test_no_room_is_said_before_any_work(room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "room", lambda path, given: (10_000, 2_000_000))
    notes: list[str] = []
    with pytest.raises(
        UsageError, match=r"voxels of 0\.01 m, .* GB while the map is made.*room for voxels of 0"
    ):
        terralex.build_map(room, tmp_path / "map.npz", voxel_size=0.01, tell=notes.append)
    assert list(tmp_path.iterdir()) == []
    terralex.build_map(room, tmp_path / "map.ply", voxel_size=0.2, tell=notes.append)
    assert "parts of it wait on disk" in notes[-1]


def test_a_single_frame_is_a_map_with_a_remark(room: Path, tmp_path: Path) -> None:
    report = terralex.build_map(open_sequence(room, frame_skip=50), tmp_path / "map.ply")
    assert report.frames == 1
    assert report.voxels > 100
    assert "a single frame" in report.notes[0]


def test_none_of_the_frames(room: Path, tmp_path: Path) -> None:
    broken = tmp_path / "room0"
    shutil.copytree(room, broken)
    for depth in broken.rglob("depth_*.png"):
        depth.write_bytes(b"no picture")
    with pytest.raises(TerralexError, match="room0: a map of it would be wrong"):
        terralex.build_map(broken, tmp_path / "map.ply")
    with pytest.raises(TerralexError, match="none of the 10 frames can be used, such as 0: "):
        terralex.build_map(broken, tmp_path / "map.ply", force=True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "say where to keep the map"),
        (("-o", "map.txt"), "end it in .npz, .zarr"),
        (("-o", "a.ply", "-l", "chair"), "labels are kept in a map"),
        (("-o", "a.npz", "--refine"), "only labels have outlines"),
        (("-o", "a.npz", "--voxel", "0"), "must be 0.001 m or more"),
        (("-o", "a.npz", "--size", "640"), "write --size 640x480"),
        (("-o", "a.npz", "--layout", "disc"), "no layout is called"),
        (("-o", "a.npz", "-o", "a.npz"), "two outputs have one name"),
    ],
)
def test_wrong_usage(call: Run, room: Path, arguments: tuple[str, ...], why: str) -> None:
    code, _, err = call("map", room, *arguments)
    assert code == 2
    assert why in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-o", "found.xyz"), "end it in .csv, .jsonl, .parquet, .ply, .html, .rrd"),
        (("-o", "a.csv", "-o", "b.jsonl"), "one table, not to 2"),
        (("--against", "wall"), "against one another already"),
        (("--smallest", "0"), "smallest"),
    ],
)
def test_wrong_questions(call: Run, labelled: Path, arguments: tuple[str, ...], why: str) -> None:
    code, _, err = call("ask", labelled, "chair", *arguments)
    assert code == 2
    assert why in err


def test_what_is_no_map_to_ask(call: Run, tmp_path: Path, labelled: Path) -> None:
    plain = MapBuilder(MapInfo(0.1))
    plain.add(np.zeros((1, 3)), np.zeros((1, 3), np.float32))
    save_map(plain.finish(), tmp_path / "plain.npz")
    assert "holds colours alone" in call("ask", tmp_path / "plain.npz", "a chair")[2]
    assert "no such file" in call("ask", tmp_path / "gone.npz", "a chair")[2]
    (tmp_path / "found.html").write_text("mine")
    code, _, err = call("ask", labelled, "chair", "-o", tmp_path / "found.html")
    assert (code, (tmp_path / "found.html").read_text()) == (2, "mine")
    assert "--overwrite" in err


def test_recordings_need_rerun(
    call: Run, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    code, _, err = call("ask", labelled, "chair", "-o", tmp_path / "found.rrd")
    assert code == 2
    assert 'pip install "terralex[viewer]", or take .html' in err

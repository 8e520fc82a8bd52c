import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from terralex.mapping.ply import write_ply
from terralex.mapping.viewer import FoundPlace, cubes, write_viewer
from terralex.mapping.viewer.cubes import UPRIGHT, Cubes
from terralex.mapping.voxels import MapBuilder, MapInfo, VoxelMap


def a_map(up: str = "+z", name: str = "room") -> VoxelMap:
    rng = np.random.default_rng(0)
    builder = MapBuilder(MapInfo(0.1, "pocket", "abc", name, 2, up))
    builder.add(rng.uniform(-1, 2, (500, 3)), rng.random((500, 3), np.float32))
    return builder.finish()


def parts(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r'<script type="application/[a-z-]+" id="(\w+)">(.*?)</script>', text))


def test_a_page_holds_the_map(tmp_path: Path) -> None:
    voxels, path = a_map(), tmp_path / "map.html"
    labels = np.arange(len(voxels)) % 3 - 1
    scores = np.linspace(0, 1, 2 * len(voxels), dtype=np.float32).reshape(-1, 2)
    place = FoundPlace(1, 1, 0.7, (0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    write_viewer(
        path,
        voxels,
        phrases=["a chair", "</script>"],
        colours=[(1, 2, 3), (4, 5, 6)],
        labels=labels,
        probabilities=scores,
        places=[place],
    )
    found = parts(path)
    about: dict[str, Any] = json.loads(found["about"])
    assert [phrase["name"] for phrase in about["phrases"]] == ["a chair", "</script>"]
    assert [phrase["voxels"] for phrase in about["phrases"]] == [(labels == 0).sum(), (labels == 1).sum()]
    places = np.frombuffer(base64.b64decode(found["positions"]), "<u2").reshape(-1, 3)
    np.testing.assert_allclose(about["low"] + places * 0.1, voxels.centres(), atol=1e-5)
    colours = np.frombuffer(base64.b64decode(found["colours"]), np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(colours, voxels.colours)
    assert set(base64.b64decode(found["labels"])) == {0, 1, 255}
    kept = np.frombuffer(base64.b64decode(found["scores"]), np.uint8).reshape(2, -1)
    np.testing.assert_allclose(kept.T / 255, scores, atol=0.003)


def test_a_page_asks_no_server_and_escapes_names(tmp_path: Path) -> None:
    path = tmp_path / "map.html"
    write_viewer(path, a_map(name="<img src=x>\udcff"))  # a folder's name of bytes that are not UTF-8
    text = path.read_text(encoding="utf-8")
    assert "<img" not in text
    assert r"&lt;img src=x&gt;\udcff" in text
    assert not re.findall(r"https?:|//cdn|<link|<script src|import\s*\(", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("up", UPRIGHT)
def test_what_is_up_is_brought_up(up: str) -> None:
    turn = UPRIGHT[up]
    axis = np.zeros(3)
    axis["xyz".index(up[1])] = 1 if up[0] == "+" else -1
    np.testing.assert_array_equal(turn @ axis, [0, 0, 1])
    assert np.linalg.det(turn) == pytest.approx(1)
    voxels = a_map(up)
    found = Cubes.of(voxels, np.full(len(voxels), -1), np.zeros((len(voxels), 0), np.float32))
    np.testing.assert_allclose(found.low + found.places * found.side, voxels.centres() @ turn.T, atol=1e-5)


def test_a_map_too_large_for_a_page_is_made_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cubes, "MOST", 300)
    voxels = a_map()
    labels = np.where(np.arange(len(voxels)) == 7, 2, -1)
    scores = np.ones((len(voxels), 1), np.float32)
    found = Cubes.of(voxels, labels, scores)
    assert found.side > 0.1
    assert 0 < len(found.places) <= 300
    centres = found.low + found.places * found.side
    apart = np.abs(voxels.centres()[:, None] - centres).max(axis=-1).min(axis=1)
    assert apart.max() <= found.side / 2
    assert (found.labels == 2).sum() == 1
    assert (found.scores == 255).all()


def test_points_for_other_programs(tmp_path: Path) -> None:
    voxels, path = a_map(), tmp_path / "map.ply"
    labels = np.arange(len(voxels)) % 3 - 1
    scores = np.linspace(0, 1, len(voxels), dtype=np.float32)
    write_ply(path, voxels, labels=labels, scores=scores)
    header, body = path.read_bytes().split(b"end_header\n", 1)
    kinds = {"float": "<f4", "uchar": "u1", "int": "<i4"}
    fields = [(name, kinds[kind]) for kind, name in re.findall(r"property (\w+) (\w+)", header.decode())]
    points = np.frombuffer(body, fields)
    assert f"element vertex {len(voxels)}" in header.decode()
    np.testing.assert_array_equal(np.stack([points[axis] for axis in "xyz"], 1), voxels.centres())
    np.testing.assert_array_equal(points["green"], voxels.colours[:, 1])
    np.testing.assert_array_equal(points["label"], labels)
    np.testing.assert_array_equal(points["score"], scores)
    np.testing.assert_array_equal(points["count"], voxels.counts)

"""Whole scenes in the exact layouts of the benchmarks, through a mapper that knows what is in them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from terralex.evaluation.mapping import (
    MappingPlan,
    class_rows,
    evaluate_mapping,
    mapping_rows,
    mapping_table,
    plan_mapping,
    read_points,
)
from terralex.runtime.errors import InputError, UsageError
from terralex.synthetic.rooms import World, write_truth

from .conftest import FRAMES, LAYOUTS, Oracle, small

Plan = Callable[..., MappingPlan]
Root = Callable[[str], Path]


@pytest.fixture
def oracle(rooms: dict[str, World]) -> Callable[..., Oracle]:
    return lambda setting, names: Oracle(rooms, names)


@pytest.mark.parametrize("dataset", LAYOUTS)
@pytest.mark.parametrize("as_published", [False, True])
def test_what_is_known_is_found(
    plan: Plan, oracle: Callable[..., Oracle], dataset: str, as_published: bool
) -> None:
    reports = evaluate_mapping(plan(dataset), oracle, as_published=as_published)
    assert [(report.scene, report.frames, report.error) for report in reports] == [
        ("room0", FRAMES, None),
        ("room1", FRAMES, None),
    ]
    for report in reports:
        assert report.scores is not None
        assert report.voxels > 2000
        assert report.scores.accuracy > 0.97
        assert report.scores.fmiou > 0.95
        assert report.scores.miou > 0.85
        assert not np.isnan(report.scores.iou[report.names.index("wall")])


def test_nothing_is_found_by_who_knows_nothing(plan: Plan, oracle: Callable[..., Oracle]) -> None:
    def blind(setting: object, names: tuple[str, ...]) -> Oracle:
        made = oracle(setting, names)
        made.probabilities = lambda voxels: np.full((len(voxels), len(names)), 0.09, np.float32)  # type: ignore[method-assign]
        return made

    made = plan("replica", prompt_denoising=0.0)
    reports = evaluate_mapping(made, blind)
    assert all(report.scores is not None and report.scores.accuracy == 0 for report in reports)
    notes = mapping_table(made, reports, as_published=False).notes
    assert any("None of the classes was found at all in room0, room1" in note for note in notes)


def test_ignored_classes_are_neither_asked_nor_counted(plan: Plan, oracle: Callable[..., Oracle]) -> None:
    asked: list[tuple[str, ...]] = []

    def make(setting: object, names: tuple[str, ...]) -> Oracle:
        asked.append(names)
        return oracle(setting, names)

    whole, less = (
        evaluate_mapping(plan("scannet", ignored=ignored), make)[0] for ignored in ((), ("wall", "bed"))
    )
    assert set(asked[0]) - set(asked[1]) == {"wall", "bed"}
    assert whole.counts is not None
    assert less.counts is not None
    there = {
        name: int(counts[0] + counts[2]) for name, counts in zip(whole.names, whole.counts.T, strict=True)
    }
    assert less.voxels < whole.voxels
    # Voxels in which an ignored class had most votes now have another; all of one class alone are gone.
    assert less.voxels <= whole.voxels - 0.8 * (there["wall"] + there["bed"])


def test_the_mapper_is_made_once_for_the_same_classes(plan: Plan, oracle: Callable[..., Oracle]) -> None:
    made: list[Oracle] = []
    evaluate_mapping(plan("replica"), lambda *about: made.append(oracle(*about)) or made[-1])
    assert len(made) == 1


def test_maps_are_kept_by_what_they_depend_on(
    plan: Plan, oracle: Callable[..., Oracle], rooms: dict[str, World], tmp_path: Path
) -> None:
    made: list[Oracle] = []

    def make(setting: object, names: tuple[str, ...]) -> Oracle:
        made.append(oracle(setting, names))
        return made[-1]

    first = evaluate_mapping(plan("scannet"), make, keep=tmp_path / "maps")
    again = evaluate_mapping(plan("scannet"), make, keep=tmp_path / "maps")
    assert len(list((tmp_path / "maps").iterdir())) == 4, "a map and a truth for each scene"
    assert (len(made[0].seen), len(made[1].seen)) == (2 * FRAMES, 0)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.counts, other.counts)
        assert one.frames == other.frames == FRAMES
    # Not of what comes after the map:
    evaluate_mapping(plan("scannet", neighbours=1, threshold=0.3), make, keep=tmp_path / "maps")
    assert len(made[2].seen) == 0
    # But of what comes before:
    for number, changes in enumerate(
        ({"voxel_size": 0.1}, {"frame_skip": 1}, {"stride": 224}, {"size": (24, 32)}), 3
    ):
        evaluate_mapping(plan("scannet", **changes), make, keep=tmp_path / "maps")
        assert len(made[number].seen) > 0, changes

    def other_model(setting: object, names: tuple[str, ...]) -> Oracle:
        made.append(oracle(setting, names))
        made[-1].key = "another"
        return made[-1]

    evaluate_mapping(plan("scannet"), other_model, keep=tmp_path / "maps")
    assert len(made[-1].seen) == 2 * FRAMES


def test_maps_are_made_again_where_frames_changed_or_files_are_damaged(
    benchmark_root: Root, oracle: Callable[..., Oracle], tmp_path: Path
) -> None:
    root = shutil.copytree(benchmark_root("scannet"), tmp_path / "scannet")
    made: list[Oracle] = []

    def run() -> list[str]:
        made.clear()
        plan = plan_mapping(small("scannet"), root, ["room0"])
        evaluate_mapping(plan, lambda *about: made.append(oracle(*about)) or made[-1], keep=tmp_path / "maps")
        return made[0].seen

    assert len(run()) == FRAMES
    assert run() == []
    (root / "room0/pose/2.txt").write_text("-inf " * 16)
    assert len(run()) == FRAMES - 1
    for path in (tmp_path / "maps").iterdir():
        path.write_bytes(b"damaged")
    assert len(run()) == FRAMES - 1
    assert run() == []


def test_frames_that_fail_cost_themselves(
    benchmark_root: Root, oracle: Callable[..., Oracle], tmp_path: Path
) -> None:
    root = shutil.copytree(benchmark_root("scannet"), tmp_path / "scannet")
    (root / "room0/depth/2.png").write_bytes(b"")
    (root / "room0/pose/3.txt").write_text("2 0 0 0\n0 2 0 0\n0 0 2 0\n0 0 0 1")
    (root / "room0/pose/4.txt").write_text("-inf " * 16)
    for path in (root / "room1/depth").iterdir():
        path.write_bytes(b"")
    first, second = evaluate_mapping(plan_mapping(small("scannet"), root), oracle)
    assert (first.frames, first.skipped) == (FRAMES - 3, 1)
    assert [name for name, _ in first.left_out] == ["2", "3"]
    assert "no rigid transform" in first.left_out[1][1]
    assert first.scores is not None
    assert second.scores is None
    assert "frames have a label map that can be read" in str(second.error)
    table = mapping_table(plan_mapping(small("scannet"), root), [first, second], as_published=False)
    assert table.rows[1] == ("room1", "0", "0", "–", "–", "–")
    assert table.rows[2][3:] == table.rows[0][3:], "the mean is over what was scored"
    assert any("1 frames have no pose" in note for note in table.notes)
    assert any("not to be compared: room1" in note for note in table.notes)
    assert any("Frames could not be read in room0" in note for note in table.notes)


def test_rows_add_up(plan: Plan, oracle: Callable[..., Oracle]) -> None:
    reports = evaluate_mapping(plan("replica"), oracle)
    figures = {(row["scene"], row["metric"]): row["value"] for row in mapping_rows(reports)}
    for metric in ("miou", "fmiou", "accuracy"):
        mean = (figures["room0", metric] + figures["room1", metric]) / 2
        assert figures["mean", metric] == pytest.approx(mean)
    rows = [row for row in class_rows(reports) if row["scene"] == "room0"]
    assert [row["index"] for row in rows] == list(range(1, len(reports[0].names) + 1))
    for row in rows:
        there = row["tp"] + row["fn"]
        assert row["tp"] + row["fp"] + row["fn"] + row["tn"] == reports[0].voxels
        assert np.isnan(row["iou"]) == (there == 0)
        if there:
            assert row["iou"] == pytest.approx(row["tp"] / (there + row["fp"]))
    assert sum(row["tp"] for row in rows) / reports[0].voxels == pytest.approx(figures["room0", "accuracy"])


def test_scenes_are_those_that_are_there(benchmark_root: Root) -> None:
    setting = small("replica", scenes=("office0", "room0", "room1"))
    plan = plan_mapping(setting, benchmark_root("replica"))
    assert [scene.name for scene in plan.scenes] == ["room0", "room1"]
    assert plan.missing == ("office0",)
    assert [scene.name for scene in plan_mapping(setting, benchmark_root("replica"), ["room1"]).scenes] == [
        "room1"
    ]
    with pytest.raises(UsageError, match=r"has none of the scenes office0, office1; --scene NAME"):
        plan_mapping(small("replica", scenes=("office0", "office1")), benchmark_root("replica"))
    with pytest.raises(UsageError, match="has no scene 'office0'"):
        plan_mapping(setting, benchmark_root("replica"), ["office0"])
    with pytest.raises(UsageError, match="there is no folder"):
        plan_mapping(setting, Path("/nowhere"))


def test_truth_may_be_elsewhere(benchmark_root: Root, oracle: Callable[..., Oracle], tmp_path: Path) -> None:
    root = shutil.copytree(benchmark_root("replica"), tmp_path / "replica")
    own = evaluate_mapping(plan_mapping(small("replica"), root, ["room0"]), oracle)[0]
    held = root / "room0/external_semseg_gt.pt"
    points, labels = read_points(held)
    held.unlink()
    with pytest.raises(UsageError, match=r"room0: no labelled points.*external_semseg_gt.pt.*--truth DIR"):
        plan_mapping(small("replica"), root, ["room0"])
    (tmp_path / "truth").mkdir()
    write_truth(tmp_path / "truth/room0.ply", points, labels.astype(np.int32))
    plan = plan_mapping(small("replica"), root, ["room0"], truth=tmp_path / "truth")
    other = evaluate_mapping(plan, oracle)[0]
    assert np.array_equal(own.counts, other.counts)


@pytest.mark.parametrize(
    ("dataset", "file", "words"),
    [
        ("replica", "semantic_info/room0/info_semantic.json", "info_semantic.json"),
        ("scannet", "scannetv2-labels.combined.tsv", "scannetv2-labels.combined.tsv"),
        ("scannetpp", "metadata/semantic_benchmark/top100.txt", "top100.txt"),
    ],
)
def test_missing_classes_are_asked_for(
    benchmark_root: Root, tmp_path: Path, dataset: str, file: str, words: str
) -> None:
    root = shutil.copytree(benchmark_root(dataset), tmp_path / dataset)
    text = (root / file).read_text()
    (root / file).unlink()
    with pytest.raises(UsageError, match=rf"room0: .*{words}.*--classes FILE"):
        plan_mapping(small(dataset), root, ["room0"])
    if dataset == "scannetpp":
        (tmp_path / "mine.txt").write_text(text)
        plan = plan_mapping(small(dataset), root, ["room0"], classes=tmp_path / "mine.txt")
        assert plan.scenes[0].classes.names[1:] == tuple(text.split("\n")[:-1])


def test_truth_of_other_classes_is_refused(
    benchmark_root: Root, oracle: Callable[..., Oracle], tmp_path: Path
) -> None:
    root = shutil.copytree(benchmark_root("replica"), tmp_path / "replica")
    info = root / "semantic_info/room0/info_semantic.json"
    info.write_text(json.dumps({"classes": [{"id": 900, "name": "wall"}]}))
    report = evaluate_mapping(plan_mapping(small("replica"), root, ["room0"]), oracle)[0]
    assert report.scores is None
    assert "none of its labels" in str(report.error)


def test_points_are_read_from_ply_and_tensors(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(50, 3)).astype(np.float32), rng.integers(-1, 9, 50).astype(np.int32)
    paths = [tmp_path / name for name in ("a.pt", "a.ply", "text.ply", "big.ply", "vertices.pt")]
    write_truth(paths[0], points, labels)
    write_truth(paths[1], points, labels)
    names = [("x", "float"), ("red", "uchar"), ("y", "double"), ("z", "float32"), ("label", "ushort")]
    header = ["ply", "format {}", "comment made", f"element vertex {len(points)}"]
    header += [f"property {kind} {name}" for name, kind in names]
    header += ["element face 1", "property list uchar int vertex_indices", "end_header", ""]
    text = "\n".join(
        f"{x!r} 7 {y!r} {z!r} {n}"
        for (x, y, z), n in zip(points.tolist(), (labels % 9).tolist(), strict=True)
    )
    paths[2].write_text("\n".join(header).format("ascii 1.0") + text + "\n3 0 1 2\n")
    rows = np.empty(50, [("x", ">f4"), ("red", "u1"), ("y", ">f8"), ("z", ">f4"), ("label", ">u2")])
    (rows["x"], rows["y"], rows["z"]), rows["label"] = points.T, labels % 9
    paths[3].write_bytes(
        "\n".join(header).format("binary_big_endian 1.0").encode() + rows.tobytes() + b"\3abcd" * 3
    )
    torch.save({"vtx_coords": torch.from_numpy(points), "vtx_labels": torch.from_numpy(labels)}, paths[4])
    wanted = [labels, labels, labels % 9, labels % 9, labels + 1]
    for path, numbers in zip(paths, wanted, strict=True):
        found, read = read_points(path)
        assert np.allclose(found, points, atol=1e-6), path
        assert np.array_equal(read, numbers), path


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pt", b"no tensors", "is no file of tensors alone"),
        ("a.ply", b"no points", "does not begin with 'ply'"),
        (
            "a.ply",
            b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nend_header\n1\n",
            "cannot be read as a PLY",
        ),
        (
            "a.ply",
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n",
            "no property 'y'",
        ),
        (
            "a.ply",
            b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nproperty float x\nend_header\n1",
            "PLY",
        ),
    ],
)
def test_files_that_hold_no_points(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_points(tmp_path / name)


def test_tensors_that_are_no_points(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"other": torch.zeros(3)}, path)
    with pytest.raises(
        InputError, match="should hold the tensors semseg_gt_xyz and semseg_gt_label or vtx_coords"
    ):
        read_points(path)
    for points, labels, reason in (
        (torch.zeros(4, 3), torch.zeros(5), r"holds \(4, 3\) and \(5,\)"),
        (torch.zeros(0, 3), torch.zeros(0), "holds no points"),
        (torch.full((4, 3), torch.inf), torch.zeros(4), "not finite"),
    ):
        torch.save({"semseg_gt_xyz": points, "semseg_gt_label": labels}, path)
        with pytest.raises(InputError, match=reason):
            read_points(path)


def test_a_file_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    torch.save({"semseg_gt_xyz": Trap()}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="no file of tensors alone"):
        read_points(tmp_path / "a.pt")
    assert not (tmp_path / "sprung").exists()


def test_settings_are_the_published_ones() -> None:
    from terralex.evaluation.mapping import load_mapping_settings, mapping_setting

    sizes = {
        setting.dataset: (setting.size, len(setting.scenes), setting.truth)
        for setting in load_mapping_settings()
    }
    assert sizes == {
        "replica": ((640, 1136), 8, "points"),
        "scannet": ((640, 864), 12, "images"),
        "scannetpp": ((640, 960), 9, "points"),
    }
    for setting in load_mapping_settings():
        assert (setting.frame_skip, setting.voxel_size, setting.neighbours) == (10, 0.05, 5)
        assert (setting.crop, setting.stride) == (336, 112)
        assert (setting.prompt_denoising, setting.threshold) == (0.5, 0.1)
    assert replace(mapping_setting("scannet")).ignored == ("otherprop", "otherstructure", "otherfurniture")
    with pytest.raises(UsageError, match="no dataset is called 'kitti': take replica, scannet, scannetpp"):
        mapping_setting("kitti")

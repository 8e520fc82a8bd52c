"""The tour, with a network of random weights: what is shown, what is written, and how it fails."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from terralex.cli.app import run
from terralex.models import Model, load_model
from terralex.reports.quickstart import Tour, make_page, take_tour
from terralex.reports.quickstart.tour import MOST_OWN
from terralex.runtime import UsageError
from terralex.synthetic import LAND_NAMES


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures, one text that calls itself a picture, and a tile that does not name its bands."""
    root = tmp_path_factory.mktemp("own")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for name in ("a.jpg", "b.png", "c&<i>.png"):
        Pictures.fromarray(pixels).save(root / name)
    (root / "text.jpg").write_text("not a picture")
    np.save(root / "tile.npy", np.full((4, 16, 16), 900, np.uint16))
    return root


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory, model: Model, own: Path) -> Tour:
    return take_tour(tmp_path_factory.mktemp("tour") / "samples", [str(own)], model)


def test_every_class_of_land_is_met_as_tile_and_as_picture(tour: Tour) -> None:
    seen = tour.samples.seen
    assert [entry.truth for entry in seen] == [*LAND_NAMES, *LAND_NAMES]
    assert [len(entry.views) for entry in seen] == [2] * len(LAND_NAMES) + [1] * len(LAND_NAMES)
    assert all(Path(entry.path).is_file() for entry in seen)
    for entry in seen:
        scores = [answer.score or 0 for answer in entry.answers]
        assert len(scores) == 3
        assert scores == sorted(scores, reverse=True)


def test_each_sentence_finds_the_nearest_first(tour: Tour) -> None:
    paths = {entry.path for entry in tour.samples.seen}
    for hits in tour.samples.found.values():
        scores = [hit.score or 0 for hit in hits]
        assert len(scores) == 5
        assert scores == sorted(scores, reverse=True)
        assert {hit.path for hit in hits} <= paths


def test_the_scene_is_mapped_beside_its_truth(tour: Tour) -> None:
    assert tour.mapped is not None
    labels, truth = tour.mapped.found.labels, tour.mapped.truth
    assert labels is not None
    assert labels.shape == truth.shape
    assert set(np.unique(truth)) <= set(range(len(LAND_NAMES)))
    assert tour.mapped.right == (labels == truth).mean()
    page = make_page(tour)
    assert all(caption in page for caption in ("the scene", "its map", "the truth", "rgb("))


def test_own_pictures_that_fail_keep_their_reason(tour: Tour, own: Path) -> None:
    assert tour.own is not None
    assert len(tour.own.seen) == 5
    assert tour.failed.keys() == {str(own / "text.jpg"), str(own / "tile.npy")}
    assert "--bands" in tour.failed[str(own / "tile.npy")]
    assert {hit.path for hit in tour.own.found["trees"]} == {
        str(own / n) for n in ("a.jpg", "b.png", "c&<i>.png")
    }


def test_bands_and_units_make_a_tile_readable(tmp_path: Path, model: Model, own: Path) -> None:
    tour = take_tour(tmp_path, [str(own / "tile.npy")], model, bands="B02,B03,B04,B08", units="dn")
    assert tour.own is not None
    assert not tour.failed
    assert len(tour.own.seen[0].views) == 2


def test_more_pictures_than_fit_are_counted(tmp_path: Path, model: Model) -> None:
    for number in range(MOST_OWN + 3):
        Pictures.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    tour = take_tour(tmp_path / "samples", [str(tmp_path / "*.png")], model)
    assert tour.own is not None
    assert len(tour.own.seen) == MOST_OWN
    assert tour.left_out == 3
    assert "3 more are left out" in make_page(tour)


def test_the_page_shows_everything(tour: Tour) -> None:
    page = make_page(tour)
    assert page.count("<article") == len(tour.samples.seen) + 5
    assert page.count("Not read") == 2
    assert "c&amp;&lt;i&gt;.png" in page
    assert "c&<i>" not in page
    assert tour.model.revision in page
    assert "--model bioclip-2" in page
    assert "--model msclip" in page
    assert len(page) < 3_000_000


def test_a_tour_without_own_pictures(tmp_path: Path, model: Model) -> None:
    tour = take_tour(tmp_path / "samples", [], model)
    assert tour.own is None
    assert tour.failed == {}
    assert "Your pictures" not in make_page(tour)


def test_own_pictures_that_are_not_there(tmp_path: Path, model: Model) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        take_tour(tmp_path / "samples", [str(tmp_path / "nowhere" / "*.jpg")], model)
    assert not (tmp_path / "samples").exists()


def test_the_command(tmp_path: Path, tiny_model: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "out" / "report.html"
    assert run(["quickstart", str(own), "--model", tiny_model, "-o", str(report)]) == 3
    printed = capsys.readouterr()
    assert "c&<i>.png" in printed.out
    assert str(report) in printed.out
    assert "--bands" in printed.err
    assert report.read_text().startswith("<!doctype html>")
    assert (report.parent / "terralex-samples" / "labels.csv").is_file()

    before = report.read_bytes()
    assert run(["quickstart", "--model", tiny_model, "-o", str(report)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert report.read_bytes() == before
    assert run(["quickstart", "--model", tiny_model, "-o", str(report), "--overwrite"]) == 0
    assert report.read_bytes() != before


def test_a_name_that_is_not_utf_8(
    tmp_path: Path, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Pictures.new("RGB", (8, 8)).save(tmp_path / os.fsdecode(b"caf\xe9.jpg"))
    report = tmp_path / "report.html"
    assert run(["quickstart", str(tmp_path / "*.jpg"), "--model", tiny_model, "-o", str(report)]) == 0
    assert r"caf\udce9.jpg" in capsys.readouterr().out
    assert r"caf\udce9.jpg" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "report.csv"], "name it .html"),
        (["--model", "no-such-model"], "no-such-model"),
        (["--device", "abacus"], "abacus"),
        (["nowhere/*.jpg"], "nowhere"),
        (["-o", "taken/report.html"], "taken"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    tiny_model: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("a file where a folder should be")
    model = [] if "--model" in arguments else ["--model", tiny_model]
    assert run(["quickstart", *arguments, *model]) in (1, 2)
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert message in error[0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]

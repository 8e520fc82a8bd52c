from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from terralex.runtime.errors import InputError, UsageError
from terralex.segmentation.scenes import segment_scene

from .conftest import SPEC, NearestColour, WriteScene, blotches, painted

SMALL: dict[str, Any] = {"spec": SPEC, "window": 64, "overlap": 16}


class Stopping(NearestColour):
    """Fails at its third window."""

    def grid_probabilities(self, pixels: Any) -> Any:  # noqa: ANN401
        if len(self.seen) == 2:
            raise KeyboardInterrupt
        return super().grid_probabilities(pixels)


@pytest.mark.parametrize("points", [4, pytest.param("all", marks=pytest.mark.long)])
def test_a_run_that_is_killed_anywhere_ends_with_the_same_bytes(
    write_scene: WriteScene, tmp_path: Path, killed_at_operations: Callable[..., int], points: int | str
) -> None:
    truth = blotches(150, 120)
    truth[60:130, 60:] = 0
    write_scene(painted(truth), nodata=0)
    assert killed_at_operations(Path(__file__).with_name("crash_case.py"), tmp_path, points) >= 12


@pytest.fixture
def unfinished(write_scene: WriteScene, tmp_path: Path) -> Path:
    """A scene whose map was begun: its first row of windows is done."""
    source = write_scene(painted(blotches(150, 100)))
    with pytest.raises(KeyboardInterrupt):
        segment_scene(source, Stopping(), tmp_path / "map.tif", batch_size=3, **{**SMALL, "window": 48})
    return source


def test_what_is_unfinished_has_to_be_resumed_or_replaced(unfinished: Path, tmp_path: Path) -> None:
    again = {**SMALL, "window": 48, "batch_size": 3}
    with pytest.raises(UsageError, match=r"unfinished.*--resume"):
        segment_scene(unfinished, NearestColour(), tmp_path / "map.tif", **again)
    with pytest.raises(UsageError, match=r"other settings.*windows"):
        segment_scene(unfinished, NearestColour(), tmp_path / "map.tif", resume=True, **SMALL)
    with pytest.raises(UsageError, match=r"other settings.*model"):
        segment_scene(unfinished, NearestColour(), tmp_path / "map.tif", resume=True, model="other", **again)
    labeller = NearestColour()
    report = segment_scene(unfinished, labeller, tmp_path / "map.tif", resume=True, **again)
    assert report.windows == 15
    assert len(labeller.seen) == 4  # of 5 rows
    assert not (tmp_path / "map.tif.unfinished").exists()


def test_a_scene_that_has_changed_is_another(
    unfinished: Path, tmp_path: Path, write_scene: WriteScene
) -> None:
    write_scene(painted(blotches(150, 100, seed=1)))
    with pytest.raises(UsageError, match="other settings"):
        segment_scene(
            unfinished,
            NearestColour(),
            tmp_path / "map.tif",
            resume=True,
            batch_size=3,
            **{**SMALL, "window": 48},
        )


def test_a_source_may_be_named_in_another_way(
    unfinished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    again = {**SMALL, "window": 48, "batch_size": 3}
    report = segment_scene(unfinished.name, NearestColour(), "map.tif", resume=True, **again)
    assert report.windows == 15


def test_a_map_may_go_into_the_folder_of_its_scene(write_scene: WriteScene, tmp_path: Path) -> None:
    """What a run leaves there does not make it another scene."""
    pixels = painted(blotches(150, 100)).astype("uint16") * 10
    for plane, name in zip(pixels, ("B04", "B03", "B02"), strict=True):
        write_scene(plane[None], f"{name}.tif", photometric="minisblack")
    options = {**SMALL, "window": 48, "units": "dn", "bands": "sentinel-2-l2a:B04,B03,B02"}
    with pytest.raises(KeyboardInterrupt):
        segment_scene(tmp_path, Stopping(), tmp_path / "map.tif", batch_size=3, **options)
    (tmp_path / "map.tif.aux.xml.tmp").touch()  # a run that is killed at its very end
    segment_scene(tmp_path, NearestColour(), tmp_path / "map.tif", resume=True, batch_size=3, **options)
    assert (tmp_path / "map.tif").exists()


def test_a_run_that_did_nothing_leaves_nothing(write_scene: WriteScene, tmp_path: Path) -> None:
    source = write_scene(painted(blotches(64, 64)))
    with pytest.raises(InputError, match="none of its bands"):
        segment_scene(source, NearestColour(), tmp_path / "map.tif", bands="B11,B12,B8A", **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]

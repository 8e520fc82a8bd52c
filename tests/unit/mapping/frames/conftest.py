"""Made rooms on disk in every layout, to be read and to be spoiled."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from terralex.synthetic.rooms import LAYOUTS, World, make_room, write_sequence

FRAMES, SIZE = 6, (48, 64)


@pytest.fixture(scope="session")
def room() -> World:
    return make_room(0)


@pytest.fixture(scope="session")
def written(room: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of all scenes by layout; the scene is "room0"."""
    roots = {layout: tmp_path_factory.mktemp(layout) for layout in LAYOUTS}
    for layout, root in roots.items():
        write_sequence(room, root, layout=layout, frames=FRAMES, size=SIZE)
    return roots


@pytest.fixture
def spoilt(written: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Copies the scenes of a layout, for a test to spoil."""

    def copy(layout: str) -> Path:
        return shutil.copytree(written[layout], tmp_path / layout)

    return copy

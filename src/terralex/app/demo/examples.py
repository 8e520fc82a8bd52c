"""Examples, generated on the spot: tiles of land, specimens, a scene, a recording."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from PIL import Image as Pictures

from terralex.imagery import read_image, to_rgb8, write_geotiff
from terralex.synthetic import (
    make_land_scene,
    make_land_tile,
    make_tree_of_life,
    render_rgb8,
    render_specimen,
)
from terralex.synthetic.life import RANKS
from terralex.synthetic.rooms import make_plot, write_sequence

LAND = ("water", "conifer forest", "built-up", "crops", "snow", "sand")
WORDS = ("water", "forest", "fields", "a town", "snow")
_SPECIES = (2, 17, 31, 46)
_TILE, _SCENE, _SPECIMEN = 96, 384, 160
_LESSONS = 5  # pictures of a class to learn from
_WITHOUT_SNOW = (80, 120, 250, 240)  # next to snow all else would look black


class Examples:
    """Example files in a folder, each made when it is first asked for.

    Args:
        folder: Where they go; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def land(self) -> list[Path]:
        """Pictures of land seen from above, one of each of several classes."""
        return [self._made(f"{name}.png", self._tile(name, seed)) for seed, name in enumerate(LAND)]

    def specimens(self) -> list[Path]:
        """Pictures of made organisms, whose species are in `species`."""
        return [self._made(f"specimen {number}.png", self._specimen(number)) for number in _SPECIES]

    def scene(self) -> Path:
        """A georeferenced scene in twelve bands."""

        def make(path: Path) -> None:
            write_geotiff(make_land_scene(3, _SCENE).image.crop(_WITHOUT_SNOW), path)

        return self._made("scene.tif", make)

    def scene_preview(self) -> Path:
        """How `scene` looks."""

        def make(path: Path) -> None:
            Pictures.fromarray(to_rgb8(read_image(scene))).save(path)

        scene = self.scene()
        return self._made("scene.png", make)

    def gallery(self) -> list[Path]:
        """Pictures to search among: two of each class of land, and the specimens."""
        more = [self._made(f"{name} 2.png", self._tile(name, seed + 10)) for seed, name in enumerate(LAND)]
        return [*self.land(), *more, *self.specimens()]

    def lessons(self) -> dict[str, list[Path]]:
        """Pictures of some classes to learn from."""
        return {
            name: [self._made(f"{name} {n}.png", self._tile(name, 100 + n)) for n in range(_LESSONS)]
            for name in ("water", "conifer forest", "crops")
        }

    def species(self) -> Path:
        """The tree of life that `specimens` are from, a species a row."""
        return self._made("species.csv", _write_species)

    def recording(self) -> Path:
        """A short RGB-D recording of a made forest plot."""
        with self._lock:
            world = make_plot(1)
            folder = self._folder / "recordings" / world.name
            if not folder.exists():
                write_sequence(world, folder.parent, frames=4, size=(60, 80))
            return folder

    def _tile(self, name: str, seed: int) -> Callable[[Path], None]:
        return lambda path: Pictures.fromarray(render_rgb8(make_land_tile(name, seed, _TILE))).save(path)

    def _specimen(self, species: int) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            picture = render_specimen(make_tree_of_life(0), species, species, _SPECIMEN)
            Pictures.fromarray(picture).save(path)

        return make

    def _made(self, name: str, make: Callable[[Path], None]) -> Path:
        with self._lock:
            path = self._folder / name
            if not path.exists():
                draft = path.with_name(f".{name}")
                make(draft)
                draft.replace(path)
            return path


def _write_species(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(RANKS)
        writer.writerows(row.values() for row in make_tree_of_life(0).rows())

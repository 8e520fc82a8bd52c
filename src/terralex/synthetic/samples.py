"""A small set of made pictures on disk, with the truth about them beside."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from terralex.imagery import Bands, write_geotiff
from terralex.synthetic.land import LAND_CLASSES, make_land_scene, make_land_tile, render_rgb8
from terralex.synthetic.life import RANKS, TreeOfLife, make_tree_of_life, render_specimen

_TILES = 2  # of each class of land
_SPECIMENS = 12
_TILE_SIZE, _SCENE_SIZE, _SPECIMEN_SIZE = 96, 256, 160

Row = tuple[str, str, str, str]


def write_samples(directory: str | Path, seed: int = 0) -> list[Path]:
    """Write made samples: tiles of land in twelve bands and in true colour, a mapped scene, specimens.

    `labels.csv` holds the truth: path within the directory, kind ("tile", "rgb", "scene", "map", "specimen"),
    label, and the broader terms from near to far with ";" between. A map's values index `LAND_NAMES`.
    `species.csv` holds the tree of life that the specimens are from, a species a row: that of seed 0,
    which the pocket model knows.

    Args:
        directory: Made if it is not there; files of the same names are replaced.
        seed: The same seed gives the same pictures.

    Returns:
        The files written, `species.csv` and `labels.csv` last.
    """
    root = Path(directory)
    for folder in ("tiles", "rgb", "scene", "specimens"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    tree = make_tree_of_life(0)
    rows = [*_write_tiles(root, seed), *_write_scene(root, seed), *_write_specimens(root, tree, seed)]
    species, labels = root / "species.csv", root / "labels.csv"
    _write_table(species, RANKS, (row.values() for row in tree.rows()))
    _write_table(labels, ("path", "kind", "label", "broader"), rows)
    return [*(root / row[0] for row in rows), species, labels]


def _write_table(path: Path, headings: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)


def _write_tiles(root: Path, seed: int) -> Iterator[Row]:
    """Write tiles of each class, in all bands and as pictures."""
    for name, entry in LAND_CLASSES.items():
        for number in range(_TILES):
            tile = make_land_tile(name, seed * 1000 + number, _TILE_SIZE)
            stem = f"{name.replace(' ', '_')}_{number + 1}"
            write_geotiff(tile, root / "tiles" / f"{stem}.tif")
            Picture.fromarray(render_rgb8(tile)).save(root / "rgb" / f"{stem}.png")
            broader = ";".join(entry.parents)
            yield f"tiles/{stem}.tif", "tile", name, broader
            yield f"rgb/{stem}.png", "rgb", name, broader


def _write_scene(root: Path, seed: int) -> Iterator[Row]:
    """Write one scene and its label map."""
    scene = make_land_scene(seed, _SCENE_SIZE)
    write_geotiff(scene.image, root / "scene" / "scene.tif")
    labels = replace(scene.image, pixels=scene.labels[None], bands=Bands(("class",)), units="8bit")
    write_geotiff(labels, root / "scene" / "labels.tif")
    yield "scene/scene.tif", "scene", "", ""
    yield "scene/labels.tif", "map", "", ""


def _write_specimens(root: Path, tree: TreeOfLife, seed: int) -> Iterator[Row]:
    """Write specimens of species from all over a tree of life."""
    for number, place in enumerate(np.linspace(0, len(tree.species) - 1, _SPECIMENS).astype(int)):
        lineage = tree.lineage(int(place))
        path = f"specimens/{lineage[-1].replace(' ', '_')}.png"
        Picture.fromarray(render_specimen(tree, int(place), seed + number, _SPECIMEN_SIZE)).save(root / path)
        yield path, "specimen", lineage[-1], ";".join(reversed(lineage[:-1]))

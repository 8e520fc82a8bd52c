"""The map of a scene with every output, for `crash_points.py`; the scene lies beside the run's folder."""

from pathlib import Path

import torch

from conftest import SPEC, NearestColour
from terralex.segmentation.scenes import segment_scene

OUTPUTS = ("map.tif", "map.tif.aux.xml", "probabilities.tif", "map.gpkg", "areas.csv", "map.png")


class Case:
    def __init__(self, folder: Path, form: str) -> None:
        self._folder = folder

    def run(self, resume: bool) -> None:
        torch.set_num_threads(1)
        segment_scene(
            self._folder.parent / "scene.tif",
            NearestColour(4),
            self._folder / "map.tif",
            spec=SPEC,
            window=64,
            overlap=32,
            probabilities=self._folder / "probabilities.tif",
            polygons=self._folder / "map.gpkg",
            areas=self._folder / "areas.csv",
            preview=self._folder / "map.png",
            resume=resume,
        )

    def files(self) -> dict[str, bytes]:
        return {name: (self._folder / name).read_bytes() for name in OUTPUTS}

    def unfinished(self) -> bool:
        map_file = self._folder / "map.tif"
        return not map_file.exists() or (self._folder / "map.tif.unfinished" / "progress").exists()

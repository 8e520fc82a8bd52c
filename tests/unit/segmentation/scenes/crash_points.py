"""Kill a run before many lines of the room, resume it, compare: `python crash_points.py FOLDER POINTS`.

Prints how many lines were tried. A process of its own, as it forks and must have no threads when it does.
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import torch

from terralex.segmentation import scenes

sys.path.insert(0, str(Path(__file__).parent))
from conftest import SPEC, NearestColour

ROOM = Path(scenes.__file__).parent
TRACED = {str(ROOM / name) for name in ("segment.py", "labelling.py", "store.py", "work.py", "outputs.py")}
TRACED.add(str(ROOM.parents[1] / "runtime" / "files.py"))

PRODUCTS = ("map.tif", "map.tif.aux.xml", "probabilities.tif", "map.gpkg", "areas.csv", "map.png")


class Lines:
    """Counts lines of the room; kills the process before line `fatal`."""

    def __init__(self, fatal: int | None = None) -> None:
        self.count = 0
        self.fatal = fatal

    def trace(self, frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            if self.count == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1
        return self.trace


def run(scene: Path, folder: Path, *, resume: bool = False) -> None:
    torch.set_num_threads(1)
    folder.mkdir(exist_ok=True)
    scenes.segment_scene(
        scene,
        NearestColour(4),
        folder / "map.tif",
        spec=SPEC,
        window=64,
        overlap=32,
        probabilities=folder / "probabilities.tif",
        polygons=folder / "map.gpkg",
        areas=folder / "areas.csv",
        preview=folder / "map.png",
        resume=resume,
    )


def in_child(action: Callable[[], None]) -> int:
    """Do it in a forked process; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def traced(scene: Path, folder: Path, lines: Lines) -> None:
    sys.settrace(lines.trace)
    run(scene, folder)
    sys.settrace(None)
    (folder / "lines").write_text(str(lines.count))


def main() -> None:
    folder, points = Path(sys.argv[1]), int(sys.argv[2])
    scene, whole = folder / "scene.tif", folder / "whole"
    assert in_child(lambda: traced(scene, whole, Lines())) == 0
    lines = int((whole / "lines").read_text())
    randomly = random.Random(0).sample(range(lines), points)
    for line in sorted({*randomly, 5, lines - 2, lines - 6, lines - 12}):
        broken = folder / f"killed-{line}"
        code = in_child(lambda line=line, broken=broken: traced(scene, broken, Lines(line)))  # type: ignore[misc]
        assert code == -signal.SIGKILL, f"line {line}: not killed"
        if not (broken / "map.tif").exists() or (broken / "map.tif.unfinished" / "progress").exists():
            resumed = in_child(lambda broken=broken: run(scene, broken, resume=True))  # type: ignore[misc]
            assert resumed == 0, f"line {line}: not resumed"
        for name in PRODUCTS:
            same = (broken / name).read_bytes() == (whole / name).read_bytes()
            assert same, f"line {line}: other bytes in {name}"
    print(len(randomly))


if __name__ == "__main__":
    main()

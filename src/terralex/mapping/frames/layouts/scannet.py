"""Scenes of ScanNet (Dai et al. 2017), exported from their .sens files."""

from __future__ import annotations

import csv
from pathlib import Path

from terralex.mapping.frames import files
from terralex.mapping.frames.classes import ClassTable, nyu40
from terralex.mapping.frames.layouts._layout import Layout, camera_of
from terralex.mapping.frames.recording import Listing, Shot
from terralex.runtime.errors import InputError
from terralex.runtime.inputs import natural_key

_TABLE = "scannetv2-labels.combined.tsv"


def _list(folder: Path) -> Listing:
    """color/`%d.jpg`, depth/`%d.png`, pose/`%d.txt`, intrinsic/`intrinsic_depth.txt`, label-filt/`%d.png`.

    The camera of the depth maps stands for that of the pictures too, which see almost the same; frames whose
    pose could not be found have an infinite one.
    """
    camera = folder / "intrinsic" / "intrinsic_depth.txt"
    pictures = files.by_stem(folder / "color")
    depths = files.by_stem(folder / "depth", (".png",))
    filtered = folder / f"{folder.name}_2d-label-filt" / "label-filt"
    labels = files.by_stem(filtered if filtered.is_dir() else folder / "label-filt", (".png",))
    poses = files.by_stem(folder / "pose", (".txt",))
    return Listing(
        name=folder.name,
        path=folder,
        shots=tuple(
            Shot(
                id=name,
                rgb=pictures.get(name, folder / "color" / f"{name}.jpg"),
                depth=depths.get(name, folder / "depth" / f"{name}.png"),
                pose=files.read_matrix(poses[name], 4, 4),
                labels=labels.get(name),
            )
            if name in poses
            else (name, f"there is no {folder / 'pose' / name}.txt")
            for name in sorted({*pictures, *depths}, key=natural_key)
        ),
        intrinsics=camera_of(files.read_matrix(camera, 4, 4), camera),
        per_metre=1000,
        classes=_classes(folder.parent / _TABLE) if labels else None,
    )


def _classes(path: Path) -> ClassTable | None:
    """The 40 classes of NYU, to which a table refers each number in label maps; None without the table."""
    if not path.is_file():
        return None
    names = nyu40()
    try:
        rows = list(csv.DictReader(files.read_text(path).splitlines(), delimiter="\t"))
        numbers = {int(row["id"]): int(row["nyu40id"] or 0) for row in rows}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path}: should be a table with whole numbers under id and nyu40id: {error}"
        ) from error
    return ClassTable(("", *names), {raw: i for raw, i in numbers.items() if 1 <= i <= len(names)})


SCANNET = Layout(
    "scannet",
    "color/, depth/, pose/ and intrinsic/intrinsic_depth.txt",
    lambda folder: (folder / "pose").is_dir() and (folder / "intrinsic" / "intrinsic_depth.txt").is_file(),
    _list,
)

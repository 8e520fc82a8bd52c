"""How many images of other things a model flags as unlike those that it was trained on, and how much land.

    python benchmarks/domain.py [--model pocket]

Takes photos of animals and plants, frames of rooms and real land from `$TERRALEX_DATA`, and made pictures of
other kinds, none of which training saw.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from terralex.imagery import Image, read_image
from terralex.models import Model, load_model
from terralex.synthetic import make_unrelated_picture
from terralex.training.recipe import data_root

SEED = 4_000_000_000  # of the first made picture; training uses others
KINDS = ("page", "drawing", "chart", "noise", "gradient", "room", "object")


def flagged(model: Model, name: str, images: Sequence[Any]) -> None:
    """Print how many are outside the domain."""
    assert model.domain is not None
    distances = model.domain.distances(model.encode_images(images))
    outside = int((distances > 1).sum())
    print(f"{name}: {outside} of {len(images)} flagged ({outside / len(images):.1%})")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--made", type=int, default=210, help="made pictures of other kinds")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    if model.domain is None:
        parser.error(f"{model.name} does not know its domain")
    root = data_root()
    made = [Image.from_array(make_unrelated_picture(SEED + i)) for i in range(arguments.made)]
    for number, kind in enumerate(KINDS):
        flagged(model, f"made pictures, {kind}", made[number :: len(KINDS)])
    flagged(model, "made pictures, all", made)
    for name, pattern in (
        ("photos of animals and plants", "photos/*"),
        ("frames of rooms", "rgbd/**/*.color.png"),
        ("aerial tiles, 0.1 m", "aerial/*.tif"),
        ("aerial photographs", "dubai/*/images/*.jpg"),
    ):
        if files := find(root, pattern):
            flagged(model, name, files)
    for name, bands in (("sentinel2/rgb", None), ("sentinel2/l2a", "sentinel-2-l2a")):
        if files := find(root / name, "*.tif"):
            images = [read_image(file, bands=bands, units="dn" if bands else None) for file in files]
            flagged(model, name, images)


def find(root: Path, pattern: str) -> list[str]:
    """Pictures below a folder, without masks."""
    return [str(file) for file in sorted(root.glob(pattern)) if "mask" not in file.name]


if __name__ == "__main__":
    main()

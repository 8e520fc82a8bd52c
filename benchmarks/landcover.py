"""Zero-shot land cover of real Sentinel-2 tiles, in ten bands and in red, green and blue.

    python benchmarks/landcover.py [--model pocket] [--picture landcover.png]

Takes the three tiles of `$TERRALEX_DATA/sentinel2/l2a` that have a mask in `sentinel2/landcover`, whose
classes are in Esri's order. Prints what the pixels of each class are like, to check that order against, and
how well the model's labels agree.
"""

import argparse
from pathlib import Path

import numpy as np
import rasterio
import torch
from PIL import Image as Pictures

from terralex.evaluation.land_scenes import label_scene
from terralex.imagery import Image, read_image, to_rgb8
from terralex.metrics.segmentation import count_pixels, score_pixels
from terralex.models import load_model
from terralex.segmentation.scenes.colours import class_colours
from terralex.segmentation.segmenter import Segmenter
from terralex.training.recipe import data_root

PHRASES = {
    "water": ("water",),
    "trees": ("forest", "conifer forest", "broadleaf forest"),
    "flooded vegetation": ("wetland",),
    "crops": ("crops",),
    "built-up": ("built-up",),
    "bare": ("bare soil", "sand"),
    "snow or ice": ("snow",),
    "rangeland": ("grassland",),
}
CODES = (1, 2, 3, 4, 5, 6, 7, 9)  # 8 is cloud


def describe(image: Image, truth: np.ndarray) -> None:
    """What the pixels of each class are like."""
    reflectance = image.select(("B03", "B04", "B08", "B11")).reflectance()
    for number, name in enumerate(PHRASES):
        if (truth == number).any():
            green, red, infrared, shortwave = reflectance[:, truth == number].mean(axis=1)
            index = (infrared - red) / (infrared + red)
            print(
                f"    {name:<18} {(truth == number).mean():6.1%} of the tile: green {green:.3f}, "
                f"red {red:.3f}, near infrared {infrared:.3f}, shortwave {shortwave:.3f}, NDVI {index:+.2f}"
            )


def main() -> None:
    """Print the figures; draw the maps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--picture", type=Path, help="draw colours, truth and both maps of each tile here")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    segmenter = Segmenter(model, PHRASES, prompt_denoising=0.0)
    colours = np.array([*class_colours(len(PHRASES)), (0, 0, 0)], np.uint8)
    code_of = np.full(256, 255, np.int64)
    code_of[list(CODES)] = range(len(CODES))
    totals = {"ten bands": 0, "RGB": 0}
    sheet = []
    for mask in sorted((data_root() / "sentinel2/landcover").glob("*.tif")):
        with rasterio.open(mask) as dataset:
            truth = code_of[dataset.read(1)]
        tile = read_image(data_root() / "sentinel2/l2a" / mask.name, bands="sentinel-2-l2a", units="dn")
        pictures = {"ten bands": tile, "RGB": Image.from_array(to_rgb8(tile))}
        print(f"{mask.stem}:")
        describe(tile, truth)
        row = [to_rgb8(tile), colours[np.where(truth == 255, len(PHRASES), truth)]]
        for kind, picture in pictures.items():
            found = label_scene(model, segmenter, picture)
            counts = count_pixels(found, torch.from_numpy(truth), len(PHRASES))
            totals[kind] = totals[kind] + counts
            scores = score_pixels(counts)
            print(f"  {kind}: mIoU {scores.miou:.3f}, pixels right {scores.aacc:.1%}")
            row.append(colours[found.numpy()])
        sheet.append(np.concatenate(row, axis=1))
    for kind, counts in totals.items():
        scores = score_pixels(counts)
        each = ", ".join(f"{n} {v:.2f}" for n, v in zip(PHRASES, scores.iou.tolist(), strict=True) if v == v)
        print(f"all, {kind}: mIoU {scores.miou:.3f}, pixels right {scores.aacc:.1%}; IoU {each}")
    if arguments.picture:
        Pictures.fromarray(np.concatenate(sheet)).save(arguments.picture)


if __name__ == "__main__":
    main()

"""Land cover of aerial photographs with masks, pixel by pixel, by words alone.

    python benchmarks/aerial.py [--model pocket] [--tiles tile5 tile6]

Takes `$TERRALEX_DATA/dubai`; the recipes of the pocket model leave tiles 5 and 6 out.
"""

import argparse

import numpy as np
import PIL.Image
import torch

from terralex.evaluation.land_scenes import label_scene
from terralex.imagery import read_image
from terralex.metrics.segmentation import count_pixels, score_pixels
from terralex.models import load_model
from terralex.segmentation.segmenter import Segmenter
from terralex.training.recipe import data_root

PHRASES = {
    "building": (0x3C1098, ("building",)),
    "road": (0x6EC1E4, ("road",)),
    "bare land": (0x8429F6, ("bare land",)),
    "vegetation": (0xFEDD3A, ("vegetation",)),
    "water": (0xE2A929, ("water",)),
}
"""The colour of each class in the masks, and its words."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--tiles", nargs="+", default=["tile5", "tile6"])
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    words = {name: phrases for name, (_, phrases) in PHRASES.items()}
    segmenter = Segmenter(model, words, prompt_denoising=0.0)
    totals = torch.zeros(3, len(PHRASES), dtype=torch.int64)
    for tile in arguments.tiles:
        counts = torch.zeros_like(totals)
        for file in sorted((data_root() / "dubai" / tile / "images").glob("*.jpg")):
            with PIL.Image.open(file.parent.parent / "masks" / f"{file.stem}.png") as mask:
                code = np.asarray(mask.convert("RGB")).astype(np.int64) @ [1 << 16, 1 << 8, 1]
            truth = np.full(code.shape, 255)
            for number, (colour, _) in enumerate(PHRASES.values()):
                truth[code == colour] = number
            labels = label_scene(model, segmenter, read_image(file))
            counts += count_pixels(labels, torch.from_numpy(truth), len(PHRASES))
        totals += counts
        report(tile, counts)
    report("all", totals)


def report(name: str, counts: torch.Tensor) -> None:
    """Print the scores of some pictures."""
    scores = score_pixels(counts)
    each = ", ".join(f"{n} {v:.2f}" for n, v in zip(PHRASES, scores.iou.tolist(), strict=True) if v == v)
    print(f"{name}: mIoU {scores.miou:.3f}, pixels right {scores.aacc:.1%}; IoU {each}")


if __name__ == "__main__":
    main()

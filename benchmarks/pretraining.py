"""Continual pre-training on ten bands: what it adds to a model that was trained in red, green and blue.

Makes captioned scenes, trains a small model on their visible bands (the recipe `made-rgb`), goes on from it
in several ways with one budget (`made-bands`), and measures each on scenes that none has seen. Conifers and
broadleaves, and wet and dry soil, look alike in the visible.
Takes a few minutes on one core that is free; what is there already is kept.

    python benchmarks/pretraining.py -o runs
    python benchmarks/pretraining.py -o quick --train 60 --test 20 --steps 5
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from terralex.evaluation.encoding import encode_pictures, file_items
from terralex.imagery import Bands, Image, write_geotiff
from terralex.metrics.classification import top_k_accuracy
from terralex.metrics.multilabel import average_precision_at, published_average_precision
from terralex.models import Model, load_model
from terralex.recognition.encoder import Encoder
from terralex.synthetic import LAND_CLASSES
from terralex.synthetic.land.spectra import BANDS
from terralex.synthetic.land.tiles import draw_tile
from terralex.training import Recipe, Trainer
from terralex.training.captioned import caption_labels, write_captions

SIZE, HELD_OUT = 64, 5_000_000  # pixels a side; what the seeds of held-out scenes begin at


@dataclass(frozen=True)
class Kind:
    """What scenes are made of: a class of land, and for soil how moist it is."""

    land: str
    words: tuple[str, ...]
    moisture: tuple[float, float] | None = None


KINDS = {
    "conifer forest": Kind("conifer forest", ("conifer forest", "coniferous forest", "needleleaf forest")),
    "broadleaf forest": Kind("broadleaf forest", ("broadleaf forest", "deciduous forest")),
    "dry soil": Kind("bare soil", ("dry soil", "dry bare soil", "dry earth"), (0.0, 0.2)),
    "wet soil": Kind("bare soil", ("wet soil", "wet bare soil", "moist earth"), (0.75, 1.0)),
    **{
        name: Kind(name, (name, *entry.synonyms[:2]))
        for name, entry in LAND_CLASSES.items()
        if name not in ("conifer forest", "broadleaf forest", "bare soil")
    },
}
"""What there is to tell apart; of the first four, two and two differ in the infrared alone."""

RGB = "bands=[B04, B03, B02]"
RUNS: dict[str, list[str]] = {
    "as long again, RGB": [RGB],
    "ten bands, `new_bands: zero` (published)": [],
    "ten bands, `new_bands: mean`": ["new_bands=mean"],
}
HEADINGS = (
    *("model", "accuracy, 11 classes", "conifer or broadleaf", "wet or dry soil"),
    *("mAP@100, these four", "as published", "mAP@100, all"),
)


def main() -> None:
    """Make, train and measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs"))
    parser.add_argument("--train", type=int, default=1320, help="scenes to train on")
    parser.add_argument("--test", type=int, default=660, help="held-out scenes")
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()
    scenes = given.output / "made-scenes"
    for part, first, count in (("train", 0, given.train), ("test", HELD_OUT, given.test)):
        if not (scenes / f"{part}.csv").is_file():
            write_captions(scenes / f"{part}.csv", make_scenes(scenes, part, first, count))
    changes = [f"data.0.path={scenes / 'train.csv'}", *([f"steps={given.steps}"] if given.steps else [])]
    start = train("made-rgb", given.output / "made-rgb", changes)
    rows = [cells("before, RGB", load_model(f"local-dir:{start}"), scenes, given.test)]
    for number, (name, more) in enumerate(RUNS.items()):
        folder = given.output / f"made-bands-{number}"
        model = train("made-bands", folder, [f"model=local-dir:{start}", *changes, *more])
        rows.append(cells(name, load_model(f"local-dir:{model}"), scenes, given.test))
    for row in (HEADINGS, ("---",) * len(HEADINGS), *rows):
        print("|", " | ".join(row), "|")


def make_scenes(folder: Path, part: str, first: int, count: int) -> Iterator[tuple[str, str]]:
    """Write scenes, the kinds in turn; yields their paths and captions, which tell of their label maps."""
    (folder / part).mkdir(parents=True, exist_ok=True)
    kinds = list(KINDS.values())
    for number in range(count):
        kind, rng = kinds[number % len(kinds)], random.Random(first + number)
        moisture = None if kind.moisture is None else rng.uniform(*kind.moisture)
        pixels, labels = draw_tile(kind.land, first + number, SIZE, moisture=moisture)
        words = {name: (name, *entry.synonyms[:2]) for name, entry in LAND_CLASSES.items()}
        path = f"{part}/{number:05d}.tif"
        write_geotiff(Image(pixels, Bands(BANDS, "sentinel-2-l2a"), "dn", source=path), folder / path)
        yield path, caption_labels(labels, {**words, kind.land: kind.words}, rng)


def train(recipe: str, folder: Path, changes: list[str]) -> Path:
    """The model of a run, which is gone on with where it was cut off."""
    trainer = Trainer(Recipe.load(recipe, changes), folder, resume=True)
    for row in trainer.run():
        print(f"{folder.name}: step {row['step']:.0f}, loss {row['loss']:.3f}", flush=True)
    return trainer.export()


def cells(name: str, model: Model, scenes: Path, count: int) -> tuple[str, ...]:
    """A row of the table."""
    paths = [scenes / "test" / f"{number:05d}.tif" for number in range(count)]
    vectors = encode_pictures(Encoder(model, cache=False), file_items(list(map(str, paths)))).vectors
    truth = torch.arange(count) % len(KINDS)
    scores = (vectors @ model.class_weights(list(KINDS)).T).cpu()
    hits = [top_k_accuracy(scores, truth)]
    for pair in (slice(0, 2), slice(2, 4)):
        own = (truth >= pair.start) & (truth < pair.stop)
        hits.append(top_k_accuracy(scores[own, pair], truth[own] - pair.start))
    relevant = truth[scores.T.argsort(dim=1, descending=True)[:, :100]] == torch.arange(len(KINDS))[:, None]
    standard = average_precision_at(relevant, torch.bincount(truth, minlength=len(KINDS)))
    published = published_average_precision(relevant)
    means = (standard[:4].mean(), published[:4].mean(), standard.mean())
    return (name, *(f"{100 * float(value):.1f}" for value in np.array([*hits, *means], float)))


if __name__ == "__main__":
    main()

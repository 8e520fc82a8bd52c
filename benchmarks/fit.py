"""Classes of EuroSAT learned from a few labels: accuracy on a block of tiles that training never saw.

    python benchmarks/fit.py [--model pocket] [--draws 5]

Reads `$TERRALEX_DATA/eurosat_rgb`. Neighbouring numbers come from the same scenes, so examples are drawn from
the first three quarters of each class by number, and 150 tiles a class are tested from the last fifth.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from terralex.models import load_model
from terralex.recognition import embed
from terralex.recognition.fitting.build import Samples, build_fit
from terralex.recognition.fitting.fitfile import Origin
from terralex.recognition.fitting.texts import text_weights
from terralex.runtime import expand_inputs
from terralex.training.recipe import data_root

POOL, TESTED = 200, 150
EXAMPLES = (5, 20, 90, POOL)


def choose(folder: Path) -> tuple[list[str], list[str]]:
    """Tiles of a class to learn from, and tiles to test."""
    files = expand_inputs([str(folder)], frozenset({".jpg"}))
    parts = files[: int(0.75 * len(files))], files[int(0.8 * len(files)) :]
    generator = np.random.default_rng(0)
    drawn = [
        sorted(generator.choice(len(own), count, replace=False))
        for own, count in zip(parts, (POOL, TESTED), strict=True)
    ]
    learned, tested = ([own[i] for i in numbers] for own, numbers in zip(parts, drawn, strict=True))
    return learned, tested


def main() -> None:
    """Print a table of accuracies, and how long a fit takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="pocket")
    parser.add_argument(
        "--draws", type=int, default=5, help="draws of examples that accuracies are averaged over"
    )
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    root = data_root() / "eurosat_rgb"
    labels = tuple(sorted(path.name for path in root.iterdir() if path.is_dir()))
    files = [choose(root / label) for label in labels]
    vectors = [
        np.stack([one.vector for one in embed([path for own in files for path in own[part]], model=model)])
        for part in (0, 1)
    ]
    targets = [np.repeat(np.arange(len(labels)), count) for count in (POOL, TESTED)]
    texts = text_weights(model, labels)
    zero_shot = float("nan") if texts is None else accuracy(vectors[1] @ texts.T, targets[1])
    print(f"{model.name}, revision {model.revision}; by words alone {zero_shot:.3f}\n")
    print("| labels a class | without words | starting from words | by cross-validation | CPU seconds |")
    print("|---|---|---|---|---|")
    for count in EXAMPLES:
        rows = []
        for draw in range(arguments.draws if count < POOL else 1):
            generator = np.random.default_rng(draw)
            some = np.concatenate(
                [
                    generator.choice(np.flatnonzero(targets[0] == k), count, replace=False)
                    for k in range(len(labels))
                ]
            )
            samples = Samples(
                vectors[0][some], targets[0][some], labels, [("", None)] * len(some), None, None, "EuroSAT"
            )
            origin = Origin("images", model.name, model.revision, ())
            plain = build_fit(samples, origin)
            began = time.process_time()
            fit = build_fit(samples, origin, texts=texts)
            seconds = time.process_time() - began
            said = fit.summary.validation
            rows.append(
                (
                    accuracy(plain.probabilities(vectors[1]), targets[1]),
                    accuracy(fit.probabilities(vectors[1]), targets[1]),
                    np.nan if said is None else said.accuracy.value,
                    seconds,
                )
            )
        print(
            f"| {count} | " + " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0)) + " |", flush=True
        )


def accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    """Share of rows whose highest score is the target's."""
    return float((scores.argmax(axis=1) == targets).mean())


if __name__ == "__main__":
    main()

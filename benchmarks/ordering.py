"""Time and memory of the ordering metrics, against a loop over pictures and levels, as they are published.

    python benchmarks/ordering.py [--images 1000] [--species 1000] [--dim 512] [--steps 50] [--no-loop]

Makes random embeddings of pictures and of the seven ranks of their species, measures, and prints seconds of
the processor, peak resident memory, and the ratio of the two times. Exits with 1 if the figures differ. The
loop's candidates are every text of every reference; `measure_ordering` takes each distinct text once.
"""

import argparse
import resource
import sys
import time

import torch
from scipy.stats import kendalltau
from torch import Tensor
from torch.nn.functional import normalize

from terralex.metrics.ordering import measure_ordering

RANKS = 7
SPECIES_IN = (300, 80, 25, 8, 3, 2, 1)  # a kingdom, a phylum, ... on average


def made(images: int, species: int, dim: int) -> dict[str, Tensor]:
    """Embeddings, depths and one reference a picture."""
    generator, width = torch.Generator().manual_seed(0), []
    own, columns = torch.arange(images) % species, []
    for size in SPECIES_IN:
        columns.append(own // size + sum(width))
        width.append((species - 1) // size + 1)
    pictures, texts, root = (
        normalize(torch.randn(n, dim, generator=generator), dim=1) for n in (images, sum(width), 1)
    )
    return {
        "images": pictures,
        "texts": texts,
        "depths": torch.linalg.vector_norm(texts - root, dim=1),
        "references": torch.stack(columns, dim=1),
        "image_of": torch.arange(images),
    }


def loop(case: dict[str, Tensor], steps: int) -> tuple[float, float, float]:
    """Kendall's tau, precision and recall, picture by picture and level by level."""
    references = case["references"]
    pool = references.flatten()
    texts, depths = case["texts"][pool], case["depths"][pool]
    levels = torch.linspace(float(depths.min()), float(depths.max()), steps)
    admitted = [depths <= level for level in levels]
    candidates = [pool[mask].tolist() for mask in admitted]
    precision = recall = tau = 0.0
    for image, reference in zip(case["images"], references.tolist(), strict=True):
        similar = texts @ image
        chain = {names[int(similar[mask].argmax())] for mask, names in zip(admitted, candidates, strict=True)}
        hits = len(chain & set(reference))
        precision, recall = precision + hits / len(chain), recall + hits / RANKS
        ranks = case["depths"][reference].argsort()
        tau += kendalltau(ranks.numpy(), range(RANKS)).correlation
    n = len(references)
    return tau / n, precision / n, recall / n


def main() -> int:
    """Measure both, print the times, compare the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, value in {"images": 1000, "species": 1000, "dim": 512, "steps": 50}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--no-loop", action="store_true", help="leave the loop out")
    chosen = parser.parse_args()
    case = made(chosen.images, chosen.species, chosen.dim)
    print(f"{len(case['images']):,} pictures, {len(case['texts']):,} distinct texts, {chosen.steps} levels")

    before, began = peak(), time.process_time()
    report = measure_ordering(**case, steps=chosen.steps)
    ours = time.process_time() - began
    print(f"measure_ordering {ours:8.2f} s, {peak() - before:.0f} MiB above the {before:.0f} MiB before")
    if chosen.no_loop:
        return 0
    began = time.process_time()
    expected = loop(case, chosen.steps)
    theirs = time.process_time() - began
    print(f"loop             {theirs:8.2f} s, {theirs / ours:.0f} times as long")
    found = (report.tau, report.precision, report.recall)
    same = all(abs(a - b) < 1e-6 for a, b in zip(found, expected, strict=True))
    print("the same figures" if same else f"figures differ: {found} and {expected}")
    return 0 if same else 1


def peak() -> float:
    """Peak resident memory of this process, in MiB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return used / 1024 if sys.platform == "darwin" else used


if __name__ == "__main__":
    sys.exit(main())

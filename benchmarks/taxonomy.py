"""Reading taxonomies, drawing relatives and summing probabilities, beside the straightforward ways.

    python benchmarks/taxonomy.py [--species 400000] [--items 1] [--pictures 64]

Prints ratios, which hardly depend on the machine, and peaks of memory and times of the processor (so that it
does not matter what else runs). Each part runs in a process of its own, so that a peak is that part's.
"""

import argparse
import csv
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from terralex.taxonomy import RANKS, RelativeSampler, make_taxonomy, read_taxonomy

Lineage = tuple[str, ...]


def made_lineages(species: int) -> Iterator[Lineage]:
    """Lineages of as many species, unevenly spread as in nature: most genera small, some very large."""
    rng = np.random.default_rng(0)
    genera = species // 8
    genus_of = np.minimum((genera * rng.random(species) ** 2).astype(int), genera - 1)
    for number, genus in enumerate(genus_of.tolist()):
        higher = (genus % 3, genus % 40, genus % 160, genus % 900, genus % 7000)
        yield (
            *(f"{rank.capitalize()}{n}" for rank, n in zip(RANKS, higher, strict=False)),
            *_pair(genus, number),
        )


def _pair(genus: int, number: int) -> tuple[str, str]:
    return f"Genus{genus}", f"epithet{number}" + (" minor" if number % 50 == 0 else "")


def scan(folders: list[str], names: Lineage, rank: int) -> tuple[str, str]:
    """A positive and a negative by looking at every folder name, once for each: the published way."""
    above = None if rank == 0 else names[rank - 1]

    def kin(folder: str) -> bool:
        return above is None or folder.split("_")[rank] == above

    positives = [f for f in folders if kin(f) and f.split("_")[rank + 1] == names[rank]]
    negatives = [f for f in folders if kin(f) and f.split("_")[rank + 1] != names[rank]]
    negative = random.choice(negatives) if negatives else scan(folders, names, rank - 1)[1]
    return random.choice(positives), negative


def seconds(work: Callable[[], object], repeat: int = 1) -> float:
    """Processor seconds that one call takes, the best of `repeat`."""
    times = []
    for _ in range(repeat):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def peak_mb() -> float:
    """Most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024**2 if sys.platform == "darwin" else 1024
    )


def write_tables(folder: Path, species: int) -> list[Path]:
    """The same species as CSV, as BioCLIP's JSON and as a Darwin Core table with parents."""
    paths = [folder / "species.csv", folder / "txt_emb_species.json", folder / "taxon.tsv"]
    with open(paths[0], "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*RANKS, "common_name"])
        rows.writerows((*names, f"common {i}") for i, names in enumerate(made_lineages(species)))
    with open(paths[1], "w") as file:
        json.dump([[names, f"common {i}"] for i, names in enumerate(made_lineages(species))], file)
    with open(paths[2], "w") as file:
        file.write("taxonID\tparentNameUsageID\tscientificName\ttaxonRank\n")
        file.writelines(darwin_core_lines(species))
    return paths


def darwin_core_lines(species: int) -> Iterator[str]:
    """A line for each taxon, below its parent."""
    known: set[Lineage] = set()
    for names in made_lineages(species):
        for end in range(1, len(names) + 1):
            if (own := names[:end]) not in known:
                known.add(own)
                name = " ".join(own[5:]) if end == len(names) else own[-1]
                yield f"{'/'.join(own)}\t{'/'.join(own[:-1])}\t{name}\t{RANKS[end - 1]}\n"


def bench_reading(path: Path) -> None:
    """Seconds and memory to read one file, and to find a name."""
    begin = time.process_time()
    taxonomy = read_taxonomy(path)
    took = time.process_time() - begin
    name = " ".join(taxonomy.lineage(len(taxonomy) // 2)[-2:])
    first = seconds(lambda: taxonomy.find(name))
    again = seconds(lambda: taxonomy.find(name))
    print(f"read {path.name}: {len(taxonomy):,} species in {took:.1f} s, peak {peak_mb():.0f} MB;", end=" ")
    print(f"find {name!r} {first:.2f} s, again {again * 1e3:.0f} ms", flush=True)


def bench_sampling(path: Path, items: int) -> None:
    """Draws for all ranks of an item, ours and by scanning."""
    taxonomy = read_taxonomy(path)
    rng = np.random.default_rng(1)
    begin = time.process_time()
    sampler = RelativeSampler(taxonomy)
    prepared = time.process_time() - begin
    singles = rng.integers(len(taxonomy), size=1000).tolist()
    single = seconds(lambda: [sampler.draw(leaf, rng) for leaf in singles], 3) / len(singles)
    batch = rng.integers(len(taxonomy), size=4096)
    batched = seconds(lambda: sampler.draw(batch, rng), 5) / len(batch)
    print(f"sampler: prepared in {prepared:.2f} s, peak {peak_mb():.0f} MB with the taxonomy")
    folders = ["_".join((f"{number:06}", *names)) for number, names in enumerate(taxonomy.lineages())]
    lineages = [taxonomy.lineage(leaf) for leaf in singles[:items]]
    scanned = seconds(lambda: [scan(folders, names, rank) for names in lineages for rank in range(7)]) / items
    print(f"  7 ranks of an item: scanning {scanned:.2f} s")
    print(f"  one by one {single * 1e6:.1f} µs: ratio {scanned / single:,.0f}")
    print(f"  in batches {batched * 1e6:.2f} µs: ratio {scanned / batched:,.0f}", flush=True)


def bench_roll_up(species: int, pictures: int) -> None:
    """Sums to every rank, ours and species by species as in a loop over pictures."""
    taxonomy = make_taxonomy(made_lineages(species))
    values = np.random.default_rng(2).random((pictures, len(taxonomy)), np.float32)
    print(f"roll-up of {len(taxonomy):,} species x {pictures} pictures")
    for rank in RANKS[:-1]:
        ours = seconds(partial(taxonomy.roll_up, values, rank), 3)
        print(f"  to {taxonomy.count(rank):6,} taxa of rank {rank}: {ours * 1e3:.0f} ms")
    lineages = list(taxonomy.lineages("family"))
    of_leaf = [lineages[column] for column in taxonomy.columns("family").tolist()]

    def looped() -> None:
        sums: defaultdict[Lineage, float] = defaultdict(float)
        for names, value in zip(of_leaf, values[0], strict=True):
            sums[names] += value

    ours = seconds(lambda: taxonomy.roll_up(values, "family"), 3)
    print(f"  to families: ratio to a loop {seconds(looped) * pictures / ours:,.0f}", flush=True)


def apart(work: Callable[..., None], *arguments: object) -> None:
    """Run in a new process."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(f"{work.__name__} failed")


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--species", type=int, default=400_000)
    parser.add_argument("--items", type=int, default=1, help="items for which all folder names are scanned")
    parser.add_argument("--pictures", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        paths = write_tables(Path(name), arguments.species)
        for path in paths:
            apart(bench_reading, path)
        apart(bench_sampling, paths[0], arguments.items)
    apart(bench_roll_up, min(arguments.species, 100_000), arguments.pictures)


if __name__ == "__main__":
    main()

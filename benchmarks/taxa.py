"""`terralex classify --taxonomy` with very many taxa: time a picture, and whether memory stays flat.

    python benchmarks/taxa.py [--taxa 450000] [--few 64] [--many 640] [--model pocket]

Makes a taxonomy and small pictures in a temporary folder, runs the command over each number of pictures in a
process of its own, and prints both peaks of resident memory, their ratio, and times of the processor (so that
it does not matter what else runs). The vectors of the names are made up and put where the command keeps them,
as they take long to encode; `--encode N` times that for N names. Exits with 1 if the ratio is above 1.1.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from memory import LIMIT, make_files
from taxonomy import made_lineages

from terralex.models import load_model
from terralex.recognition import text_store
from terralex.taxonomy import make_taxonomy, read_taxonomy, taxonomic_name, write_taxonomy


def keep_made_up_vectors(table: Path, name: str) -> float:
    """Fill the cache for a taxonomy with unit vectors; how many MiB they take."""
    model = load_model(name)
    size = model.embed_dim
    rng = np.random.default_rng(0)

    def made_up(texts: list[str]) -> object:
        import torch

        return torch.nn.functional.normalize(
            torch.from_numpy(rng.standard_normal((len(texts), size), dtype=np.float32)), dim=1
        )

    model.encode_texts = made_up  # type: ignore[assignment, method-assign]
    names = [taxonomic_name(lineage) for lineage in read_taxonomy(table).lineages()]
    return text_store.text_vectors(model, names).nbytes / 2**20


def time_encoding(name: str, count: int) -> float:
    """Names that a model encodes in a second of the processor."""
    model = load_model(name)
    names = [taxonomic_name(lineage) for lineage in made_lineages(count)]
    began = time.process_time()
    text_store.text_vectors(model, names, cache=False)
    return count / (time.process_time() - began)


def measure(folder: Path, count: int, table: Path, model: str, scratch: Path) -> tuple[float, float]:
    """Classify the first `count` pictures; peak resident memory in MiB, and seconds of the processor."""
    listed = scratch / f"{count}.txt"
    listed.write_text("\n".join(str(path) for path in sorted(folder.rglob("*.png"))[:count]))
    command = [sys.executable, "-c", "from terralex.cli import main; main()", "classify", f"@{listed}"]
    command += ["--taxonomy", str(table), "--model", model, "--output", str(scratch / f"{count}.csv")]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"the run over {count} pictures failed")
    kibibytes = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return kibibytes / 1024, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--taxa", type=int, default=450_000)
    parser.add_argument("--few", type=int, default=64)
    parser.add_argument("--many", type=int, default=640)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--encode", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        os.environ["TERRALEX_CACHE"] = str(scratch / "cache")
        if arguments.encode:
            print(f"{time_encoding(arguments.model, arguments.encode):8.0f} names a second")
        table = scratch / "taxa.csv"
        write_taxonomy(make_taxonomy(made_lineages(arguments.taxa)), table)
        vectors = keep_made_up_vectors(table, arguments.model)
        print(f"{arguments.taxa:8,} taxa, their vectors take {vectors:.0f} MiB on disk", flush=True)
        make_files(scratch / "files", arguments.many)
        runs = []
        for count in (arguments.few, arguments.many):
            runs.append(measure(scratch / "files", count, table, arguments.model, scratch))
            print(f"{count:8,} pictures  {runs[-1][0]:8.1f} MiB  {runs[-1][1]:7.1f} s", flush=True)
    rate = (arguments.many - arguments.few) / (runs[1][1] - runs[0][1])
    ratio = runs[1][0] / runs[0][0]
    print(f"{rate:.1f} pictures a second of the processor once it runs; ratio of memory {ratio:.3f}")
    sys.exit(0 if ratio <= LIMIT else 1)


if __name__ == "__main__":
    main()

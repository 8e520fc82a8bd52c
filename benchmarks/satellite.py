"""`terralex classify` on satellite tiles and the straightforward way: half the time, a tenth of the memory.

    python benchmarks/satellite.py [--tiles 500] [--precision float32] [--rounds 1]

The straightforward way reads all tiles one after the other, stacks them, and puts them through the network at
once; the prompts of each class go through it by themselves. Both take the same random weights of `msclip` and
the same twelve-band tiles, in processes of their own, and answer the same classes at the same precision. Then
the command answers a second set of classes, for which it need not look at the tiles again. Prints times, the
part of the memory that the tiles cost (above that of three tiles), and how far the probabilities are apart;
exits with 1 if a goal is missed. Of several rounds, in turn, the fastest of each counts.
"""

import argparse
import csv
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import open_clip
import rasterio
import torch

from terralex.models import Model, WeightSource, get_card, load_model, load_templates, save_model
from terralex.models.networks import build
from terralex.synthetic import LAND_NAMES, make_land_tile

FIRST = "annual crop,forest,highway,industrial buildings,pasture,permanent crop,residential,river,sea or lake"
SECOND = "a village,a coast,a burnt forest,snow,a desert"
HALF, TENTH, FEW = 0.5, 0.1, 3


def make_inputs(folder: Path, tiles: int) -> str:
    """Write random weights of msclip and tiles of twelve bands; returns what `--model` takes."""
    from dataclasses import replace

    from terralex.imagery import write_geotiff

    torch.manual_seed(0)
    card = replace(get_card("msclip"), name="random", weights=WeightSource(files=("model.safetensors",)))
    network, tokenizer = build(card)
    random = open_clip.create_model("ViT-B-16").state_dict()
    random["visual.conv1.weight"] = 0.02 * torch.randn(768, len(card.input.bands), 16, 16)
    network.load_state_dict(random, assign=True)
    model = save_model(Model(card, network, tokenizer), folder / "model")
    (folder / "tiles").mkdir()
    for number in range(tiles):
        tile = make_land_tile(LAND_NAMES[number % len(LAND_NAMES)], number, 224)
        write_geotiff(tile, folder / "tiles" / f"{number:04}.tif")
    return f"local-dir:{model}"


def straightforward(folder: Path, model: str, tiles: int, precision: str, out: Path) -> None:
    """Read all, stack, one forward; the text of one class at a time."""
    loaded = load_model(model, device="cpu", precision="float32")
    network, card = loaded.network, loaded.card
    mean, std = (torch.tensor(values)[:, None, None] for values in (card.input.mean, card.input.std))
    pictures = []
    for path in sorted((folder / "tiles").glob("*.tif"))[:tiles]:
        with rasterio.open(path) as dataset:
            pixels = torch.from_numpy(dataset.read().astype(np.float32))
            chosen = [dataset.descriptions.index(band) for band in card.input.bands]
        pictures.append((pixels[chosen] - mean) / std)
    templates = load_templates("msclip")
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        features = network.encode_image(torch.stack(pictures)).float()
        classes = []
        for name in FIRST.split(","):
            tokens = loaded.tokenizer([template.replace("{c}", name) for template in templates])
            each = super(type(network), network).encode_text(tokens).float()  # all 77 tokens
            classes.append(torch.nn.functional.normalize(each, dim=1).mean(dim=0))
    weights = torch.nn.functional.normalize(torch.stack(classes), dim=1)
    scores = (100 * torch.nn.functional.normalize(features, dim=1) @ weights.T).softmax(dim=1)
    np.save(out, scores.numpy())


def run(command: list[str], cache: Path) -> tuple[float, float]:
    """Seconds and peak resident GiB of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, "TERRALEX_CACHE": str(cache)}, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return time.perf_counter() - began, usage.ru_maxrss / 2**20


def main() -> None:
    """Measure, print, compare."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--tiles", type=int, default=500)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        folder, model, tiles, out = arguments.child
        straightforward(Path(folder), model, int(tiles), arguments.precision, Path(out))
        return
    with tempfile.TemporaryDirectory() as name:
        sys.exit(compare(Path(name), arguments.tiles, arguments.precision, arguments.rounds))


def compare(folder: Path, tiles: int, precision: str, rounds: int) -> int:
    """Run all, print; 1 if a goal is missed."""
    with multiprocessing.get_context("spawn").Pool(
        1
    ) as maker:  # its memory would be counted as the children's
        model = maker.apply(make_inputs, (folder, tiles))
    listed = {count: folder / f"{count}.txt" for count in (FEW, tiles)}
    for count, path in listed.items():
        path.write_text("\n".join(map(str, sorted((folder / "tiles").glob("*.tif"))[:count])))

    def plain(count: int) -> tuple[float, float]:
        child = [str(folder), model, str(count), str(folder / f"{count}.npy")]
        return run([sys.executable, __file__, "--precision", precision, "--child", *child], folder / "none")

    def ours(count: int, labels: str, cache: str) -> tuple[float, float]:
        command = [sys.executable, "-m", "terralex", "classify", f"@{listed[count]}", "--labels", labels]
        command += ["--model", model, "--precision", precision, "--scores", "--overwrite"]
        return run([*command, "-o", str(folder / "ours.csv")], folder / cache)

    (_, plain_few), (_, ours_few) = plain(FEW), ours(FEW, FIRST, "few")
    both = [(plain(tiles), ours(tiles, FIRST, f"round {number}")) for number in range(rounds)]
    plain_time, plain_peak = map(min, zip(*(first for first, _ in both), strict=True))
    ours_time, ours_peak = map(min, zip(*(second for _, second in both), strict=True))
    apart = difference(folder / "ours.csv", np.load(folder / f"{tiles}.npy"))
    again, _ = ours(tiles, SECOND, "round 0")
    speed = ours_time / plain_time
    memory = max(ours_peak - ours_few, 0) / (plain_peak - plain_few)
    print(f"{tiles} tiles, {precision}, {len(FIRST.split(','))} classes of 50 prompts")
    for kind, seconds, peak, few in (
        ("straightforward", plain_time, plain_peak, plain_few),
        ("terralex", ours_time, ours_peak, ours_few),
    ):
        print(f"  {kind:<16}{seconds:6.1f} s, {peak:5.2f} GiB, of which {peak - few:5.2f} for the tiles")
    print(f"  time {speed:.2f} (goal {HALF}), memory {memory:.3f} (goal {TENTH}), scores within {apart:.1e}")
    print(f"  a second set of classes {again:6.1f} s, {again / plain_time:.3f} of the straightforward time")
    return int(speed > HALF or memory > TENTH)


def difference(path: Path, expected: np.ndarray) -> float:
    """How far the probabilities in a table of ours are from others."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = np.array([[float(row[f"score:{label}"]) for label in FIRST.split(",")] for row in rows])
    return float(np.abs(found - expected).max())


if __name__ == "__main__":
    main()

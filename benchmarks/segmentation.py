"""Time and memory of open-vocabulary segmentation, against the formulas as they are written.

    python benchmarks/segmentation.py [--size 1344x1120] [--classes 171] [--rounds 3] [--seed 0] [--only NAME]

A RADIO of ViT-B/16's size with random weights labels a random picture, in windows of 336 pixels every 224:
by the straightforward formulation in float32 (all windows at once, matrices of all pairs, a broadcast cosine,
every class at every pixel), and by `terralex.models.dense` in float32 and in bfloat16. Every variant runs in
processes of its own, by turns. Prints the seconds of the processors and of the clock (the fewest of all
rounds), peak resident memory, the ratios, how many labels equal those of the straightforward one, and the
classes that only one of the two maps has: a class whose best place is at the threshold of prompt denoising
comes or goes as a whole.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from terralex.models.dense import DenseEncoder, RadioTower, slide_size
from terralex.models.dense.windows import resize
from terralex.models.radio.backbone import BackboneSizes, Radio
from terralex.models.radio.heads import Head, ResidualMLP
from terralex.segmentation.labelling import denoise, label_map
from terralex.segmentation.segmenter import Vocabulary, grid_probabilities

CROP, STRIDE, SCALE, LEAST = 336, 224, 10.0, 0.5
WORDS = 1152
VARIANTS = ("straightforward", "float32", "bfloat16")


def main() -> int:
    """Run every variant by turns and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", default="1344x1120", help="width x height")
    parser.add_argument("--classes", type=int, default=171)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of weights, pictures and words")
    parser.add_argument("--only", choices=VARIANTS, help="one variant alone")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    width, height = map(int, chosen.size.split("x"))
    if chosen.into:
        torch.manual_seed(chosen.seed)
        measure(chosen.only, height, width, chosen.classes, chosen.into)
        return 0
    names = [chosen.only] if chosen.only else list(VARIANTS)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(chosen.rounds):
            for name in names:
                file = Path(folder) / f"{name}.pt"
                command = [sys.executable, __file__, "--only", name, "--into", str(file)]
                settings = {"size": chosen.size, "classes": chosen.classes, "seed": chosen.seed}
                command += [f"--{key}={value}" for key, value in settings.items()]
                subprocess.run(command, check=True)
                runs[name].append(json.loads(file.with_suffix(".json").read_text()))
        labels = {name: torch.load(Path(folder) / f"{name}.pt", weights_only=True) for name in names}
    best = {name: {key: min(run[key] for run in own) for key in own[0]} for name, own in runs.items()}
    first = best[names[0]]
    print(f"{width} x {height} pixels, {chosen.classes} classes, {torch.get_num_threads()} threads")
    for name, own in best.items():
        same = (labels[name] == labels[names[0]]).float().mean()
        apart = set(labels[name].unique().tolist()) ^ set(labels[names[0]].unique().tolist())
        print(
            f"{name:15}  processor {own['cpu']:7.2f} s ({own['cpu'] / first['cpu']:.2f})"
            f"  clock {own['wall']:7.2f} s ({own['wall'] / first['wall']:.2f})"
            f"  peak {own['peak']:6.2f} GB  equal labels {same:.2%}"
            + (f", only in one: {sorted(apart)}" if apart else "")
        )
    return 0


def measure(name: str, height: int, width: int, classes: int, into: Path) -> None:
    """One variant, in this process: its labels to a file, its figures to a file beside it."""
    radio = random_radio()
    phrases = words(radio, classes)
    pixels = picture(height, width)
    run = straightforward(radio, phrases) if name == "straightforward" else ours(radio, phrases, name)
    with torch.inference_mode():
        run(pixels[:, :, :CROP, :CROP])  # warm
        clock, processor = time.perf_counter(), time.process_time()
        labels = run(pixels)
        found = {"wall": time.perf_counter() - clock, "cpu": time.process_time() - processor, "peak": peak()}
    torch.save(labels.to(torch.int16), into)
    into.with_suffix(".json").write_text(json.dumps(found))


def ours(radio: Radio, phrases: Tensor, precision: str) -> Callable[[Tensor], Tensor]:
    """What the package does."""
    encoder = dense(radio.to(getattr(torch, precision)))
    vocabulary = Vocabulary(tuple(map(str, range(len(phrases)))), phrases)

    def run(pixels: Tensor) -> Tensor:
        found = grid_probabilities(encoder, vocabulary, encoder(pixels))[0]
        return label_map(denoise(found, LEAST), (pixels.shape[2], pixels.shape[3])).labels

    return run


def straightforward(radio: Radio, phrases: Tensor) -> Callable[[Tensor], Tensor]:
    """The formulas as they are written."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "models" / "dense"))
    import straightforward as plain

    def encode(pixels: Tensor) -> Tensor:
        tokens = radio.embed(pixels)
        for block in radio.blocks[:-1]:
            tokens = block(tokens)
        last = radio.blocks[-1]
        qkv = last.attn.qkv(last.norm1(tokens))
        tokens = tokens + plain.scra(qkv, last.attn.proj, last.attn.num_heads, SCALE)
        tokens = tokens + last.mlp(last.norm2(tokens))
        return radio.finish(tokens)[1].transpose(1, 2).unflatten(2, radio.grid(pixels))

    def run(pixels: Tensor) -> Tensor:
        fitted = resize(pixels, slide_size(pixels.shape[2], pixels.shape[3], CROP, STRIDE))
        grid = plain.slide(fitted, encode, CROP, STRIDE, radio.patch_size)[0]
        features = plain.scga(grid.flatten(1).T, SCALE)
        scores = plain.cosines(radio.heads["words"].summary(features), phrases)
        found = (100 * scores).softmax(-1).T.unflatten(1, grid.shape[1:])
        return plain.label_map(found, (pixels.shape[2], pixels.shape[3]), LEAST, 0.0)[0]

    return run


def random_radio() -> Radio:
    """ViT-B/16 with eight prefix tokens and a head into the space of the words."""
    sizes = BackboneSizes(768, 12, 12, 3072, 16, 128, 8)
    radio = Radio(sizes, {"words": Head(ResidualMLP(768, 1520, WORDS, 2), None)}).eval().requires_grad_(False)
    for name, weight in radio.named_parameters():
        if weight.ndim == 2 and "norm" not in name:
            weight.normal_(std=weight.shape[1] ** -0.5)
    radio.patch_generator.pos_embed.normal_(std=0.1)
    return radio


def dense(radio: Radio) -> DenseEncoder:
    """Its encoder, as published."""
    return DenseEncoder(RadioTower(radio, "words", SCALE), scga=SCALE, crop=CROP, stride=STRIDE)


def words(radio: Radio, classes: int) -> Tensor:
    """Unit vectors to stand for texts: what the network sees in places of another picture.

    Random directions would all be equally far from everything, and one of them the label everywhere.
    """
    encoder = dense(radio)
    features = encoder(picture(CROP, 2 * CROP))
    vectors = encoder.align(features.flatten(2)[0].T)
    return torch.nn.functional.normalize(vectors[torch.randperm(len(vectors))[:classes]], dim=-1)


def picture(height: int, width: int) -> Tensor:
    """Random blobs of many sizes: neighbours are alike, as in a photo."""
    scales = [torch.randn(1, 3, -(-height // step), -(-width // step)) for step in (4, 16, 64, 256)]
    return sum(
        torch.nn.functional.interpolate(blobs, size=(height, width), mode="bilinear") for blobs in scales
    )


def peak() -> float:
    """Peak resident memory of this process, in GB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return used / 1024 if sys.platform == "darwin" else used


if __name__ == "__main__":
    sys.exit(main())

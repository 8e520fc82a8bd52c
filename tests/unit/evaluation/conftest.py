import csv
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from terralex.models import Model, load_model

LINEAGES = (
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Corvus", "corax"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Corvus", "corone cornix"),
    ("Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae", "Apis", "mellifera"),
    ("Plantae", "Tracheophyta", "Liliopsida", "Poales", "Poaceae", "Poa", "annua"),
)
PICTURES = 6  # of each


@pytest.fixture(scope="session")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model, device="cpu")


@pytest.fixture(scope="session")
def inat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of four species in the layout of iNat21."""
    root = tmp_path_factory.mktemp("inat")
    for number, names in enumerate(LINEAGES):
        folder = root / "val" / f"{number:05d}_{'_'.join(names).replace(' ', '_')}"
        folder.mkdir(parents=True)
        for i in range(PICTURES):
            pixels = np.random.default_rng([number, i]).integers(0, 256, (24, 20, 3), dtype=np.uint8)
            pixels[..., number % 3] //= 4
            PIL.Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


@pytest.fixture
def rare(inat: Path, tmp_path: Path) -> Path:
    """The same pictures in a table of the layout of Rare Species."""
    table = tmp_path / "metadata.csv"
    ranks = ("kingdom", "phylum", "cls", "order", "family", "genus", "species")
    with table.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["index", *ranks, "common_name", "filepath", "class"])
        for folder, names in zip(sorted((inat / "val").iterdir()), LINEAGES, strict=True):
            for path in sorted(folder.iterdir()):
                common = "raven" if names[-1] == "corax" else ""
                out.writerow(["0", *names, common, path.relative_to(inat), " ".join(names[-2:])])
    return table

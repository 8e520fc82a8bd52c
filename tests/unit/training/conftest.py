"""What training tests begin with: a small CLIP in a folder, and a small tree of life on disk."""

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from terralex.models import Model, TextSpec, WeightSource, get_card, save_model
from terralex.models.clip import CLIP
from terralex.models.networks import build
from terralex.synthetic import make_tree_of_life, render_specimen

from ...processes import Starter

SIZE = 32

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": SIZE, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An open_clip model with the weights that it is born with, as recipes take it."""
    card = replace(
        get_card("bioclip"),
        name="small",
        architecture={"config": CONFIG},
        embed_dim=CONFIG["embed_dim"],
        weights=WeightSource(files=("open_clip_model.safetensors",)),
        text=TextSpec("clip", 77, "plain"),
        logit_scale=None,
    )
    card = replace(card, input=replace(card.input, size=SIZE))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CLIP(**CONFIG)
    folder = save_model(Model(card, network, build(card)[1]), tmp_path_factory.mktemp("clip"))
    return f"local-dir:{folder}"


@pytest.fixture(scope="session")
def tree_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of made species as of TreeOfLife-10M; three pictures each, one of the last."""
    folder = tmp_path_factory.mktemp("tree") / "train_folders"
    tree = make_tree_of_life(5)
    for number, place in enumerate(np.linspace(0, len(tree.species) - 1, 9).astype(int).tolist()):
        lineage = tree.lineage(place)
        species = folder / f"{number + 1:06d}_{'_'.join((*lineage[:-1], lineage[-1].split(' ', 1)[1]))}"
        species.mkdir(parents=True)
        for picture in range(3 if number < 8 else 1):
            pixels = render_specimen(tree, place, picture, 40)
            PIL.Image.fromarray(pixels).save(species / f"{picture}.jpg")
    return folder


@pytest.fixture
def tree_changes(small_clip: str, tree_folder: Path) -> list[str]:
    """Changes to a shipped recipe that make a short run of it on the CPU."""
    return [
        f"model={small_clip}",
        f"data.0.path={tree_folder}",
        f"validation.path={tree_folder}",
        "precision=32-true",
        "steps=4",
        "batch_size=6",
        "learning_rate=1e-3",
        "workers=2",
        "save_every=2",
        "log_every=2",
        "validate_every=2",
        "validation_batches=2",
    ]


@pytest.fixture
def gradients(start: Starter, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The gradients of the first step of a recipe, by one process, or by two as `torchrun` starts them."""

    def run(recipe: str, changes: list[str], processes: int) -> dict[str, Any]:
        script, folder = Path(__file__).with_name("gradients.py"), tmp_path / f"{recipe}-{processes}"
        if processes == 1:
            start(script, folder, recipe, *changes).succeed()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
            shared = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
            shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
            ranks = [{"RANK": str(i), "LOCAL_RANK": str(i), "GROUP_RANK": "0"} for i in range(processes)]
            started = [start(script, folder, recipe, *changes, environment=shared | rank) for rank in ranks]
            for process in started:
                process.succeed()
        saved: dict[str, Any] = torch.load(folder / "gradients.pt", weights_only=True)
        return saved

    return run

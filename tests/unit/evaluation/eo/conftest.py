from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from terralex.cli.app import run
from terralex.models import Model, WeightSource, get_card, load_model, save_model
from terralex.models.networks import build

from .make_datasets import make_datasets

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every data set, in MS-CLIP's layout below `msclip` and in that of its download below `official`."""
    return make_datasets(tmp_path_factory.mktemp("earth"))


@pytest.fixture(scope="session")
def model(tiny_model: str) -> Model:
    """Takes the ten bands of MS-CLIP; random weights."""
    return load_model(tiny_model)


@pytest.fixture(scope="session")
def rgb_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model in red, green and blue, as `--model` takes it; random weights."""
    pocket, clip = get_card("pocket"), get_card("clip-vit-b16")
    small = {**pocket.architecture, "bands": 3, "width": 64, "depth": 2, "text_width": 64, "text_depth": 1}
    card = replace(
        pocket,
        name="tiny-rgb",
        architecture=small,
        input=replace(clip.input, size=pocket.input.size),
        weights=WeightSource(files=("model.safetensors",)),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        folder = save_model(Model(card, *build(card)), tmp_path_factory.mktemp("rgb"))
    return f"local-dir:{folder}"


@pytest.fixture
def evaluate(capfd: pytest.CaptureFixture[str], tiny_model: str) -> Run:
    """Runs the command with the tiny model: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        model = () if "--model" in arguments else ("--model", tiny_model)
        code = run(["evaluate", "eo", *map(str, (*arguments, *model))])
        out, err = capfd.readouterr()
        return code, out, err

    return call

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from terralex.models import load_model
from terralex.runtime.errors import UsageError
from terralex.training import Recipe, Trainer

CHANGES = [
    "data=[{kind: land, tiles: 40, share: 1}]",
    "steps=6",
    "batch_size=8",
    "warmup=2",
    "compile=false",
    "save_every=2",
    "log_every=1",
]


def losses(folder: Path) -> list[str]:
    with (folder / "log.csv").open(newline="") as file:
        return [row["loss"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.load("pocket", CHANGES)


@pytest.fixture(scope="module")
def whole_run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    trainer = Trainer(recipe, folder)
    assert len(list(trainer.run())) == 6
    trainer.export()
    return folder


def test_the_exported_model_is_the_average_of_the_weights(whole_run: Path) -> None:
    model = load_model(f"local-dir:{whole_run / 'model'}", device="cpu")
    state = torch.load(whole_run / "last.ckpt", weights_only=True)
    for name, value in model.network.state_dict().items():
        torch.testing.assert_close(value, state["average"][f"module.{name}"], rtol=0, atol=0)
    embedded = model.encode_texts(["a river", "forest"])
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(2))


def test_a_killed_run_resumes_to_the_same_losses_and_weights(whole_run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "terralex", "train", "pocket", *CHANGES, "-o", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "last.ckpt").is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run([*command, "--resume"], check=True, stderr=subprocess.DEVNULL)
    assert losses(tmp_path / "run") == losses(whole_run)
    ours = load_model(f"local-dir:{tmp_path / 'run' / 'model'}", device="cpu")
    theirs = load_model(f"local-dir:{whole_run / 'model'}", device="cpu")
    assert ours.revision == theirs.revision


def test_a_run_is_not_overwritten_by_accident(whole_run: Path, recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="--resume to continue it or --overwrite"):
        Trainer(recipe, whole_run)


def test_another_recipe_does_not_resume_it(whole_run: Path) -> None:
    with pytest.raises(UsageError, match="another recipe"):
        Trainer(Recipe.load("pocket", [*CHANGES, "seed=1"]), whole_run, resume=True)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    changes = [*CHANGES, "steps=40", "log_every=10", "batch_size=16", "augment.mix=0"]
    rows = list(Trainer(Recipe.load("pocket", changes), tmp_path).run())
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]


def test_missing_data_says_what_to_set(tmp_path: Path, recipe: Recipe) -> None:
    changes = [*CHANGES[1:], f"data=[{{kind: folders, path: {tmp_path}/none, share: 1}}]"]
    with pytest.raises(UsageError, match="no folder"):
        Trainer(Recipe.load("pocket", changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()

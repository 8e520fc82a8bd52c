"""Runs of the shipped recipes for trees of life, from a small open_clip model."""

import csv
import shutil
import signal
from pathlib import Path

import pytest
import torch

from terralex.geometry import Cosine, Lorentz, Radial
from terralex.models import load_model
from terralex.runtime.errors import TerralexError, UsageError
from terralex.training import Recipe, Trainer

from ...processes import Starter

OBJECTIVES = ["clip", "rcme", "radial", "meru", "atmg"]
GEOMETRY = {"clip": Cosine, "rcme": Radial, "radial": Radial, "meru": Lorentz, "atmg": Lorentz}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_trains_and_exports_a_model_of_its_geometry(
    tmp_path: Path, tree_changes: list[str], name: str
) -> None:
    trainer = Trainer(Recipe.load(name, tree_changes), tmp_path)
    before = {key: value.clone() for key, value in trainer.network.state_dict().items()}
    rows = list(trainer.run())
    assert [row["step"] for row in rows] == [2, 4]
    assert all("validation_loss" in row for row in rows)
    after = trainer.network.state_dict()
    changed = {key.split(".")[0] for key, value in before.items() if not torch.equal(value, after[key])}
    towers = {"text_projection", "token_embedding", "transformer"}
    assert towers <= changed
    assert ("visual" in changed) == (name != "radial"), "Radial Embeddings learn from texts alone"
    assert ("logit_scale" in changed) == (name not in ("rcme", "radial"))
    assert ("lorentz" in changed) == (name in ("meru", "atmg"))
    for folder in (trainer.export(), tmp_path / "best"):
        model = load_model(f"local-dir:{folder}", device="cpu")
        assert isinstance(model.geometry, GEOMETRY[name])
        vectors = model.encode_texts(["Animalia", "Animalia Chordata"])
        assert vectors.isfinite().all()
        if name != "clip":
            assert model.hierarchy().depth(vectors).isfinite().all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_training_lowers_the_loss(tmp_path: Path, tree_changes: list[str], name: str) -> None:
    changes = [*tree_changes, "steps=30", "log_every=10", "validate_every=100", "learning_rate=3e-3"]
    rows = list(Trainer(Recipe.load(name, [*changes, "schedule=cosine", "warmup=2"]), tmp_path).run())
    assert rows[-1]["loss"] < rows[0]["loss"]


@pytest.mark.parametrize("name", ["rcme", "radial", "meru"])
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    tmp_path: Path, tree_changes: list[str], start: Starter, name: str
) -> None:
    changes = [*tree_changes, "steps=8", "save_every=1", "log_every=1"]
    list(Trainer(Recipe.load(name, changes), tmp_path / "whole").run())
    command = ["train", name, *changes, "-o", tmp_path / "killed"]
    run = start("terralex", *command)
    run.wait_until((tmp_path / "killed" / "last.ckpt").is_file)
    assert run.send(signal.SIGKILL) == -signal.SIGKILL
    start("terralex", *command, "--resume").succeed()
    logs = [(tmp_path / run / "log.csv").read_text().splitlines() for run in ("whole", "killed")]
    for whole, killed in zip(*map(csv.DictReader, logs), strict=True):
        for key in ("step", "loss", "validation_loss"):
            assert whole[key] == killed[key]


def test_accumulated_batches_add_up_to_the_gradient_of_their_mean(
    tmp_path: Path, tree_changes: list[str]
) -> None:
    changes = [*tree_changes, "clip_norm=1e9", "steps=1", "accumulate=2"]
    trainer = Trainer(Recipe.load("rcme", changes), tmp_path)
    taken: list[torch.Tensor] = []
    trainer.optimizer.step = lambda: taken.append(trainer.network.text_projection.grad.clone())
    list(trainer.run())
    trainer.network.zero_grad()
    for number in (0, 1):
        (trainer._terms(trainer.batches.draw(number, 32))["loss"] / 2).backward()
    torch.testing.assert_close(taken[0], trainer.network.text_projection.grad)


def test_a_run_may_go_on_with_recomputed_activations_and_loses_nothing(
    tmp_path: Path, tree_changes: list[str]
) -> None:
    whole = [row["loss"] for row in Trainer(Recipe.load("rcme", tree_changes), tmp_path / "whole").run()]
    first = next(Trainer(Recipe.load("rcme", tree_changes), tmp_path / "cut").run())
    frugal = Recipe.load("rcme", [*tree_changes, "recompute=true"])
    rest = Trainer(frugal, tmp_path / "cut", resume=True).run()
    assert [first["loss"], *(row["loss"] for row in rest)] == pytest.approx(whole, rel=1e-5)


def test_a_damaged_picture_is_told_and_another_of_its_species_stands_in(
    tmp_path: Path, tree_changes: list[str], tree_folder: Path
) -> None:
    folder = tmp_path / "train_folders"
    shutil.copytree(tree_folder, folder)
    damaged = sorted(folder.rglob("0.jpg"))[0]
    damaged.write_bytes(b"no picture")
    trainer = Trainer(
        Recipe.load("clip", [*tree_changes, f"data.0.path={folder}", "steps=5"]), tmp_path / "run"
    )
    list(trainer.run())
    assert len(trainer.damaged) == 1
    assert damaged.name in next(iter(trainer.damaged))
    source = trainer.batches.sources[0]
    names = [source._pictures.name(number) for number in range(len(source.labels(slice(None))))]
    place = next(i for i, name in enumerate(names) if damaged.parent.name in name and "0.jpg" in name)
    twin = next(i for i, name in enumerate(names) if damaged.parent.name in name and "1.jpg" in name)
    torch.testing.assert_close(source._read(place), source._read(twin))


def test_a_model_that_is_hyperbolic_cannot_learn_angles_around_a_text(
    tmp_path: Path, tree_changes: list[str]
) -> None:
    trainer = Trainer(Recipe.load("meru", [*tree_changes, "steps=1"]), tmp_path / "meru")
    list(trainer.run())
    hyperbolic = f"model=local-dir:{trainer.export()}"
    again = Trainer(Recipe.load("atmg", [*tree_changes, hyperbolic, "steps=1"]), tmp_path / "atmg")
    list(again.run())
    with pytest.raises(UsageError, match=r"rcme cannot train .* whose geometry is lorentz"):
        Trainer(Recipe.load("rcme", [*tree_changes, hyperbolic]), tmp_path / "rcme")


@pytest.mark.parametrize("part", ["_terms", "_validate", "optimizer.step"])
def test_without_memory_it_says_what_to_do(
    tmp_path: Path, tree_changes: list[str], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    trainer = Trainer(Recipe.load("clip", tree_changes), tmp_path)
    rows = trainer.run()
    next(rows)
    checkpoint = trainer.checkpoint.read_bytes()

    def exhaust(*_: object) -> None:
        torch.empty(2**60)

    owner, _, name = part.rpartition(".")
    monkeypatch.setattr(getattr(trainer, owner) if owner else trainer, name, exhaust)
    message = (
        r"no room for a batch of 6 at step \d: pass batch_size=3, .* recompute=true.*the good state of step 2"
    )
    with pytest.raises(TerralexError, match=message):
        next(rows)
    assert trainer.checkpoint.read_bytes() == checkpoint


@pytest.mark.parametrize(
    ("recipe", "change", "message"),
    [
        ("rcme", "data=[{kind: land, tiles: 9, share: 1}]", "needs the recipe's 'concepts'"),
        ("rcme", "data=[{kind: tree, path: nowhere, share: 1}]", "no folder nowhere"),
        ("clip", "from_scratch=true", "no model"),
        ("clip", "model=no-such-model", "no-such-model"),
        ("clip", "small_until=0.5", "takes pictures of one size alone"),
    ],
)
def test_a_recipe_that_cannot_run_says_why(
    tmp_path: Path, tree_changes: list[str], recipe: str, change: str, message: str
) -> None:
    with pytest.raises(TerralexError, match=message):
        Trainer(Recipe.load(recipe, [*tree_changes, change]), tmp_path)

import csv
import signal
from pathlib import Path

import pytest
import torch

from terralex.imagery import write_geotiff
from terralex.models import get_card, load_model, save_model
from terralex.runtime.errors import TerralexError, UsageError
from terralex.synthetic import make_land_tile
from terralex.training import Concepts, Recipe, Trainer
from terralex.training.sources import SourceSpec, load_source
from terralex.training.start import starting_point

from ...processes import Starter

CHANGES = [
    "architecture={width: 64, depth: 2, text_width: 64, text_depth: 1}",
    "data=[{kind: land, tiles: 40, share: 1}]",
    "steps=6",
    "batch_size=8",
    "warmup=2",
    "compile=false",
    "precision=32-true",  # bfloat16, the recipe's own, is slow on processors without it
    "export=float16",
    "save_every=2",
    "log_every=1",
]


def losses(folder: Path) -> list[str]:
    with (folder / "log.csv").open(newline="") as file:
        return [row["loss"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.load("pocket-clip", CHANGES)


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
        average = state["average"][f"module.{name}"]
        exported = average.half().float() if average.is_floating_point() and average.ndim else average
        torch.testing.assert_close(value, exported, rtol=0, atol=0)
    embedded = model.encode_texts(["a river", "forest"])
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(2))


def test_a_killed_run_resumes_to_the_same_losses_and_weights(
    whole_run: Path, start: Starter, tmp_path: Path
) -> None:
    command = ["train", "pocket-clip", *CHANGES, "-o", tmp_path / "run"]
    run = start("terralex", *command)
    run.wait_until((tmp_path / "run" / "last.ckpt").is_file)
    assert run.send(signal.SIGKILL) == -signal.SIGKILL
    start("terralex", *command, "--resume").succeed()
    assert losses(tmp_path / "run") == losses(whole_run)
    ours = load_model(f"local-dir:{tmp_path / 'run' / 'model'}", device="cpu")
    theirs = load_model(f"local-dir:{whole_run / 'model'}", device="cpu")
    assert ours.revision == theirs.revision


def test_a_run_is_not_overwritten_by_accident(whole_run: Path, recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="--resume to continue it or --overwrite"):
        Trainer(recipe, whole_run)


def test_another_recipe_does_not_resume_it(whole_run: Path) -> None:
    with pytest.raises(UsageError, match=r"another recipe \(seed: 0, now 1\): repeat its settings"):
        Trainer(Recipe.load("pocket-clip", [*CHANGES, "seed=1"]), whole_run, resume=True)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    changes = [*CHANGES, "steps=30", "log_every=10", "save_every=30", "augment.mix=0"]
    rows = list(Trainer(Recipe.load("pocket-clip", changes), tmp_path).run())
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]


def test_the_precision_of_the_recipe_gives_nearly_the_same_loss(whole_run: Path, tmp_path: Path) -> None:
    changes = [*CHANGES, "steps=1", "precision=bf16-mixed"]
    (row,) = Trainer(Recipe.load("pocket-clip", changes), tmp_path).run()
    assert row["loss"] == pytest.approx(float(losses(whole_run)[0]), rel=0.02)


def test_an_overwritten_run_leaves_nothing_to_resume(tmp_path: Path, recipe: Recipe) -> None:
    """Else a run that is started anew and killed would go on from the one that it replaced."""
    old = Trainer(recipe, tmp_path)
    list(old.run())
    model = old.export()
    trainer = Trainer(Recipe.load("pocket-clip", [*CHANGES, "log_every=3"]), tmp_path, overwrite=True)
    assert not trainer.checkpoint.exists()
    assert not model.exists()
    list(trainer.run())
    assert len(losses(tmp_path)) == 2, "no rows of the old run among the new"


@pytest.mark.parametrize("at", ["weights", "gradients"])
def test_a_run_that_diverges_stops_before_it_spoils_the_weights(
    tmp_path: Path, recipe: Recipe, at: str
) -> None:
    trainer = Trainer(recipe, tmp_path)
    prototypes = trainer.learner.module.prototypes.weight
    if at == "weights":
        prototypes.data.fill_(float("nan"))
    else:
        prototypes.register_hook(lambda gradient: gradient * float("inf"))
    before = trainer.network.visual.proj.weight.clone()
    with pytest.raises(TerralexError, match=r"at step 0: lower learning_rate$"):
        list(trainer.run())
    assert torch.equal(trainer.network.visual.proj.weight, before)


def test_without_a_compiler_it_says_what_to_do(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type("InductorError", (RuntimeError,), {"__module__": "torch._inductor.exc"})

    def fail(*_: object) -> None:
        raise kind("no compiler\n\nmuch more")

    trainer = Trainer(recipe, tmp_path)
    monkeypatch.setattr(trainer, "_terms", fail)
    with pytest.raises(
        TerralexError, match=r"cannot compile the network \(no compiler\): pass compile=false"
    ):
        list(trainer.run())


@pytest.mark.parametrize("damage", ["torn", "another program's"])
def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path, recipe: Recipe, damage: str) -> None:
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    if damage == "torn":
        (tmp_path / "last.ckpt").write_bytes(b"PK no more")
    with pytest.raises(UsageError, match="cannot be read: pass --overwrite"):
        Trainer(recipe, tmp_path, resume=True)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TerralexError, match="cannot write"):
        Trainer(recipe, tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model=bioclip", "only the pocket model is made from scratch"),
        (
            "data=[{kind: sky, share: 1}]",
            "kind is one of folders, land, unrelated, life, tree, captions, shards, ssl4eo, not 'sky'",
        ),
        ("data=[{kind: land, share: 1}]", "has no 'tiles'"),
        ("data=[{kind: land, tiles: 9}]", "has no 'share'"),
        ("data=[{kind: land, tiles: 9, share: 1, folds: 3}]", "unknown key 'folds'"),
        ("data=[{kind: land, tiles: many, share: 1}]", "tiles of a data source must be a whole number"),
        ("data=[{kind: tree, path: 5, share: 1}]", "path of a data source must be a text, not 5"),
        ("data=[{kind: land, tiles: 9, share: 0}]", "share of a data source must be a number above 0"),
        ("data=[{kind: land, tiles: 9, share: 1},{kind: land, tiles: 9, share: 0.01}]", "raise its share"),
    ],
)
def test_a_recipe_that_asks_for_what_there_is_not(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Trainer(Recipe.load("pocket-clip", [*CHANGES, change]), tmp_path / "run")


def test_folders_hold_pictures_not_measurements(tmp_path: Path) -> None:
    """Digital numbers cut off at 255 would teach nothing, and nobody would know."""
    tile = make_land_tile("sand", 0, 16).select(["B04", "B03", "B02"])
    (tmp_path / "sand").mkdir()
    write_geotiff(tile, tmp_path / "sand" / "0.tif")
    write_geotiff(tile, tmp_path / "sand" / "1.tif")
    entry = {"kind": "folders", "path": str(tmp_path), "share": 1}
    with pytest.raises(UsageError, match="its values are dn; training reads 8-bit pictures alone"):
        load_source(entry, SourceSpec(get_card("pocket").input, Concepts.load("land"), 0))


def test_missing_data_says_what_to_set(tmp_path: Path, recipe: Recipe) -> None:
    changes = [
        *(change for change in CHANGES if "data=" not in change),
        f"data=[{{kind: folders, path: {tmp_path}/none, share: 1}}]",
    ]
    with pytest.raises(UsageError, match=r"no folder .*: TERRALEX_DATA names the folder"):
        Trainer(Recipe.load("pocket-clip", changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_may_begin_from_an_average_of_models(tmp_path: Path, tiny_model: str) -> None:
    tiny = load_model(tiny_model, device="cpu")
    other = save_model(tiny, tmp_path / "other")
    before = tiny.network.state_dict()["visual.proj.weight"].clone()
    with torch.no_grad():
        for parameter in tiny.network.parameters():
            parameter.add_(1.0)
    ours = save_model(tiny, tmp_path / "ours")

    def begun(blend: dict[str, float]) -> Recipe:
        model = f"local-dir:{ours}"
        return Recipe(model=model, steps=1, batch_size=2, learning_rate=1e-3, blend=blend)

    _, network, _ = starting_point(begun({f"local-dir:{other}": 0.25}))
    torch.testing.assert_close(network.state_dict()["visual.proj.weight"], before + 0.75)
    with pytest.raises(UsageError, match="leaves nothing of the model itself"):
        starting_point(begun({f"local-dir:{other}": 0.6, "pocket": 0.6}))
    with pytest.raises(UsageError, match="pocket has another architecture"):
        starting_point(begun({"pocket": 0.5}))
    with pytest.raises(UsageError, match="numbers between 0 and 1"):
        starting_point(begun({"pocket": 2.0}))

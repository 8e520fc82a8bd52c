"""Runs on captioned pictures in ten bands, from a small model of red, green and blue."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_captioned import SIDE, write_pictures, write_tar

from terralex.models import InputSpec, get_card, load_model
from terralex.models.extension import patch_embedding
from terralex.runtime.errors import TerralexError, UsageError
from terralex.synthetic import make_land_tile
from terralex.training import Recipe, Trainer
from terralex.training.captioned import CaptionedPictures, CaptionedSource, CaptionedTable, Ssl4eo
from terralex.training.start import starting_point

from ..gradients import Gradients, assert_same_gradients

TEN = get_card("msclip").input
SMALL = replace(TEN, size=32)


@pytest.fixture
def changes(small_clip: str, split: Path) -> list[str]:
    """Changes to the recipe `msclip` that make a short run of it on the CPU."""
    return [
        f"model={small_clip}",
        f"data.0.path={split}",
        f"validation.path={split}",
        "precision=32-true",
        "steps=4",
        "batch_size=8",
        "chunk=3",
        "learning_rate=1e-3",
        "warmup=1",
        "workers=2",
        "save_every=1",
        "log_every=1",
        "validate_every=2",
        "validation_batches=2",
    ]


def source(pictures: CaptionedPictures, spec: InputSpec = SMALL) -> CaptionedSource:
    return CaptionedSource(pictures, spec, share=1.0, seed=0, workers=2)


def test_the_published_recipe_makes_a_model_of_ten_bands_from_one_of_three(
    tmp_path: Path, changes: list[str], small_clip: str
) -> None:
    rgb = load_model(small_clip, device="cpu")
    trainer = Trainer(Recipe.load("msclip", changes), tmp_path)
    first = patch_embedding(trainer.network).detach().clone()
    assert torch.equal(first[:, :3], patch_embedding(rgb.network).flip(1)), "blue, green, red"
    assert not first[:, 3:].any()
    rows = list(trainer.run())
    assert len(rows) == 4
    assert rows[-1]["loss"] < 5
    assert {row["step"] for row in rows if "validation_loss" in row} == {2, 4}
    assert rows[0]["logit_scale"] == pytest.approx(1 / 0.07, rel=0.01)

    model = load_model(f"local-dir:{trainer.export()}", device="cpu")
    assert model.card.input.bands == TEN.bands
    assert (model.card.input.units, model.card.input.size) == ("dn", 32)
    assert model.card.logit_scale is None, "it was learned"
    after, before = model.network.state_dict(), rgb.network.state_dict()
    learned = {name for name in before if not torch.equal(after[name], before[name])}
    assert learned == {"visual.conv1.weight", "visual.proj", "text_projection", "logit_scale"}
    assert patch_embedding(model.network)[:, 3:].abs().max() > 1e-4, "the new bands are learned"
    tile = make_land_tile("crops", 1, SIDE)
    assert model.encode_images([tile]).shape == (1, 16)


def test_before_it_learns_the_model_answers_as_the_rgb_model_does(tmp_path: Path, small_clip: str) -> None:
    """To the tile's B04, B03 and B02, normalised alike."""
    rgb = load_model(small_clip, device="cpu")
    recipe = Recipe.load("msclip", [f"model={small_clip}", "data=[{kind: captions, path: x, share: 1}]"])
    card, network, _ = starting_point(recipe)
    ten = torch.randn(2, 10, 32, 32)
    three = ten[:, [card.input.bands.index(band) for band in ("B04", "B03", "B02")]]
    with torch.no_grad():
        found, wanted = network.eval().encode_image(ten), rgb.network.encode_image(three)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("objective", ["clip", "meru"])
def test_a_temperature_that_is_asked_for_is_what_every_objective_begins_at(
    small_clip: str, objective: str
) -> None:
    changes = [f"model={small_clip}", "data=[{kind: captions, path: x, share: 1}]", "temperature=0.2"]
    card, network, _ = starting_point(Recipe.load("msclip", [*changes, f"objective={objective}"]))
    assert float(network.logit_scale.detach().exp()) == pytest.approx(5)
    assert card.logit_scale is None


def test_a_run_that_was_cut_off_goes_on_as_if_nothing_had_been(tmp_path: Path, changes: list[str]) -> None:
    recipe = Recipe.load("msclip", changes)
    list(Trainer(recipe, tmp_path / "whole").run())
    cut = Trainer(recipe, tmp_path / "cut")
    for row in cut.run():
        if row["step"] == 2:
            break
    rest = Trainer(recipe, tmp_path / "cut", resume=True)
    assert rest.step == 2
    list(rest.run())
    logs = []
    for name in ("whole", "cut"):
        with (tmp_path / name / "log.csv").open(newline="") as file:
            logs.append([(row["loss"], row["validation_loss"]) for row in csv.DictReader(file)])
    assert logs[0] == logs[1]
    for key, value in torch.load(tmp_path / "whole" / "last.ckpt", weights_only=True)["learner"].items():
        again = torch.load(tmp_path / "cut" / "last.ckpt", weights_only=True)["learner"][key]
        assert torch.equal(value, again), key


def test_two_processes_with_chunks_have_the_gradients_of_one_without(
    changes: list[str], gradients: Gradients
) -> None:
    """Of patches too; without dropout, which each process draws for itself."""
    more = ["steps=1", "clip_norm=1e9", "validation=null", "objective.patch_weight=0.5", "learns=[]"]
    one = gradients("msclip", [*changes, *more, "chunk=0"], processes=1)
    two = gradients("msclip", [*changes, *more, "chunk=3"], processes=2)
    assert_same_gradients(two, one, rtol=1e-3, least=1.0)  # chunks are summed one by one


def test_patches_and_texts_are_aligned_with_chunks_or_without(tmp_path: Path, changes: list[str]) -> None:
    for name, more in (("chunks", []), ("whole", ["chunk=0"])):
        settings = [*changes, "objective.patch_weight=0.2", "learns=[]", "validation=null", *more]
        trainer = Trainer(Recipe.load("msclip", settings), tmp_path / name)
        rows = list(trainer.run())
        for row in rows:
            assert row["loss"] == pytest.approx(0.8 * row["texts"] + 0.2 * row["patches"], rel=1e-5)
        exported = load_model(f"local-dir:{trainer.export()}", device="cpu")
        assert not any("heads" in key for key in exported.network.state_dict())


@pytest.mark.parametrize("kind", ["captions", "shards"])
def test_tables_and_shards_are_trained_on(tmp_path: Path, changes: list[str], kind: str) -> None:
    if kind == "captions":
        path = write_pictures(tmp_path, range(10))
    else:
        path = tmp_path
        write_tar(path / "0.tar", range(10))
    data = f"data=[{{kind: {kind}, path: {path}, share: 1}}]"
    trainer = Trainer(
        Recipe.load("msclip", [*changes[:1], *changes[3:], data, "validation=null"]), tmp_path / "r"
    )
    assert all(np.isfinite(row["loss"]) for row in trainer.run())
    assert not trainer.damaged


def test_pictures_are_read_by_the_names_of_their_bands_in_the_model_s_units(split: Path) -> None:
    pictures = Ssl4eo(split)
    assert source(pictures, TEN).size == 224, "no smaller than what the model takes"
    own, chosen = source(pictures), np.array([3, 9])
    assert own.channels == tuple(range(10))
    raw = own.pixels(chosen)
    for tensor, index in zip(raw, chosen.tolist(), strict=True):
        dn = pictures.read(index).select(TEN.bands).pixels.astype(np.float32) - 1000
        torch.testing.assert_close(tensor, torch.from_numpy(dn))


def test_each_picture_once_an_epoch_and_equal_captions_hold_for_each_other(tmp_path: Path) -> None:
    table = write_pictures(tmp_path, range(6))
    rows = [f"tiles/{k}.tif,{'a lake' if k < 2 else f'field {k}'}" for k in range(6)]
    table.write_text("\n".join(["path,caption", *rows]))
    own = source(CaptionedTable(table))
    epoch = np.concatenate([own.choose(step, 2, torch.Generator()) for step in range(3)])
    assert sorted(epoch.tolist()) == list(range(6))
    captions = own.captions.of(np.arange(4), 0)
    assert captions.texts == ["a lake", "field 2", "field 3"]
    assert captions.relation.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_damaged_picture_is_empty_and_stops_nothing_but_a_disk_that_is_gone_does(tmp_path: Path) -> None:
    own = source(CaptionedTable(write_pictures(tmp_path, range(12))))
    (tmp_path / "tiles" / "5.tif").write_bytes(b"no picture")
    pixels = own.pixels(np.arange(12))
    means = torch.tensor(TEN.mean)[:, None, None].expand(-1, SIDE, SIDE)
    assert [k for k in range(12) if torch.equal(pixels[k], means)] == [5]
    assert [Path(name).name for name in own.damaged] == ["5.tif"]
    shutil.rmtree(tmp_path / "tiles")
    with pytest.raises(TerralexError, match=r"12 of 12 pictures of a batch cannot be read .*--resume"):
        own.pixels(np.arange(12))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["bands=[B04, B99]"], "bands in the recipe: no 'B99' here, only B02"),
        (["bands=[B04, B04]"], "one is named twice"),
        (["bands=B04"], "bands in the recipe: 'B04' is no list of names"),
        (["input=nothing"], "no model is called 'nothing'"),
        (["learns=[vision]"], "learns names 'vision'"),
        (["temperature=0"], "temperature must be from 0.01 to 1"),
        (["chunk=-1"], "chunk must be 0 or more"),
        (["new_bands=random"], "new_bands in the recipe: 'random' is none of zero, mean"),
        (["architecture={width: 64}"], "architecture is for a network from scratch"),
        (["prototypes=true"], "prototypes stand for names, and captions are none"),
        (["objective=rcme"], "needs a data source with a tree of names"),
        (["augment.resample=false", "data.0.units=furlongs"], "unknown units 'furlongs'"),
    ],
)
def test_a_recipe_that_asks_for_what_there_is_not(
    tmp_path: Path, changes: list[str], more: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Trainer(Recipe.load("msclip", [*changes, *more]), tmp_path / "run")

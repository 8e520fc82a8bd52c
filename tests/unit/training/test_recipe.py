from dataclasses import replace
from pathlib import Path

import pytest

from terralex.runtime.errors import UsageError
from terralex.training import Recipe, recipe_names
from terralex.training.objective import Meru, Radial


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_loads(name: str) -> None:
    assert Recipe.load(name).steps > 0


def test_changes_reach_into_mappings_and_lists() -> None:
    changes = ["steps=3", "augment.mix=0", "data.1.tiles=20", "learning_rate=1e-4", "objective.margin=0.1"]
    recipe = Recipe.load("pocket", changes)
    assert (recipe.steps, recipe.augment.mix, recipe.data[1]["tiles"]) == (3, 0, 20)
    assert recipe.learning_rate == pytest.approx(1e-4)
    assert recipe.objective == replace(Recipe.load("pocket").objective, margin=0.1)


def test_an_objective_is_a_name_or_a_name_with_weights() -> None:
    assert Recipe.load("pocket", ["objective=radial_embeddings_model"]).objective == Radial()
    changes = ["prototypes=false", "objective=meru", "objective.entailment_weight=1"]
    assert Recipe.load("pocket-clip", changes).objective == Meru(1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("steps", "write key=value"),
        ("stepz=3", "unknown key 'stepz'"),
        ("data.9.share=1", "has no 'data.9.share'"),
        ("augment.mixx=1", "augment"),
        ("steps=many", "steps"),
        ("steps=0", "steps"),
        ("steps=2.5", "steps in the recipe: 2.5 is no whole number"),
        ("steps=[1", "is not valid YAML"),
        ("steps=2026-13-01", "is not valid YAML"),
        ("learning_rate=.nan", "learning_rate in the recipe: nan is no number"),
        ("clip_norm=0", "clip_norm must be above 0"),
        ("average=2", "average must be from 0 to 1"),
        ("compile=maybe", "compile in the recipe: 'maybe' is neither true nor false"),
        ("objective=unheard", "'unheard' is none of clip, rcme, radial, meru, atmg"),
        ("objective={name: rcme, apex: top}", "objective.apex in the recipe: 'top' is none of root, parent"),
        ("objective={name: meru, margin: 1}", "unknown key 'objective.margin'"),
        ("objective={name: clip, margin: 1}", "known are patch_weight"),
        ("objective={name: clip, patch_weight: 1.5}", r"objective\.patch_weight must be from 0 to 1"),
        ("schedule=steep", "'steep' is none of cosine, one-cycle"),
        ("validation=3", "validation in the recipe: 3 is no mapping"),
        ("workers=-1", "workers must be 0 or more"),
        ("seed=-1", "seed must be from 0 to 4294967295, not -1"),
        ("seed=1e15", "seed must be from 0"),
        ("objective.hard_weight=-1", r"objective\.hard_weight must be 0 or more"),
        ("prototypes=true", "prototypes help the objective clip alone, not rcme"),
        ("precision=bf16-true", "'bf16-true' is none of 32-true, bf16-mixed"),
        ("augment=3", "augment in the recipe: 3 is no mapping"),
        ("augment.mix=lots", "augment.mix in the recipe: 'lots' is no number"),
        ("augment.crop=0", "augment.crop must be above 0"),
        ("data=3", "data in the recipe: 3 is no list of mappings"),
        ("data=[]", "the recipe needs .data."),
    ],
)
def test_a_wrong_change_is_an_error(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Recipe.load("pocket", [change])


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("model: pocket\nconcepts: land\n")
    with pytest.raises(UsageError, match="the recipe has no 'steps'"):
        Recipe.load(str(tmp_path / "mine.yaml"))


def test_a_missing_recipe_names_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="pocket"):
        Recipe.load("no-such-recipe")


def test_data_is_found_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERRALEX_DATA", str(tmp_path))
    assert Recipe.load("pocket").data[0]["path"] == f"{tmp_path}/ucmerced"

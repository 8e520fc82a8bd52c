from pathlib import Path

import pytest

from terralex.runtime.errors import UsageError
from terralex.training import Recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_loads(name: str) -> None:
    assert Recipe.load(name).steps > 0


def test_changes_reach_into_mappings_and_lists() -> None:
    recipe = Recipe.load("pocket", ["steps=3", "augment.mix=0", "data.1.tiles=20", "learning_rate=1e-4"])
    assert (recipe.steps, recipe.augment.mix, recipe.data[1]["tiles"]) == (3, 0, 20)
    assert recipe.learning_rate == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("steps", "write key=value"),
        ("stepz=3", "unknown key 'stepz'"),
        ("data.9.share=1", "has no 'data.9.share'"),
        ("augment.mixx=1", "augment"),
        ("steps=many", "steps"),
        ("steps=0", "steps"),
    ],
)
def test_a_wrong_change_is_an_error(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Recipe.load("pocket", [change])


def test_a_missing_recipe_names_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="pocket"):
        Recipe.load("no-such-recipe")


def test_data_is_found_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERRALEX_DATA", str(tmp_path))
    assert Recipe.load("pocket").data[0]["path"] == f"{tmp_path}/ucmerced"

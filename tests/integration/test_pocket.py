"""What the shipped model promises: its size, and what it knows of pictures it never saw."""

from importlib.resources import files
from pathlib import Path

import pytest

from terralex.evaluation import evaluate_folders, evaluate_land, evaluate_life, evaluate_scenes
from terralex.imagery.class_folders import class_folders, split_fold
from terralex.models import Model, get_card, load_model

HELD_OUT = (0, 5)  # the fold that the recipes leave out


@pytest.fixture(scope="module")
def pocket() -> Model:
    return load_model("pocket", device="cpu")


def test_it_is_small() -> None:
    assert Path(str(files("terralex.models") / "pocket.safetensors")).stat().st_size <= 20_000_000


def test_land_use_on_held_out_aerial_pictures(pocket: Model, data_dir: Path) -> None:
    report = evaluate_folders(pocket, data_dir / "ucmerced", fold=HELD_OUT)
    assert (report.count, len(report.labels)) == (336, 21)
    assert report.top1 >= 0.8
    assert report.top5 >= 0.97


@pytest.mark.parametrize(("rgb", "least"), [(False, 0.95), (True, 0.7)])
def test_land_cover_on_made_tiles(pocket: Model, rgb: bool, least: float) -> None:
    assert evaluate_land(pocket, tiles=300, seed=77_000_000, rgb=rgb).top1 >= least


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("buildings", "denseresidential", "mediumresidential"), "a built-up area"),
        (("forest",), "woodland"),
        (("agricultural",), "farmland"),
        (("freeway", "intersection", "parkinglot"), "roads"),
        (("tenniscourt", "baseballdiamond", "golfcourse"), "a sports facility"),
        (("river",), "water"),
    ],
)
def test_synonyms_and_broader_words(
    pocket: Model, data_dir: Path, folders: tuple[str, ...], words: str
) -> None:
    labels = ["a built-up area", "woodland", "farmland", "roads", "a sports facility", "water"]
    classes = class_folders(data_dir / "ucmerced")
    held_out = [file for name in folders for file in split_fold(classes[name], *HELD_OUT)[1]]
    called = (pocket.encode_images(held_out) @ pocket.class_weights(labels).T).argmax(dim=1)
    assert (called == labels.index(words)).float().mean() >= 0.75


def test_names_of_species_it_never_saw_are_in_order(pocket: Model) -> None:
    report = evaluate_life(pocket, pictures=2, resamples=10)
    assert report.ordering.tau >= 0.95
    assert report.ordering.f1 >= 0.55
    assert report.naming.mean("top1") >= 0.6


def test_its_card_states_these_figures() -> None:
    measured = {(score.task, score.metric) for score in get_card("pocket").scores}
    assert len(measured) >= 3
    assert all("terralex evaluate" in score.source for score in get_card("pocket").scores)


def test_every_pixel_of_scenes_it_never_saw(pocket: Model) -> None:
    """Eight land covers; what tells several of them apart is beyond the visible."""
    bands, rgb = (evaluate_scenes(pocket, scenes=4, rgb=rgb).scores.miou for rgb in (False, True))
    assert bands >= 0.7
    assert rgb >= 0.58
    assert bands > rgb

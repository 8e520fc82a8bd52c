from itertools import chain
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from terralex.evaluation import evaluate_folders, evaluate_land
from terralex.imagery.class_folders import class_folders, split_fold
from terralex.models import Model, load_model
from terralex.runtime.errors import UsageError


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model, device="cpu")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for number, name in enumerate(("forest", "river")):
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = np.random.default_rng(10 * number + i).integers(0, 256, (20, 20, 3), dtype=np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_every_picture_is_scored_once_and_bad_ones_are_reported(model: Model, folders: Path) -> None:
    (folders / "river" / "5.png").write_text("no picture")
    report = evaluate_folders(model, folders)
    assert (report.labels, report.count) == (("forest", "river"), 10)
    assert report.confusion.sum(dim=1).tolist() == [5, 5]
    assert report.top1 == report.confusion.diagonal().sum() / 10
    assert [Path(name).name for name, _ in report.errors] == ["5.png"]


def test_accuracy_counts_agreement_with_the_embeddings(model: Model, folders: Path) -> None:
    """The same figure by hand: each picture alone against the prompts of its class."""
    weights = model.class_weights(["forest", "river"])
    right = 0
    for k, files in enumerate(class_folders(folders).values()):
        right += sum(int((model.encode_images([file]) @ weights.T).argmax()) == k for file in files)
    assert evaluate_folders(model, folders).top1 == right / 10


def test_folds_partition_the_files(model: Model, folders: Path) -> None:
    assert evaluate_folders(model, folders, fold=(1, 5)).count == 2
    files = [str(i) for i in range(11)]
    held_out = [split_fold(files, k, 4)[1] for k in range(4)]
    assert sorted(chain(*held_out)) == sorted(files)
    others, fold = split_fold(files, 2, 4)
    assert set(others) | set(fold) == set(files)
    with pytest.raises(UsageError, match="fold 4 of 4"):
        split_fold(files, 4, 4)


def test_a_folder_without_classes_is_an_error(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no class folders"):
        evaluate_folders(model, tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        evaluate_folders(model, tmp_path / "absent")


@pytest.mark.parametrize("rgb", [False, True])
def test_made_land_is_scored_in_turn(model: Model, rgb: bool) -> None:
    report = evaluate_land(model, tiles=12, rgb=rgb)
    assert report.count == 12
    assert report.confusion.sum(dim=1).tolist() == [2, 2, *[1] * 8]
    assert not report.errors

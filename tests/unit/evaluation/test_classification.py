import shutil
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from terralex.evaluation import evaluate_folders, evaluate_land
from terralex.imagery.class_folders import class_folders, split_block, split_fold
from terralex.models import Model, Prepared, load_model
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions


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
    ((name, reason),) = report.errors
    assert name == str(folders / "river" / "5.png")
    assert reason.startswith("its content is no image")


def test_names_that_read_alike_are_still_two_classes(model: Model, folders: Path) -> None:
    shutil.copytree(folders / "river", folders / "Forest")
    report = evaluate_folders(model, folders)
    assert (report.labels, report.count) == (("Forest", "forest", "river"), 15)
    assert report.confusion.shape == (3, 3)
    assert report.top1 == pytest.approx(float(report.confusion.diagonal().sum()) / 15)


def test_a_picture_without_a_finite_vector_is_not_scored(
    model: Model, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = model.encode_images

    def overflow(prepared: Sequence[Prepared], batch_size: int) -> torch.Tensor:
        vectors = encode(prepared, batch_size).clone()
        vectors[3] = torch.nan
        return vectors

    monkeypatch.setattr(model, "encode_images", overflow)
    report = evaluate_folders(model, folders, run=RunOptions(cache=False))
    assert report.count == 9
    assert report.errors == ((str(folders / "forest" / "3.png"), "the model gives no finite numbers for it"),)


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


def test_blocks_are_of_neighbours_and_partition_the_files(model: Model, folders: Path) -> None:
    assert evaluate_folders(model, folders, block=(1, 5)).count == 2
    files = [str(i) for i in range(11)]
    blocks = [split_block(files, k, 4) for k in range(4)]
    assert list(chain(*(block for _, block in blocks))) == files
    assert blocks[1] == (["0", "1", "5", "6", "7", "8", "9", "10"], ["2", "3", "4"])
    with pytest.raises(UsageError, match="block 4 of 4"):
        split_block(files, 4, 4)
    with pytest.raises(UsageError, match="a fold or a block"):
        evaluate_folders(model, folders, fold=(0, 5), block=(0, 5))


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

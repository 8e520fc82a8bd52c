"""Pictures that are read as they are needed, of which some can not be."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from terralex.runtime.errors import TerralexError
from terralex.training.streaming import StreamedPictures
from terralex.training.treeoflife import TreeFolders


@pytest.fixture
def folder(tmp_path: Path, tree_folder: Path) -> Path:
    """Its last species has one picture."""
    return Path(shutil.copytree(tree_folder, tmp_path / "train_folders"))


def streamed(folder: Path) -> StreamedPictures:
    pictures = TreeFolders(folder)
    return StreamedPictures(pictures, size=8, channels=(0, 1, 2), gain=1.0, share=1.0, seed=0, workers=2)


def test_the_only_picture_of_a_species_is_grey_if_it_is_damaged_and_stops_nothing(folder: Path) -> None:
    only = max(folder.iterdir()) / "0.jpg"
    only.write_bytes(b"no picture")
    source = streamed(folder)
    pixels = source.pixels(np.arange(25))
    assert [index for index, picture in enumerate(pixels) if (picture == 128).all()] == [24]
    assert list(source.damaged) == [str(only)]


@pytest.mark.parametrize("harm", [lambda file: file.write_bytes(b""), lambda file: file.unlink()])
def test_a_disk_that_is_gone_stops_the_run(folder: Path, harm: Callable[[Path], object]) -> None:
    """Else it would learn from thousands of grey pictures, and end as if all were well."""
    source = streamed(folder)
    assert torch.unique(source.pixels(np.arange(25))).numel() > 2
    for file in folder.rglob("*.jpg"):
        harm(file)
    with pytest.raises(TerralexError, match=r"25 of 25 pictures of a batch cannot be read.*--resume"):
        source.pixels(np.arange(25))

"""Layouts on disk to pictures and label maps."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from terralex.evaluation.segmentation import choose_settings, plan_segmentation
from terralex.evaluation.segmentation.pictures import find_samples, read_sample
from terralex.evaluation.segmentation.settings import Dataset
from terralex.imagery import Image, write_geotiff
from terralex.runtime.errors import InputError, UsageError

from .make_datasets import CLASSES, PICTURES, draw

SCALE = (64, 48)


def dataset(name: str) -> Dataset:
    return choose_settings([name], ["low"])[0].dataset


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_layout_is_read(datasets: Path, name: str) -> None:
    samples = find_samples(dataset(name), datasets)
    assert len(samples) == PICTURES
    for number, sample in enumerate(samples):
        _, truth = draw(name, number)
        if name == "voc20":
            truth[:4, :4] = 255
        assert (read_sample(sample, SCALE).truth.numpy() == truth).all()


@pytest.mark.parametrize(
    ("name", "pattern"), [("coco-stuff", "*_labelTrainIds.png"), ("cityscapes", "*_labelTrainIds.png")]
)
def test_label_maps_as_distributed_are_converted(
    datasets: Path, tmp_path: Path, name: str, pattern: str
) -> None:
    root = dataset(name).roots[0]
    shutil.copytree(datasets / root, tmp_path / root)
    converted = [read_sample(sample, SCALE).truth for sample in find_samples(dataset(name), tmp_path)]
    for file in tmp_path.rglob(pattern):
        file.unlink()
    raw = [read_sample(sample, SCALE).truth for sample in find_samples(dataset(name), tmp_path)]
    assert all(torch.equal(a, b) for a, b in zip(converted, raw, strict=True))


def test_values_of_no_class_are_refused(datasets: Path, tmp_path: Path) -> None:
    """A palette that was saved as grey levels."""
    root = dataset("voc20").roots[0]
    shutil.copytree(datasets / root, tmp_path / root)
    sample = find_samples(dataset("voc20"), tmp_path)[0]
    file, _ = sample.found_truth
    with PIL.Image.open(file) as picture:
        values = np.array(picture)
    assert read_sample(sample, SCALE, 20)
    values[0, 0] = 113
    PIL.Image.fromarray(values).save(file)
    with pytest.raises(InputError, match=rf"{file.name}: has the value 113, which stands for no class"):
        read_sample(sample, SCALE, 20)


def test_voc_may_be_in_its_development_kit(datasets: Path, tmp_path: Path) -> None:
    (tmp_path / "VOCdevkit").mkdir()
    shutil.copytree(datasets / "VOC2012", tmp_path / "VOCdevkit" / "VOC2012")
    assert len(find_samples(dataset("voc20"), tmp_path)) == PICTURES


def test_pictures_are_resized_and_label_maps_are_not(datasets: Path) -> None:
    sample = find_samples(dataset("cityscapes"), datasets)[0]
    read = read_sample(sample, (2048, 560))
    assert (read.pixels.shape, read.pixels.dtype) == ((3, 560, 1120), torch.uint8)
    assert (read.truth.shape, read.truth.dtype) == ((32, 64), torch.uint8)
    with PIL.Image.open(sample.picture) as picture:
        corner = np.asarray(picture)[0, 0]
    assert (read.pixels[:, 0, 0].numpy() == corner).all(), "red, green and blue in this order"


@pytest.mark.parametrize(("folder", "what"), [("JPEGImages", ""), ("SegmentationClass", ", label maps")])
def test_a_benchmark_that_is_mostly_missing_is_refused(
    datasets: Path, tmp_path: Path, folder: str, what: str
) -> None:
    shutil.copytree(datasets / "VOC2012", tmp_path / "VOC2012")
    for file in sorted((tmp_path / "VOC2012" / folder).iterdir())[:2]:
        file.unlink()
    with pytest.raises(UsageError, match=f"20 classes{what}: 2 of 3 pictures are missing"):
        find_samples(dataset("voc20"), tmp_path)


@pytest.fixture
def ade(datasets: Path, tmp_path: Path) -> Path:
    """ADE20K alone, to be spoiled."""
    shutil.copytree(datasets / "ADEChallengeData2016", tmp_path / "ADEChallengeData2016")
    return tmp_path


def spoil(file: Path, how: str) -> None:
    match how:
        case "absent":
            file.unlink()
        case "no picture":
            file.write_bytes(b"GIF89a")
        case "cut":
            file.write_bytes(file.read_bytes()[:60])
        case "colour":
            PIL.Image.new("RGB", (48, 36)).save(file)
        case "16 bit":
            PIL.Image.fromarray(np.full((36, 48), 300, np.uint16)).save(file)
        case "other size":
            PIL.Image.new("L", (36, 48)).save(file)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("absent", "no such label map"),
        ("no picture", "cannot be read as a label map"),
        ("cut", "cannot be read as a label map"),
        ("colour", "is no label map"),
        ("16 bit", "has the value 300"),
        ("other size", "differ in size: 48 x 36 and 36 x 48"),
    ],
)
def test_bad_label_maps_are_named(ade: Path, how: str, message: str) -> None:
    sample = find_samples(dataset("ade20k"), ade)[0]
    spoil(sample.truth[0][0], how)
    with pytest.raises(InputError, match=message) as caught:
        read_sample(sample, SCALE)
    assert str(sample.truth[0][0]) in str(caught.value)


def test_pictures_of_other_units_are_refused(ade: Path) -> None:
    sample = find_samples(dataset("ade20k"), ade)[0]
    scene = Image.from_array(np.zeros((3, 36, 48), np.uint16), bands="B04,B03,B02", units="dn")
    write_geotiff(scene, sample.picture)
    with pytest.raises(InputError, match="no picture of 8 bits"):
        read_sample(sample, SCALE)


def test_all_that_is_missing_is_said_at_once(datasets: Path, tmp_path: Path) -> None:
    settings = choose_settings(["voc20", "cityscapes", "ade20k"], ["low", "mid"])
    shutil.copytree(datasets / "cityscapes", tmp_path / "cityscapes")
    with pytest.raises(UsageError, match=r"PASCAL VOC.*ADE20K") as caught:
        plan_segmentation(settings, tmp_path)
    assert "Cityscapes" not in str(caught.value)
    assert "--data" in str(caught.value)
    for file in (tmp_path / "cityscapes" / "leftImg8bit").rglob("*.png"):
        file.unlink()
    with pytest.raises(UsageError, match="no pictures in"):
        find_samples(dataset("cityscapes"), tmp_path)
    voc = tmp_path / "VOC2012"
    shutil.copytree(datasets / "VOC2012", voc)
    (voc / "ImageSets" / "Segmentation" / "val.txt").unlink()
    with pytest.raises(UsageError, match="cannot read the list of pictures"):
        find_samples(dataset("voc20"), tmp_path)

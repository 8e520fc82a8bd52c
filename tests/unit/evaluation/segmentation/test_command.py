"""`terralex evaluate segmentation` with a model."""

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from terralex.cli.app import run
from terralex.cli.evaluate.segmentation import Dataset, Resolution
from terralex.evaluation.segmentation import choose_settings, class_names, load_settings
from terralex.evaluation.segmentation.labeller import ModelLabeller
from terralex.imagery import Image
from terralex.models import Model
from terralex.runtime.errors import InputError
from terralex.segmentation.labelling import NONE
from terralex.segmentation.scenes.pixels import normalise
from terralex.segmentation.segmenter import Segmenter

Run = Callable[..., tuple[int, str, str]]

VOC = ("--dataset", "voc20", "--resolution", "low")


@pytest.fixture
def evaluate(capfd: pytest.CaptureFixture[str], tiny_model: str, datasets: Path) -> Run:
    """Runs the command with the tiny model: exit code, standard output, standard error."""

    def call(*arguments: object, data: Path = datasets) -> tuple[int, str, str]:
        words = ["evaluate", "segmentation", "--data", data, "--model", tiny_model, *arguments]
        code = run([str(word) for word in words])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_model_labels_as_its_segmenter_does(model: Model) -> None:
    setting = choose_settings(["voc20"], ["low"])[0]
    names = class_names("voc20", "synonyms")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 336, 448), dtype=np.uint8)
    labels = ModelLabeller(model, setting, names).label(torch.from_numpy(pixels), (40, 50))
    prepared = torch.from_numpy(normalise(Image.from_array(pixels), model.card.input).pixels)
    expected = Segmenter(model, names, crop=224, stride=112).segment(prepared[None], (40, 50)).labels[0]
    assert torch.equal(labels, expected)
    assert (labels.shape, labels.dtype) == ((40, 50), torch.int64)


def test_where_no_class_is_present(model: Model) -> None:
    """Pixels are no class; as published they are the first."""
    setting = replace(choose_settings(["voc20"], ["low"])[0], prompt_denoising=1.1)
    pixels = torch.full((3, 224, 224), 7, dtype=torch.uint8)
    for as_published, label in ((False, NONE), (True, 0)):
        labeller = ModelLabeller(model, setting, class_names("voc20"), as_published=as_published)
        assert (labeller.label(pixels, (20, 20)) == label).all()


def test_as_published_is_said(evaluate: Run, tmp_path: Path) -> None:
    output = tmp_path / "figures.csv"
    assert evaluate(*VOC, "-o", output)[0] == 0
    assert (
        "Not as published, which --as-published is: where no class" in output.with_suffix(".md").read_text()
    )
    assert evaluate(*VOC, "-o", output, "--as-published", "--overwrite")[0] == 0
    assert "\nAs published: where no class reaches" in output.with_suffix(".md").read_text()


def test_what_is_no_number_is_no_label(model: Model) -> None:
    labeller = ModelLabeller(model, choose_settings(["voc20"], ["low"])[0], class_names("voc20"))
    labeller._segmenter.vocabulary.phrases.fill_(torch.nan)
    pixels = torch.full((3, 224, 224), 7, dtype=torch.uint8)
    with pytest.raises(InputError, match="no finite numbers"):
        labeller.label(pixels, (20, 20))


def test_figures_are_shown_and_written(evaluate: Run, tmp_path: Path) -> None:
    output = tmp_path / "figures.csv"
    code, out, err = evaluate(*VOC, "-o", output)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].strip() == "tiny: zero-shot segmentation"
    assert "PASCAL VOC 2012, 20 classes" in lines[3]
    found = rows(output)
    figures = {row["metric"]: row for row in found if row["model"] == "tiny" and not row["label"]}
    assert list(figures) == ["miou", "aacc", "macc"]
    assert f"{100 * float(figures['aacc']['value']):.2f}" in lines[3]
    assert {row["model"] for row in found} == {"tiny", "SCLIP", "NACLIP"}
    counted = rows(tmp_path / "figures.pictures.csv")
    right, there = (sum(int(row[key]) for row in counted) for key in ("right", "there"))
    assert float(figures["aacc"]["value"]) == pytest.approx(right / there)
    assert "| PASCAL VOC 2012, 20 classes | low | 3 of 1,449 |" in (tmp_path / "figures.md").read_text()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(before) == {"figures.csv", "figures.md", "figures.pictures.csv"}

    code, out, err = evaluate(*VOC, "-o", output)
    assert (code, out, "pass --overwrite" in err) == (2, "", True)
    assert evaluate(*VOC, "-o", output, "--overwrite", "--workers", 1)[0] == 0
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_what_was_interrupted_goes_on(evaluate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    assert evaluate(*VOC, "-o", whole)[0] == 0
    label, left = ModelLabeller.label, [2]

    def interrupted(self: ModelLabeller, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return label(self, pixels, size)

    monkeypatch.setattr(ModelLabeller, "label", interrupted)
    code, _, err = evaluate(*VOC, "-o", cut)
    assert (code, "--resume" in err, cut.exists()) == (130, True, False)
    left[0] = 1
    code, _, err = evaluate(*VOC, "-o", cut, "--model", "nosuch")
    assert (code, "cut.pictures.csv is unfinished" in err) == (2, True)
    assert evaluate(*VOC, "-o", cut, "--resume")[0] == 0
    for ending in (".csv", ".md", ".pictures.csv"):
        assert cut.with_suffix(ending).read_bytes() == whole.with_suffix(ending).read_bytes()


def test_a_bad_picture_is_named(evaluate: Run, datasets: Path, tmp_path: Path) -> None:
    shutil.copytree(datasets / "VOC2012", tmp_path / "VOC2012")
    bad = tmp_path / "VOC2012" / "JPEGImages" / "2007_000034.jpg"
    bad.write_text("no picture")
    code, out, err = evaluate(*VOC, "-o", tmp_path / "out.csv", data=tmp_path)
    assert (code, "2 of 1,449" in out) == (3, True)
    assert f"voc20, low: 2007_000034: {bad}: its content is no image" in err
    assert rows(tmp_path / "out.csv")[-1]["error"].startswith(str(bad))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a --dataset and a --resolution, or pass --all"),
        (("--dataset", "voc20"), "name a --dataset and a --resolution"),
        ((*VOC, "--all"), "leave out --dataset and --resolution"),
        ((*VOC, "--resume"), "--resume needs an output file"),
        ((*VOC, "-o", "figures.txt"), "end it in .csv"),
        ((*VOC, "--names", "short"), "published, plain, synonyms, or a file"),
        (("--dataset", "voc21", "--resolution", "low"), "voc21"),
    ],
)
def test_what_is_wrong_shows_before_the_model_is_loaded(
    evaluate: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = evaluate(*arguments, "--model", "nosuch")
    assert (code, out) == (2, "")
    assert message in err


def test_all_needs_all(evaluate: Run, datasets: Path, tmp_path: Path) -> None:
    shutil.copytree(datasets / "cityscapes", tmp_path / "cityscapes")
    code, _, err = evaluate("--all", data=tmp_path)
    assert code == 2
    assert all(title in err for title in ("PASCAL VOC", "PASCAL Context", "COCO-Stuff", "ADE20K"))


def test_the_command_knows_every_setting() -> None:
    assert {setting.dataset.name for setting in load_settings()} == set(Dataset)
    assert [setting.resolution for setting in load_settings()][:3] == list(Resolution)

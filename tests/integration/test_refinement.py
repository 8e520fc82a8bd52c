"""`--refine` from the command line, with a SAM and a RADIO small enough to make."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import save_file
from transformers import SamConfig

import terralex
from terralex.cli.app import run
from terralex.evaluation.segmentation.labeller import ModelLabeller
from terralex.models import load_model
from terralex.models.dense import RadioTower
from terralex.models.hub import hand_folder
from terralex.segmentation.refinement import SAM_NAME, RadioEmbedder, Sam, SamEmbedder, SamRefiner

from ..unit.evaluation.segmentation.make_datasets import make_datasets
from ..unit.models.radio import made
from ..unit.models.radio.towers import write_siglip2

Run = Callable[..., tuple[int, str, str]]
TOWER = "google--siglip2-so400m-patch16-naflex"
LABELS = "water,forest,town"


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `terralex`: exit code, standard output, standard error."""

    def command(*words: object) -> tuple[int, str, str]:
        code = run([*map(str, words), "--device", "cpu", "--offline"])
        out, err = capfd.readouterr()
        return code, out, err

    return command


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A bright disc on dark ground."""
    y, x = np.mgrid[:96, :128]
    inside = (y - 40) ** 2 + (x - 50) ** 2 < 900
    pixels = np.where(inside[..., None], [200, 220, 90], [20, 40, 30]).astype(np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "disc.png")
    return tmp_path / "disc.png"


def put_sam(width: int, *, trunk: bool) -> None:
    """SAM's decoder at its own size after a trunk of two narrow layers, or its neck; sure of every mask."""
    vision = {
        "hidden_size": width,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "global_attn_indexes": [1],
        "mlp_dim": 4 * width,
    }
    sam = Sam(SamConfig(vision_config=vision), trunk=trunk)
    generator = torch.Generator().manual_seed(0)
    for parameter in sam.parameters():
        scale = 4 * parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.3
        parameter.data.copy_(scale * torch.randn(parameter.shape, generator=generator))
    sam.mask_decoder.iou_prediction_head.proj_out.bias.data += 1000
    hand_folder(SAM_NAME).mkdir(parents=True)
    save_file(sam.state_dict(), hand_folder(SAM_NAME) / "model.safetensors")


def put_radio(folder: Path) -> str:
    """A container of RADIO and its text tower; what `--model` calls it."""
    write_siglip2(hand_folder(TOWER), out=made.OUT)
    path = folder / "made.pth.tar"
    torch.save({"args": made.arguments(), "state_dict": made.checkpoint_state()}, path)
    return f"c-radio-v3-b@{path}"


def row(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "results.jsonl").read_text())
    return found


def test_through_sam_itself(call: Run, photo: Path, tmp_path: Path, tiny_model: str) -> None:
    put_sam(16, trunk=True)
    command = ("segment", photo, "--labels", LABELS, "--model", tiny_model, "--presence", "0")
    coarse, refined = tmp_path / "coarse", tmp_path / "refined"
    assert call(*command, "-o", coarse)[0] == 0
    code, _, err = call(*command, "--refine", "-o", refined)
    assert code == 0, err
    assert row(refined)["error"] is None
    assert row(refined) != row(coarse)
    [found] = terralex.segment(photo, LABELS.split(","), model=tiny_model, presence=0, refine=True)
    with PIL.Image.open(refined / "masks" / "disc.png") as mask:
        np.testing.assert_array_equal(np.asarray(mask).astype(np.int32) - 1, found.labels)
    assert isinstance(SamRefiner.for_model(load_model(tiny_model, device="cpu")).embedder, SamEmbedder)


def test_through_the_eyes_of_radio(call: Run, photo: Path, tmp_path: Path) -> None:
    """The picture is seen once more by the model's own backbone: SAM's trunk may be absent."""
    name = put_radio(tmp_path)
    put_sam(made.OUT + 3, trunk=False)
    command = ("segment", photo, "--labels", LABELS, "--model", name, "--presence", "0")
    assert call(*command, "-o", tmp_path / "coarse")[0] == 0
    code, _, err = call(*command, "--refine", "-o", tmp_path / "refined")
    assert code == 0, err
    assert row(tmp_path / "coarse") != row(tmp_path / "refined")
    assert isinstance(SamRefiner.for_model(load_model(name, offline=True)).embedder, RadioEmbedder)


def test_other_models_need_the_trunk(call: Run, photo: Path, tiny_model: str) -> None:
    put_sam(16, trunk=False)
    code, out, err = call("segment", photo, "--labels", LABELS, "--model", tiny_model, "--refine")
    assert (code, out) == (1, "")
    assert "lacks vision_encoder" in err


def test_absent_weights_are_named(call: Run, photo: Path, tmp_path: Path, tiny_model: str) -> None:
    command = ("segment", photo, "--labels", LABELS, "--model", tiny_model, "--refine")
    code, out, err = call(*command, "-o", tmp_path / "out")
    assert (code, out) == (1, "")
    assert "sam_vit_h_4b8939.pth" in err
    assert str(hand_folder(SAM_NAME)) in err
    assert not (tmp_path / "out").exists()
    code, _, err = call(*command, "-o", tmp_path / "map.tif")
    assert (code, "--refine is for photos" in err) == (2, True)


def test_the_benchmark_refines(call: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put_radio(tmp_path)
    put_sam(made.OUT + 3, trunk=False)
    data, out = make_datasets(tmp_path / "data"), tmp_path / "figures.csv"
    setting = ("--dataset", "voc20", "--resolution", "low", "-o", out)
    command = ("evaluate", "segmentation", "--data", data, "--model", name, *setting)
    label = ModelLabeller.label
    thresholds: list[float] = []

    def once(self: ModelLabeller, pixels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        if len(thresholds) == 1:
            raise KeyboardInterrupt
        assert isinstance(self._segmenter.refiner, SamRefiner)
        tower = self._segmenter.encoder.tower
        assert isinstance(tower, RadioTower)
        assert not tower.radio.align_corners, "which the card says"
        thresholds.append(self._segmenter.refiner.settings.coarse_threshold)
        return label(self, pixels, size)

    with monkeypatch.context() as patch:
        patch.setattr(ModelLabeller, "label", once)
        assert call(*command, "--refine")[0] == 130
    assert thresholds == [0.2], "of the data set"
    code, _, err = call(*command, "--resume")
    assert (code, "refined" in err) == (2, True)
    assert call(*command, "--refine", "--resume")[0] == 0
    assert out.exists()

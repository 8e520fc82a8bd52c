import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from terralex.models import ModelCard, get_card, load_model, save_model
from terralex.models.card import CARD_FILE, card_to_yaml
from terralex.models.checkpoints import MSCLIP_PREFIXES
from terralex.models.loading import resolve
from terralex.models.model import Model
from terralex.models.networks import build
from terralex.models.published import CONFIG_FILE
from terralex.runtime.errors import TerralexError, UsageError

from ...rounding import equal_up_to_rounding, equal_weights

TEXTS = ["a photo of a cat.", "ocean", "Animalia Chordata Aves"]
WEIGHTS = "open_clip_model.safetensors"

MakeModel = Callable[..., Model]
PutInCache = Callable[..., Path]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Path:
    return save_model(model, tmp_path_factory.mktemp("models") / "runs" / "tiny")


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def _same(one: Model, other: Model, pixels: torch.Tensor) -> bool:
    return (
        equal_weights(one, other)
        and equal_up_to_rounding(one.encode_images(pixels), other.encode_images(pixels), one.dtype)
        and equal_up_to_rounding(one.encode_texts(TEXTS), other.encode_texts(TEXTS), one.dtype)
    )


class TestFolders:
    def test_saved_and_loaded(self, saved: Path, model: Model, pixels: torch.Tensor) -> None:
        for name in (f"local-dir:{saved}", str(saved), str(saved / WEIGHTS)):
            loaded = load_model(name, device="cpu")
            assert loaded.card == replace(model.card, weights=loaded.card.weights)
            assert loaded.revision == model.revision
            assert _same(loaded, model, pixels)

    def test_saved_again(self, saved: Path, model: Model, tmp_path: Path) -> None:
        again = save_model(load_model(str(saved), device="cpu"), tmp_path)
        for file in (WEIGHTS, CONFIG_FILE, CARD_FILE):
            assert (again / file).read_bytes() == (saved / file).read_bytes()
        save_model(model, tmp_path)

    def test_ten_bands(self, ms_model: Model, tmp_path: Path) -> None:
        folder = save_model(ms_model, tmp_path)
        assert not (folder / CONFIG_FILE).exists(), "open_clip could not load it"
        loaded = load_model(str(folder), device="cpu")
        assert loaded.card.input == ms_model.card.input
        assert _same(loaded, ms_model, torch.randn(2, 10, 32, 32))

    def test_pocket(self, tmp_path: Path) -> None:
        card = get_card("pocket")
        torch.manual_seed(0)
        pocket = Model(card, *build(card))
        folder = save_model(pocket, tmp_path)
        assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", CARD_FILE]
        loaded = load_model(str(folder), device="cpu")
        assert (loaded.key, loaded.logit_scale) == (pocket.key, pocket.logit_scale)
        assert _same(loaded, pocket, torch.randn(2, 10, 128, 128))

    def test_half_precision_keeps_the_scale(
        self, make_model: MakeModel, rgb_card: ModelCard, tmp_path: Path, pixels: torch.Tensor
    ) -> None:
        half = make_model(rgb_card, torch.bfloat16)
        folder = save_model(half, tmp_path)
        assert load_file(folder / WEIGHTS)["logit_scale"].dtype == torch.float32
        loaded = load_model(str(folder), device="cpu", precision="bfloat16")
        assert loaded.logit_scale == half.logit_scale
        assert _same(loaded, half, pixels)

    def test_open_clip_loads_what_is_saved(self, saved: Path, model: Model, rgb: np.ndarray) -> None:
        network, _, transform = open_clip.create_model_and_transforms(f"local-dir:{saved}")
        tokens = open_clip.get_tokenizer("ViT-B-16")(TEXTS)
        picture = PIL.Image.fromarray(rgb)
        with torch.inference_mode():
            images = network.eval().encode_image(transform(picture)[None], normalize=True)
            texts = network.encode_text(tokens, normalize=True)
        torch.testing.assert_close(model.encode_images([picture]), images, atol=1e-6, rtol=0)
        torch.testing.assert_close(model.encode_texts(TEXTS), texts, atol=1e-6, rtol=0)

    @pytest.mark.parametrize("weights", [WEIGHTS, "open_clip_pytorch_model.bin"])
    def test_what_open_clip_saves(
        self, saved: Path, model: Model, tmp_path: Path, rgb: np.ndarray, weights: str
    ) -> None:
        """A plain open_clip folder: its preprocessing is its own, here bilinear and squashed."""
        config = json.loads((saved / CONFIG_FILE).read_text())
        config["preprocess_cfg"] = {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "size": 32,
            "interpolation": "bilinear",
            "resize_mode": "squash",
        }
        (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
        state = load_file(saved / WEIGHTS)
        save_file(state, tmp_path / weights) if weights == WEIGHTS else torch.save(state, tmp_path / weights)
        loaded = load_model(f"local-dir:{tmp_path}", device="cpu")
        assert loaded.name == tmp_path.name
        _, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tmp_path}")
        picture = PIL.Image.fromarray(rgb)
        expected = model.encode_images(transform(picture)[None])
        assert equal_up_to_rounding(loaded.encode_images([picture]), expected)

    @pytest.mark.parametrize(
        ("preprocess", "message"),
        [
            (None, r"no preprocess_cfg with mean and std"),
            ({"mean": [0, 0, 0]}, r"no preprocess_cfg with mean and std"),
            ({"mean": [0, 0, 0], "std": [1, 1, 1], "resize_mode": "longest"}, "resize_mode longest"),
            ({"mean": [0, 0, 0], "std": [1, 1, 1], "size": [224, 336]}, "not supported"),
        ],
    )
    def test_preprocessing_is_never_guessed(
        self, saved: Path, tmp_path: Path, preprocess: dict[str, object] | None, message: str
    ) -> None:
        config = json.loads((saved / CONFIG_FILE).read_text())
        if preprocess is None:
            del config["preprocess_cfg"]
        else:
            config["preprocess_cfg"] = preprocess
        (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
        (tmp_path / WEIGHTS).symlink_to(saved / WEIGHTS)
        for name in (f"local-dir:{tmp_path}", str(tmp_path / WEIGHTS)):
            with pytest.raises(TerralexError, match=message):
                load_model(name, device="cpu")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c["model_cfg"].update(novel=1), "open_clip cannot build its architecture: .*novel"),
            (lambda c: c["model_cfg"]["vision_cfg"].update(width="big"), "cannot build its architecture"),
            (lambda c: c["model_cfg"].pop("embed_dim"), "no open_clip configuration: .*embed_dim"),
            (lambda c: c["preprocess_cfg"].update(mean=0.5), "no open_clip configuration"),
            (lambda c: c["preprocess_cfg"].update(mean=[0.5]), r"mean has 1 values for 3 bands"),
            (lambda c: c["preprocess_cfg"].update(std=[0, 0, 0]), r"input\.std\[0\] must be greater than 0"),
        ],
    )
    def test_a_configuration_that_makes_no_sense(
        self, saved: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
    ) -> None:
        config = json.loads((saved / CONFIG_FILE).read_text())
        change(config)
        (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
        (tmp_path / WEIGHTS).symlink_to(saved / WEIGHTS)
        with pytest.raises(TerralexError, match=message):
            load_model(f"local-dir:{tmp_path}", device="cpu")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"sensor": "rgbb"}, r"input\.sensor must be one of .*rgb.* not 'rgbb'"),
            ({"bands": ["red", "grean", "blue"]}, "rgb has no band 'grean', only red, green, blue"),
        ],
    )
    def test_a_card_of_bands_that_are_not(
        self, saved: Path, tmp_path: Path, change: dict[str, object], message: str
    ) -> None:
        card = yaml.safe_load((saved / CARD_FILE).read_text())
        card["input"] |= change
        (tmp_path / CARD_FILE).write_text(yaml.safe_dump(card))
        (tmp_path / WEIGHTS).symlink_to(saved / WEIGHTS)
        with pytest.raises(TerralexError, match=message):
            load_model(f"local-dir:{tmp_path}", device="cpu")

    @pytest.mark.parametrize(
        "text", [{"hf_tokenizer_name": "x"}, {"hf_model_name": "roberta"}, {"vocab_size": 250002}]
    )
    def test_other_tokenizers_are_refused(self, saved: Path, tmp_path: Path, text: dict[str, object]) -> None:
        config = json.loads((saved / CONFIG_FILE).read_text())
        config["model_cfg"]["text_cfg"] |= text
        (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
        with pytest.raises(TerralexError, match="only CLIP's own towers and tokenizer"):
            resolve(str(tmp_path))

    @pytest.mark.parametrize(
        "file", ["../w.safetensors", "/etc/passwd", "a/../../w.pt", "C:\\w.pt", "..\\w.pt"]
    )
    def test_weights_stay_in_the_folder(self, saved: Path, tmp_path: Path, file: str) -> None:
        card = yaml.safe_load((saved / CARD_FILE).read_text())
        card["weights"] = {"files": [file]}
        (tmp_path / CARD_FILE).write_text(yaml.safe_dump(card))
        with pytest.raises(TerralexError, match="outside its folder"):
            resolve(f"local-dir:{tmp_path}")

    def test_folders_without_a_model(self, tmp_path: Path, saved: Path) -> None:
        with pytest.raises(UsageError, match="no such folder"):
            load_model(f"local-dir:{tmp_path / 'absent'}")
        with pytest.raises(UsageError, match="holds no model"):
            load_model(str(tmp_path))
        (tmp_path / CARD_FILE).write_bytes((saved / CARD_FILE).read_bytes())
        with pytest.raises(TerralexError, match=r"has no open_clip_model\.safetensors"):
            load_model(str(tmp_path))

    def test_a_place_that_cannot_be_written(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(TerralexError, match="cannot write"):
            save_model(model, tmp_path / "file" / "model")


class TestFiles:
    def test_weights_without_a_card_are_an_error(self, saved: Path, tmp_path: Path) -> None:
        file = tmp_path / "epoch_20.pt"
        torch.save(load_file(saved / WEIGHTS), file)
        with pytest.raises(UsageError, match=rf"whose weights are these\? Say it: NAME@{file}"):
            load_model(str(file))

    def test_shapes_hint_at_the_card(self, tmp_path: Path) -> None:
        file = tmp_path / "epoch_20.pt"
        shapes = {"visual.conv1.weight": (768, 10, 16, 16), "text_projection": (512, 512)}
        torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, file)
        with pytest.raises(UsageError, match=r"by their shapes they could be msclip$"):
            load_model(str(file))

    def test_stating_the_card(
        self, saved: Path, tmp_path: Path, rgb_card: ModelCard, model: Model, pixels: torch.Tensor
    ) -> None:
        file = tmp_path / "weights.pt"
        torch.save({"state_dict": load_file(saved / WEIGHTS)}, file)
        assert _same(load_model(str(file), card=rgb_card, device="cpu"), model, pixels)
        assert resolve(str(file), card="bioclip").card == get_card("bioclip")
        found = resolve(f"bioclip@{file}")
        assert (found.card, found.weights) == (get_card("bioclip"), file)
        with pytest.raises(
            TerralexError, match=r"weights\.pt does not fit the model: it lacks .*another shape"
        ):
            load_model(f"bioclip@{file}", device="cpu")

    def test_the_home_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No shell replaces the tilde after an @."""
        monkeypatch.setenv("HOME", str(tmp_path))
        assert resolve("bioclip@~/w.pt").weights == resolve("~/w.pt", card="bioclip").weights
        assert resolve("bioclip@~/w.pt").weights == tmp_path / "w.pt"

    def test_msclip_is_known_by_its_names(self, tmp_path: Path) -> None:
        file = tmp_path / "Llama3_MS_CLIP_weights.pt"
        torch.save({f"{prefix}logit_scale": torch.tensor(1.0) for prefix in MSCLIP_PREFIXES}, file)
        assert resolve(str(file)).card == get_card("msclip")

    @pytest.mark.parametrize("name", ["absent.pt", "no/such/folder", "bioclip@absent.pt"])
    def test_absent(self, name: str) -> None:
        with pytest.raises(TerralexError, match=r"no such (model file or folder|weight file)"):
            load_model(name, device="cpu")

    def test_unknown(self) -> None:
        with pytest.raises(UsageError, match=r"'biclip'.*did you mean bioclip"):
            load_model("biclip")

    @pytest.mark.parametrize(("option", "value"), [("device", "tpu"), ("precision", "int4")])
    def test_wrong_options(self, saved: Path, option: str, value: str) -> None:
        with pytest.raises(UsageError, match=value):
            load_model(str(saved), **{"device": "cpu", option: value})


class TestHub:
    @pytest.mark.parametrize("repo", ["mine", "a/b/c", "../..", "my models/clip", "me/mine@v2"])
    def test_what_no_repository_is_called(self, repo: str) -> None:
        with pytest.raises(UsageError, match="is written hf-hub:OWNER/NAME, not hf-hub:"):
            load_model(f"hf-hub:{repo}", offline=True)

    def test_saved_models_in_the_cache(
        self, saved: Path, put_in_cache: PutInCache, model: Model, pixels: torch.Tensor
    ) -> None:
        put_in_cache("me/mine", {file: (saved / file).read_bytes() for file in (CARD_FILE, WEIGHTS)})
        loaded = load_model("hf-hub:me/mine", device="cpu", offline=True)
        assert loaded.name == "tiny"
        assert _same(loaded, model, pixels)

    def test_open_clip_models_in_the_cache(
        self, saved: Path, put_in_cache: PutInCache, model: Model, pixels: torch.Tensor
    ) -> None:
        put_in_cache("me/mine", {file: (saved / file).read_bytes() for file in (CONFIG_FILE, WEIGHTS)})
        loaded = load_model("hf-hub:me/mine", device="cpu")
        assert loaded.name == "hf-hub:me/mine"
        assert loaded.card.input.mean == model.card.input.mean
        assert equal_up_to_rounding(loaded.encode_images(pixels), model.encode_images(pixels))

    def test_a_card_of_the_hub_stays_in_its_repository(self, saved: Path, put_in_cache: PutInCache) -> None:
        card = yaml.safe_load((saved / CARD_FILE).read_text())
        card["weights"] = {"files": ["../../../secret.pt"], "repo": "me/other"}
        put_in_cache("me/mine", {CARD_FILE: yaml.safe_dump(card).encode()})
        with pytest.raises(TerralexError, match="outside its folder"):
            resolve("hf-hub:me/mine", offline=True)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}, r"mean \[0\.48.* here, \[0\.5"),
            ({"preprocess_cfg": {"resize_mode": "squash"}}, "resize_mode shortest here, squash there"),
            ({"model_cfg": {"quick_gelu": True}}, "quick_gelu False here, True there"),
            ({"model_cfg": {"vision_cfg": {"patch_size": 32}}}, "patch_size 16 here, 32 there"),
        ],
    )
    def test_a_card_that_its_publisher_contradicts(
        self, put_in_cache: PutInCache, change: dict[str, object], message: str
    ) -> None:
        snapshot = put_in_cache(
            "imageomics/bioclip", {WEIGHTS: b"w", CONFIG_FILE: json.dumps(change).encode()}
        )
        with pytest.raises(TerralexError, match=f"bioclip.*disagree.*{message}.*local-dir:{snapshot}"):
            resolve("bioclip")

    @pytest.mark.parametrize("name", ["bioclip", "clip-vit-l14"])
    def test_a_card_that_its_publisher_confirms(self, put_in_cache: PutInCache, name: str) -> None:
        """The files as they are published, which leave out what open_clip fills in."""
        card = get_card(name)
        assert card.weights.repo is not None
        config = {
            "model_cfg": open_clip.get_model_config(card.architecture["name"]),
            "preprocess_cfg": {"mean": list(card.input.mean), "std": list(card.input.std)},
        }
        put_in_cache(card.weights.repo, {WEIGHTS: b"w", CONFIG_FILE: json.dumps(config).encode()})
        assert resolve(name).card == card


def test_a_card_is_more_than_its_weights(saved: Path, tmp_path: Path, pixels: torch.Tensor) -> None:
    """The same weights with another card are another model: caches must not mix them."""
    card = yaml.safe_load((saved / CARD_FILE).read_text())
    card["input"]["rgb_max_dn"] = 4000
    (tmp_path / CARD_FILE).write_text(yaml.safe_dump(card))
    (tmp_path / WEIGHTS).symlink_to(saved / WEIGHTS)
    assert load_model(str(tmp_path), device="cpu").key != load_model(str(saved), device="cpu").key
    assert card_to_yaml(load_model(str(saved), device="cpu").card) == (saved / CARD_FILE).read_text()

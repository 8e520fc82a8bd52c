"""Models whose geometry is not cosine alone: hyperbolic ones, and those with a root."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import load_file

from terralex.geometry import Cosine, Lorentz, Radial, lorentz
from terralex.models import ModelCard, WeightSource, get_card, load_model, save_model
from terralex.models.card import CARD_FILE
from terralex.models.checkpoints import load_strict
from terralex.models.hyperbolic import LorentzScales
from terralex.models.interfaces import Network
from terralex.models.model import Model
from terralex.models.networks import build
from terralex.models.published import CONFIG_FILE
from terralex.runtime.cache import VectorCache
from terralex.runtime.errors import TerralexError, UsageError

from ...rounding import equal_up_to_rounding, equal_weights

TEXTS = ["Animalia", "Animalia Chordata", "Animalia Chordata Aves", ""]
SCALARS = {"log_curvature": -0.3, "log_image_scale": -1.0, "log_text_scale": -0.7}

State = dict[str, torch.Tensor]
MakeState = Callable[[ModelCard], State]
MakeModel = Callable[..., Model]


@pytest.fixture(scope="module")
def lorentz_state(rgb_card: ModelCard, make_state: MakeState) -> State:
    scalars = {f"lorentz.{name}": torch.tensor(value) for name, value in SCALARS.items()}
    return {**make_state(rgb_card), **scalars}


@pytest.fixture(scope="module")
def make_lorentz(rgb_card: ModelCard, lorentz_state: State) -> Callable[..., Model]:
    def make(dtype: torch.dtype = torch.float32) -> Model:
        card = replace(rgb_card, geometry="lorentz")
        network, tokenizer = build(card)
        load_strict(network, {name: tensor.clone() for name, tensor in lorentz_state.items()}, "weights")
        return Model(card, network, tokenizer, dtype=dtype)

    return make


@pytest.fixture(scope="module")
def hyperbolic(make_lorentz: Callable[..., Model]) -> Model:
    return make_lorentz()


@pytest.fixture(scope="module")
def radial(rgb_card: ModelCard, make_model: MakeModel) -> Model:
    return make_model(replace(rgb_card, geometry="radial", root="Eukarya"))


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))


class TestScales:
    def test_as_published_at_first(self) -> None:
        scales = LorentzScales(512)
        assert float(scales.curvature.detach()) == 1
        for scale in (scales.log_image_scale, scales.log_text_scale):
            assert scale.item() == pytest.approx(math.log(512**-0.5))

    def test_lift_by_definition(self) -> None:
        scales = LorentzScales(8)
        with torch.no_grad():
            scales.log_curvature.fill_(0.4)
            scales.log_text_scale.fill_(-2.0)
        features = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            for lift, scale in ((scales.lift_images, 8**-0.5), (scales.lift_texts, math.exp(-2))):
                wanted = lorentz.exp_map0(scale * features, math.exp(0.4))
                torch.testing.assert_close(lift(features).float(), wanted)
            half = scales.lift_images(features.bfloat16())
        assert half.dtype == torch.float64

    def test_all_of_it_learns(self) -> None:
        scales = LorentzScales(8)
        images, texts = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
        apart = lorentz.distance(scales.lift_images(images), scales.lift_texts(texts), scales.curvature)
        gradients = torch.autograd.grad(apart.sum(), list(scales.parameters()))
        assert all(gradient != 0 for gradient in gradients)

    def test_bounds(self) -> None:
        scales = LorentzScales(8)
        with torch.no_grad():
            for parameter in scales.parameters():
                parameter.fill_(5.0)
        scales.clamp_()
        assert float(scales.curvature.detach()) == pytest.approx(10)
        assert scales.log_image_scale.item() == scales.log_text_scale.item() == 0
        with torch.no_grad():
            scales.log_curvature.fill_(-5.0)
            scales.log_text_scale.fill_(-5.0)
        scales.clamp_()
        assert float(scales.curvature.detach()) == pytest.approx(0.1)
        assert scales.log_text_scale.item() == -5


class TestHyperbolicModels:
    def test_points_are_lifted_features(self, hyperbolic: Model, pixels: torch.Tensor) -> None:
        network, c = cast(Network, hyperbolic.network), math.exp(SCALARS["log_curvature"])
        assert isinstance(hyperbolic.geometry, Lorentz)
        assert hyperbolic.geometry.curvature == pytest.approx(c)
        with torch.inference_mode():
            images = network.encode_image(pixels) * math.exp(SCALARS["log_image_scale"])
            texts = network.encode_text(hyperbolic.tokenizer(TEXTS)) * math.exp(SCALARS["log_text_scale"])
        torch.testing.assert_close(hyperbolic.encode_images(pixels), lorentz.exp_map0(images, c))
        torch.testing.assert_close(hyperbolic.encode_texts(TEXTS), lorentz.exp_map0(texts, c))
        assert hyperbolic.encode_texts([]).shape == (0, 24)

    def test_logits_are_scaled_distances(self, hyperbolic: Model, pixels: torch.Tensor) -> None:
        images, texts = hyperbolic.encode_images(pixels), hyperbolic.encode_texts(TEXTS)
        c = math.exp(SCALARS["log_curvature"])
        wanted = -hyperbolic.logit_scale * lorentz.pairwise_distance(images, texts, c)
        torch.testing.assert_close(hyperbolic.logits(images, texts), wanted)
        assert torch.equal(hyperbolic.probabilities(images, texts).argmax(dim=1), wanted.argmax(dim=1))

    def test_class_weights_are_centres(self, hyperbolic: Model, tmp_path: Path) -> None:
        phrases = {"birds": ["a bird", "Aves"], "fish": ["a fish"]}
        c = math.exp(SCALARS["log_curvature"])
        tangent = lorentz.log_map0(hyperbolic.encode_texts(["a bird", "Aves"]), c)
        wanted = lorentz.exp_map0(tangent.mean(dim=0), c)
        cache = VectorCache("hyperbolic")
        for _ in range(2):  # encoded, then from the cache
            found = hyperbolic.class_weights(phrases, ["{c}"], cache=cache)
            torch.testing.assert_close(found[0], wanted)
            torch.testing.assert_close(found[1], hyperbolic.encode_texts(["a fish"])[0])

    def test_hierarchy(self, hyperbolic: Model) -> None:
        assert hyperbolic.hierarchy() is hyperbolic.geometry
        with pytest.raises(UsageError, match="root of tiny is the origin of its space: leave out --root"):
            hyperbolic.hierarchy("Eukarya")

    def test_half_precision_keeps_the_scalars(
        self, make_lorentz: Callable[..., Model], hyperbolic: Model, pixels: torch.Tensor
    ) -> None:
        half = make_lorentz(torch.bfloat16)
        assert half.geometry == hyperbolic.geometry
        scales = cast(Network, half.network).lorentz
        assert {value.dtype for value in scales.parameters()} == {torch.float32}
        points = half.encode_images(pixels)
        assert points.dtype == torch.float32
        assert lorentz.distance(points, hyperbolic.encode_images(pixels), 1.0).max() < 0.1

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_saved_and_loaded(
        self, make_lorentz: Callable[..., Model], tmp_path: Path, pixels: torch.Tensor, dtype: torch.dtype
    ) -> None:
        model = make_lorentz(dtype)
        folder = save_model(model, tmp_path / "model")
        assert not (folder / CONFIG_FILE).exists(), "open_clip would load it as a model of cosines"
        precision = str(dtype).removeprefix("torch.")
        loaded = load_model(str(folder), device="cpu", precision=precision)
        assert loaded.geometry == model.geometry
        assert equal_weights(loaded, model)
        assert equal_up_to_rounding(loaded.encode_images(pixels), model.encode_images(pixels), dtype)
        assert equal_up_to_rounding(loaded.encode_texts(TEXTS), model.encode_texts(TEXTS), dtype)

    def test_weights_without_the_scalars_do_not_fit(
        self, rgb_card: ModelCard, make_state: MakeState, lorentz_state: State
    ) -> None:
        network, _ = build(replace(rgb_card, geometry="lorentz"))
        with pytest.raises(TerralexError, match=r"lacks lorentz\.log_curvature"):
            load_strict(network, make_state(rgb_card), "weights.pt")
        with pytest.raises(TerralexError, match=r"has unexpected lorentz\.log_curvature"):
            load_strict(build(rgb_card)[0], lorentz_state, "weights.pt")

    @pytest.mark.parametrize("shape", [(), (1,)])
    def test_checkpoints_of_rcme(
        self, hyperbolic: Model, lorentz_state: State, tmp_path: Path, pixels: torch.Tensor, shape: tuple[int]
    ) -> None:
        """As its Lightning modules for MERU and ATMG save themselves: the scale that learns is their own."""
        state = {f"model.{name}": value for name, value in lorentz_state.items() if "lorentz" not in name}
        state |= {"model.logit_scale": torch.tensor(4.6), "logit_scale": torch.tensor(2.0).reshape(shape)}
        for theirs, ours in (
            ("curv", "curvature"),
            ("visual_alpha", "image_scale"),
            ("textual_alpha", "text_scale"),
        ):
            state[theirs] = torch.tensor(SCALARS[f"log_{ours}"]).reshape(shape)
        file = tmp_path / "last.ckpt"
        torch.save({"state_dict": state, "epoch": 0, "global_step": 7}, file)
        loaded = load_model(str(file), card=hyperbolic.card, device="cpu")
        assert loaded.revision == hyperbolic.revision
        assert equal_up_to_rounding(loaded.encode_images(pixels), hyperbolic.encode_images(pixels))

    def test_pocket(self, tmp_path: Path) -> None:
        pocket = get_card("pocket")
        small = {**pocket.architecture, "width": 64, "depth": 1, "text_width": 64, "text_depth": 1}
        card = replace(
            pocket, architecture=small, geometry="lorentz", root=None, weights=WeightSource(files=("m",))
        )
        network, tokenizer = build(card)
        assert {name for name in network.state_dict() if "lorentz" in name} == {
            f"lorentz.{name}" for name in SCALARS
        }
        model = Model(card, network, tokenizer)
        loaded = load_model(str(save_model(model, tmp_path)), device="cpu")
        assert equal_weights(loaded, model)
        assert equal_up_to_rounding(loaded.encode_texts(TEXTS), model.encode_texts(TEXTS))


class TestRadialModels:
    def test_vectors_are_those_of_a_cosine_model(
        self, radial: Model, model: Model, pixels: torch.Tensor
    ) -> None:
        images, texts = radial.encode_images(pixels), radial.encode_texts(TEXTS)
        assert equal_up_to_rounding(images, model.encode_images(pixels))
        assert equal_up_to_rounding(texts, model.encode_texts(TEXTS))
        assert equal_up_to_rounding(radial.logits(images, texts), model.logits(images, texts))

    def test_the_root_is_encoded_once(self, radial: Model) -> None:
        space = radial.geometry
        assert isinstance(space, Radial)
        torch.testing.assert_close(space.root, radial.encode_texts(["Eukarya"])[0])
        assert radial.geometry is radial.hierarchy() is space
        assert space.depth(radial.encode_texts(["Eukarya"])).item() == pytest.approx(0, abs=1e-6)

    def test_another_root(self, radial: Model, model: Model) -> None:
        assert model.geometry == Cosine()
        for some in (radial, model):
            space = some.hierarchy("life")
            assert isinstance(space, Radial)
            torch.testing.assert_close(space.root, model.encode_texts(["life"])[0])
        with pytest.raises(UsageError, match=r"tiny has no root .*--root TEXT"):
            model.hierarchy()

    def test_the_empty_text(self, rgb_card: ModelCard, make_model: MakeModel, tmp_path: Path) -> None:
        """HierarCaps' root: an empty caption, which is not the same as none."""
        empty = make_model(replace(rgb_card, geometry="radial", root=""))
        loaded = load_model(str(save_model(empty, tmp_path)), device="cpu")
        assert loaded.card.root == ""
        assert isinstance(loaded.geometry, Radial)
        torch.testing.assert_close(loaded.geometry.root, empty.encode_texts([""])[0])
        again = loaded.hierarchy("")
        assert isinstance(again, Radial)
        assert equal_up_to_rounding(again.root, loaded.geometry.root)

    def test_saved_for_open_clip_as_well(self, radial: Model, tmp_path: Path) -> None:
        folder = save_model(radial, tmp_path)
        assert (folder / CONFIG_FILE).is_file()
        assert "root: Eukarya" in (folder / CARD_FILE).read_text()
        assert not any("lorentz" in name for name in load_file(folder / "open_clip_model.safetensors"))
        loaded = load_model(str(folder), device="cpu")
        assert (loaded.revision, loaded.card.root) == (radial.revision, "Eukarya")


def test_keys_tell_geometries_apart(
    rgb_card: ModelCard, make_model: MakeModel, radial: Model, hyperbolic: Model
) -> None:
    models = [make_model(rgb_card), radial, make_model(replace(radial.card, root="life")), hyperbolic]
    assert len({model.key for model in models}) == 4


@pytest.mark.parametrize(("name", "root"), [("rcme", "Eukarya"), ("rcme-vit-b16", ""), ("rcme-vit-l14", "")])
def test_published_models_with_a_root(name: str, root: str) -> None:
    card = get_card(name)
    assert (card.geometry, card.root) == ("radial", root)

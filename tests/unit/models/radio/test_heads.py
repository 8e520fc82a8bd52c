"""Heads in each published form, and weights that were reparametrised."""

import math

import pytest
import torch
from torch import Tensor, nn

from terralex.models.radio import Head, load_radio
from terralex.models.radio.heads import AttentionHead, ReluMLP, ResidualMLP, build_head
from terralex.models.radio.spectral import fold_spectral
from terralex.runtime.errors import TerralexError

from . import made
from .conftest import Save

TOKENS = torch.randn(2, 6, made.WIDTH, generator=torch.Generator().manual_seed(1))


def _loaded(state: made.State) -> nn.Module:
    head = build_head(state)
    head.load_state_dict(state)
    return head.eval()


def _linear(x: Tensor, state: made.State, name: str) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def _norm(x: Tensor, state: made.State, name: str) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def _gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


@pytest.mark.parametrize("inner", [0, 1, 2])
def test_version_1(inner: int) -> None:
    state = made.head_v1(1, inner)
    head = _loaded(state)
    x = torch.relu(_norm(_linear(TOKENS, state, "fc1"), state, "norm"))
    for number in range(inner):
        x = torch.relu(_norm(_linear(x, state, f"inner.{3 * number}"), state, f"inner.{3 * number + 1}"))
    assert isinstance(head, ReluMLP)
    assert torch.allclose(head(TOKENS), _linear(x, state, "fc2"), atol=1e-5)


@pytest.mark.parametrize("inner", [0, 1, 3])
@pytest.mark.parametrize("pre_norm", [False, True])
def test_version_2(inner: int, pre_norm: bool) -> None:
    state = made.head(2, inner=inner)
    if pre_norm:
        state |= made.filled({"pre_norm.0.weight": (made.WIDTH,), "pre_norm.0.bias": (made.WIDTH,)}, 4)
    head = _loaded(state)
    x = _gelu(_norm(TOKENS, state, "pre_norm.0")) if pre_norm else TOKENS
    x = _linear(x, state, "fc1")
    for number in range(inner):
        x = x + _linear(_gelu(_norm(x, state, f"blocks.{number}.0")), state, f"blocks.{number}.2")
    expected = _linear(_gelu(_norm(x, state, "final.0")), state, "final.2")
    assert isinstance(head, ResidualMLP)
    assert torch.allclose(head(TOKENS), expected, atol=1e-5)


def test_attention_head(save: Save) -> None:
    width = made.WIDTH
    shapes: dict[str, tuple[int, ...]] = {}
    for number in range(2):
        block = {
            name: tensor.shape for name, tensor in made.backbone().items() if name.startswith("blocks.0.")
        }
        for name, shape in block.items():
            shapes[name.replace("blocks.0", f"blocks.{number}")] = tuple(shape)
        del shapes[f"blocks.{number}.attn.qkv.bias"]
        shapes |= {f"blocks.{number}.ls{i}.gamma": (width,) for i in (1, 2)}
        hidden = 4 * width
        shapes |= {
            f"blocks.{number}.mlp.fc1.weight": (hidden, width),
            f"blocks.{number}.mlp.fc1.bias": (hidden,),
        }
        shapes |= {f"blocks.{number}.mlp.fc2.weight": (width, hidden)}
    state = made.filled(shapes) | made.under("mlp.", made.head(3, inner=0))
    head = _loaded(state)
    assert isinstance(head, AttentionHead)
    assert head(TOKENS).shape == (2, 6, made.OUT)
    assert not torch.allclose(head(TOKENS)[:, :3], head(TOKENS[:, :3]), atol=1e-3), "tokens see one another"

    whole = made.checkpoint_state()
    whole = {name: tensor for name, tensor in whole.items() if not name.startswith("_feature_projections.1.")}
    radio = load_radio(save(whole | made.under("_feature_projections.1.", state)), ["siglip2"])
    assert torch.allclose(
        radio.heads["siglip2"].project(TOKENS, (2, 3)).flatten(2).mT, head(TOKENS), atol=1e-6
    )


def test_finer_maps() -> None:
    """A token's channels are (row, column, channel) of its finer pixels."""
    head = Head(None, nn.Identity(), upsample=2)
    rows, columns, channels = 2, 3, 5
    tokens = torch.randn(1, rows * columns, 2 * 2 * channels)
    maps = head.project(tokens, (rows, columns))
    assert maps.shape == (1, channels, 2 * rows, 2 * columns)
    for row in range(2 * rows):
        for column in range(2 * columns):
            token = tokens[0, (row // 2) * columns + column // 2].reshape(2, 2, channels)
            assert torch.equal(maps[0, :, row, column], token[row % 2, column % 2])


def test_finer_maps_of_a_checkpoint(save: Save) -> None:
    teachers = [*made.TEACHERS[:3], {**made.TEACHERS[3], "fd_upsample_factor": 3}]
    state = {k: v for k, v in made.checkpoint_state().items() if not k.startswith("_feature_projections.3.")}
    state |= made.under("_feature_projections.3.", made.head(1, out=9 * 4))
    radio = load_radio(save(state, made.arguments(teachers=teachers)), ["sam"])
    assert radio.heads["sam"].project(TOKENS, (2, 3)).shape == (2, 4, 6, 9)


def _reparametrised(weight: Tensor, version: int, seed: int) -> made.State:
    """What training keeps in place of ``weight``, so that its product is ``weight``; W is of any size."""
    factor = 0.1 + seed
    left, values, right = torch.linalg.svd(weight.double())
    sigma = float(values[0])
    scale = math.log(math.expm1(sigma - 0.05)) if version == 2 else sigma
    parts = {
        "_u": left[:, 0].float(),
        "_v": right[0].float(),
        "scale": torch.tensor([[scale, 9.0, 9.0, 9.0]]),
        "original": weight * factor,
    }
    return parts | ({"_sn_version": torch.tensor(2)} if version == 2 else {})


def _spectral(state: made.State, version: int, *, values_too: bool) -> made.State:
    found = {}
    for name, weight in state.items():
        layer = name.removesuffix(".weight")
        prefix = f"{layer}.parametrizations.weight."
        if not name.endswith(("qkv.weight", "proj.weight", "fc1.weight", "fc2.weight")):
            found[name] = weight
        elif "qkv" in name:
            chunks = [_reparametrised(chunk, version, part) for part, chunk in enumerate(weight.chunk(3))]
            if not values_too:
                chunks[2] = {"original": weight.chunk(3)[2]}
            found[f"{prefix}original"] = torch.cat([chunk.pop("original") for chunk in chunks])
            for part, chunk in enumerate(chunks):
                found |= made.under(f"{prefix}0.parts.{part}.", chunk)
        else:
            own = _reparametrised(weight, version, 3)
            found[f"{prefix}original"] = own.pop("original")
            found |= made.under(f"{prefix}0.", own)
    return found


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("values_too", [True, False])
@pytest.mark.parametrize("setting", [True, {"n_power_iterations": 1, "eps": 1e-9}])
def test_reparametrised_weights_are_folded(
    save: Save, pixels: Tensor, version: int, values_too: bool, setting: object
) -> None:
    plain = made.checkpoint_state()
    spectral = _spectral(plain, version, values_too=values_too)
    assert len(spectral) > len(plain)
    ours = load_radio(save(spectral, made.arguments(spectral_reparam=setting)))
    theirs = load_radio(save(plain))
    for name, tensor in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], tensor, atol=2e-5), name
    assert torch.allclose(ours(pixels).features, theirs(pixels).features, atol=1e-3)


def test_epsilon_counts() -> None:
    weight = torch.eye(3)
    state = {f"a.parametrizations.weight.{k}": v for k, v in {"original": weight, "0._u": weight[0]}.items()}
    state |= {
        "a.parametrizations.weight.0._v": weight[0],
        "a.parametrizations.weight.0.scale": torch.ones(1, 1),
    }
    assert torch.equal(fold_spectral(state, 1.0)["a.weight"], weight / 2)


@pytest.mark.parametrize("part", ["_u", "_v", "scale"])
def test_incomplete_reparametrisation(save: Save, part: str) -> None:
    spectral = _spectral(made.checkpoint_state(), 2, values_too=True)
    del spectral[f"base_model.blocks.0.mlp.fc1.parametrizations.weight.0.{part}"]
    with pytest.raises(TerralexError, match=f"reparametrisation is incomplete: '{part}'"):
        load_radio(save(spectral))

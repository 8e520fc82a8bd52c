"""The backbone against other implementations of it, at every kind of size."""

from typing import Any

import pytest
import torch
from timm.models.naflexvit import NaFlexVit, NaFlexVitCfg, checkpoint_filter_fn
from torch import Tensor

from terralex.models.radio import Radio, load_radio

from . import made
from .conftest import Save

SIZES = [(48, 80), (80, 48), (128, 128), (16, 16), (112, 112), (128, 64), (176, 144)]
"""Of a table of 8 x 8 patches: wide, tall, the table's own, one patch, smaller, cut, larger."""


@pytest.mark.parametrize("align_corners", [False, True])
def test_agrees_with_timm(save: Save, align_corners: bool) -> None:
    """timm's own form of these models, with LayerScale, as the base and large releases have it."""
    state = made.backbone(3, scaled=True)
    config = NaFlexVitCfg(
        patch_size=16,
        embed_dim=made.WIDTH,
        depth=made.DEPTH,
        num_heads=4,
        mlp_ratio=made.HIDDEN / made.WIDTH,
        init_values=1e-5,
        reg_tokens=made.PREFIX - 1,
        class_token=True,
        final_norm=False,
        global_pool="token",
        pos_embed_grid_size=(made.SIDE, made.SIDE),
        pos_embed_interp_mode="bilinear",
        pos_embed_ar_preserving=True,
        pos_embed_antialias=False,
        pos_embed_align_corners=align_corners,
    )
    theirs = NaFlexVit(config, num_classes=0).eval()
    published = made.under("radio_model.model.", state)
    theirs.load_state_dict(checkpoint_filter_fn(dict(published), theirs))
    ours = load_radio(save(made.under("base_model.", state)), [], align_corners=align_corners)
    for height, width in SIZES:
        pixels = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height))
        with torch.no_grad():
            expected = theirs.forward_features(pixels)
        tokens = _tokens(expected)
        prefix, features = ours.encode(pixels)
        assert torch.allclose(torch.cat([prefix, features], dim=1), tokens, atol=2e-5), (height, width)


def _tokens(output: Any) -> Tensor:  # noqa: ANN401
    return output["patches"] if isinstance(output, dict) else output


def test_agrees_with_transformers(save: Save) -> None:
    """The form without LayerScale, as the huge releases have it."""
    from transformers import RadioConfig, RadioModel

    config = RadioConfig(
        hidden_size=made.WIDTH,
        num_hidden_layers=made.DEPTH,
        num_attention_heads=4,
        mlp_ratio=made.HIDDEN / made.WIDTH,
        max_img_size=made.SIDE * 16,
        num_cls_tokens=3,
        num_registers=made.PREFIX - 3,
        summary_idxs=[0, 1, 2],
    )
    theirs = RadioModel(config).eval()
    theirs.load_state_dict(_transformers_names(made.backbone(4)), strict=False)
    ours = load_radio(save(made.under("base_model.", made.backbone(4))), [])
    for height, width in SIZES:
        pixels = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))
        with torch.no_grad():
            expected = theirs(pixels)
        output = ours(ours.condition(pixels))
        assert torch.allclose(output.summary, expected.summary, atol=2e-5), (height, width)
        assert torch.allclose(output.features, expected.features.flatten(2), atol=2e-5), (height, width)


def _transformers_names(state: made.State) -> made.State:
    names = {
        "patch_generator.embedder": "embeddings.patch_projection",
        "patch_generator.pos_embed": "embeddings.position_embedding",
        "patch_generator.cls_token.token": "embeddings.cls_register_token",
        "blocks.": "encoder.layer.",
        "attn.proj": "attention.o_proj",
    }
    renamed = {}
    for name, tensor in state.items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        if ".attn.qkv." in name:
            for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                renamed[name.replace("attn.qkv", f"attention.{letter}_proj")] = part
        else:
            renamed[name] = tensor
    return renamed


def test_position_is_that_of_the_square(save: Save) -> None:
    radio = load_radio(save(), [])
    square = radio.positions(5, 5).unflatten(1, (5, 5))
    assert torch.equal(radio.positions(3, 5).unflatten(1, (3, 5)), square[:, :3])
    assert torch.equal(radio.positions(5, 2).unflatten(1, (5, 2)), square[:, :, :2])
    assert torch.equal(radio.positions(8, 8), radio.patch_generator.pos_embed)
    assert torch.equal(
        radio.positions(8, 3).unflatten(1, (8, 3)), radio.positions(8, 8).unflatten(1, (8, 8))[:, :, :3]
    )


def test_corners(save: Save) -> None:
    path = save()
    table = load_radio(path, []).patch_generator.pos_embed
    aligned = load_radio(path, [], align_corners=True).positions(4, 4)
    assert torch.allclose(aligned[:, [0, 3, 12, 15]], table[:, [0, 7, 56, 63]])
    assert not torch.allclose(load_radio(path, []).positions(4, 4)[:, 0], table[:, 0])


@pytest.mark.parametrize("size", [(48, 50), (8, 16), (0, 16), (17, 16)])
def test_only_whole_patches(save: Save, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} pixels are no whole patches of 16"):
        load_radio(save(), [])(torch.zeros(1, 3, *size))


def test_half_precision(save: Save, pixels: Tensor) -> None:
    radio = load_radio(save())
    expected = radio(pixels)
    half = radio.to(torch.bfloat16)(pixels.to(torch.bfloat16))
    assert half.features.dtype == torch.bfloat16
    assert torch.allclose(half.features.float(), expected.features, atol=0.1)


def test_a_batch_is_its_pictures(save: Save, pixels: Tensor) -> None:
    radio = load_radio(save())
    together, alone = radio(pixels), radio(pixels[1:])
    assert torch.allclose(together.features[1:], alone.features, atol=1e-6)


def _wrapped() -> made.State:
    """DINOv2's class: inside a wrapper, with a gated MLP, patches with a bias, and a norm at the end."""
    hidden = 24
    state = made.backbone(6, scaled=True)
    state = {
        name.replace("grandma", "gamma"): tensor for name, tensor in state.items() if ".mlp." not in name
    }
    shapes: dict[str, tuple[int, ...]] = {"patch_generator.embedder.bias": (made.WIDTH,)}
    shapes |= {"norm.weight": (made.WIDTH,), "norm.bias": (made.WIDTH,), "mask_token": (1, made.WIDTH)}
    for number in range(made.DEPTH):
        shapes |= {
            f"blocks.{number}.mlp.w12.weight": (2 * hidden, made.WIDTH),
            f"blocks.{number}.mlp.w12.bias": (2 * hidden,),
            f"blocks.{number}.mlp.w3.weight": (made.WIDTH, hidden),
            f"blocks.{number}.mlp.w3.bias": (made.WIDTH,),
        }
    return state | made.filled(shapes, 8)


def test_gated_and_wrapped(save: Save, pixels: Tensor) -> None:
    state = _wrapped()
    radio = load_radio(save(made.under("base_model.inner.", state)), [])
    block = radio.blocks[1]
    tokens = torch.randn(1, 4, made.WIDTH)
    gate, value = (tokens @ state["blocks.1.mlp.w12.weight"].T + state["blocks.1.mlp.w12.bias"]).chunk(
        2, dim=-1
    )
    gated = torch.nn.functional.silu(gate) * value
    expected = gated @ state["blocks.1.mlp.w3.weight"].T + state["blocks.1.mlp.w3.bias"]
    assert torch.allclose(block.mlp(tokens), expected, atol=1e-5)
    assert isinstance(radio.norm, torch.nn.LayerNorm), "its final norm is used whatever the arguments say"
    assert radio(pixels).features.shape == (2, 15, made.WIDTH)
    assert isinstance(radio, Radio)

"""Small RADIO checkpoints with every part of the real ones: random weights that are always the same."""

from argparse import Namespace
from typing import Any

import torch
from torch import Tensor

State = dict[str, Tensor]
WIDTH, DEPTH, HIDDEN, SIDE, PREFIX, OUT = 32, 2, 48, 8, 8, 24

TEACHERS: list[dict[str, Any]] = [
    {"name": "clip", "type": "open_clip", "model": "tiny-clip", "pretrained": "made"},
    {"name": "siglip2", "type": "siglip2", "model": "siglip2-so400m"},
    {"name": "dino_v2", "type": "dino_v2"},
    {"name": "sam", "type": "sam", "use_summary": False},
]


def arguments(**changes: Any) -> Namespace:  # noqa: ANN401
    settings: dict[str, Any] = {
        "model": "vit_base_patch16_224",
        "model_kwargs": {"num_heads": 4},
        "model_norm": False,
        "cpe_max_size": SIDE * 16,
        "cls_token_per_teacher": True,
        "register_multiple": 8,
        "teachers": TEACHERS,
        "mlp_version": "v2",
        "spectral_reparam": False,
        "dtype": torch.float32,
    }
    return Namespace(**{**settings, **changes})


def filled(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> State:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) * (shape[-1] ** -0.5 if len(shape) > 1 else 0.3)
        for name, shape in shapes.items()
    }


def backbone(seed: int = 0, *, scaled: bool = False) -> State:
    """A backbone under its plain names; with LayerScale if ``scaled``."""
    shapes: dict[str, tuple[int, ...]] = {
        "patch_generator.pos_embed": (1, SIDE**2, WIDTH),
        "patch_generator.embedder.weight": (WIDTH, 3 * 16**2),
        "patch_generator.cls_token.token": (PREFIX, WIDTH),
    }
    for number in range(DEPTH):
        for name, shape in _block().items():
            shapes[f"blocks.{number}.{name}"] = shape
        if scaled:
            shapes |= {f"blocks.{number}.ls{i}.grandma": (WIDTH,) for i in (1, 2)}
    return filled(shapes, seed)


def head(seed: int, out: int = OUT, inner: int = 1, hidden: int = 40) -> State:
    """A head of version 2."""
    shapes: dict[str, tuple[int, ...]] = {"fc1.weight": (hidden, WIDTH), "fc1.bias": (hidden,)}
    for number in range(inner):
        shapes |= _norm_linear(f"blocks.{number}.", hidden, hidden)
    return filled(shapes | _norm_linear("final.", hidden, out), seed)


def head_v1(seed: int, inner: int = 2, hidden: int = 40) -> State:
    shapes: dict[str, tuple[int, ...]] = {"fc1.weight": (hidden, WIDTH), "fc1.bias": (hidden,)}
    shapes |= {"norm.weight": (hidden,), "norm.bias": (hidden,)}
    for number in range(inner):
        shapes |= {
            f"inner.{3 * number}.weight": (hidden, hidden),
            f"inner.{3 * number}.bias": (hidden,),
            f"inner.{3 * number + 1}.weight": (hidden,),
            f"inner.{3 * number + 1}.bias": (hidden,),
        }
    return filled(shapes | {"fc2.weight": (OUT, hidden), "fc2.bias": (OUT,)}, seed)


def checkpoint_state(seed: int = 0) -> State:
    """As the official container names a backbone and the heads of `TEACHERS`."""
    state = under("base_model.", backbone(seed))
    state["input_conditioner.norm_mean"] = torch.tensor([0.48, 0.46, 0.41]).reshape(3, 1, 1)
    state["input_conditioner.norm_std"] = torch.tensor([0.27, 0.26, 0.28]).reshape(3, 1, 1)
    for number in range(len(TEACHERS)):
        state |= under(f"_heads.{number}.", head(10 + number))
        state |= under(f"_feature_projections.{number}.", head(20 + number, out=OUT + number))
    return state


def under(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def _block() -> dict[str, tuple[int, ...]]:
    return {
        "norm1.weight": (WIDTH,),
        "norm1.bias": (WIDTH,),
        "attn.qkv.weight": (3 * WIDTH, WIDTH),
        "attn.qkv.bias": (3 * WIDTH,),
        "attn.proj.weight": (WIDTH, WIDTH),
        "attn.proj.bias": (WIDTH,),
        "norm2.weight": (WIDTH,),
        "norm2.bias": (WIDTH,),
        "mlp.fc1.weight": (HIDDEN, WIDTH),
        "mlp.fc1.bias": (HIDDEN,),
        "mlp.fc2.weight": (WIDTH, HIDDEN),
        "mlp.fc2.bias": (WIDTH,),
    }


def _norm_linear(prefix: str, width: int, out: int) -> dict[str, tuple[int, ...]]:
    sizes: dict[str, tuple[int, ...]] = {"0.weight": (width,), "0.bias": (width,)}
    sizes |= {"2.weight": (out, width), "2.bias": (out,)}
    return {prefix + name: shape for name, shape in sizes.items()}

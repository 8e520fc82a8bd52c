"""Spectral reparametrisation folded into plain weights.

While it trains, a layer's weight may be kept as W, learnt freely, and a scale: what the layer uses is
W * scale / sigma, with sigma the largest singular value of W as power iteration knows it, u . (W v). After
training that product is a constant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.models.checkpoints import StateDict

_ORIGINAL = ".parametrizations.weight.original"
_PART = re.compile(r"parts\.(\d+)\.")
_FLOOR = 0.05
"""What version 2 adds to its scale, so that it cannot vanish."""


def fold_spectral(state: Mapping[str, Tensor], eps: float) -> StateDict:
    """The state with every reparametrised ``LAYER.weight`` in place of its parts; the rest as it is.

    Args:
        state: Weights by name.
        eps: What is added to sigma.

    Raises:
        KeyError: A layer lacks its scale or its singular vectors.
    """
    layers = [name.removesuffix(_ORIGINAL) for name in state if name.endswith(_ORIGINAL)]
    folded = dict(state)
    for layer in layers:
        weight = folded.pop(f"{layer}{_ORIGINAL}")
        prefix = f"{layer}.parametrizations.weight.0."
        own = {name.removeprefix(prefix): folded.pop(name) for name in state if name.startswith(prefix)}
        folded[f"{layer}.weight"] = _fold_layer(weight.float(), own, eps)
    return folded


def _fold_layer(weight: Tensor, own: StateDict, eps: float) -> Tensor:
    """One matrix, or several stacked (query, key and value; gate and value), each with a scale of its own."""
    parts = sorted({int(found[1]) for name in own if (found := _PART.match(name))})
    if not parts:
        return _fold(weight, own, eps)
    rows = own[f"parts.{parts[0]}._u"].numel()
    chunks = [weight[start : start + rows] for start in range(0, len(weight), rows)]
    for part in parts:  # a chunk without a scale is used as it is
        prefix = f"parts.{part}."
        mine = {name.removeprefix(prefix): value for name, value in own.items() if name.startswith(prefix)}
        chunks[part] = _fold(chunks[part], mine, eps)
    return torch.cat(chunks)


def _fold(weight: Tensor, own: StateDict, eps: float) -> Tensor:
    sigma = own["_u"].float() @ (weight @ own["_v"].float()) + eps
    scale = own["scale"].float().flatten()[0]
    version = int(own["_sn_version"]) if "_sn_version" in own else 1
    return weight * ((F.softplus(scale) + _FLOOR if version > 1 else scale) / sigma)

"""Adaptor heads: from a backbone's summary token or patch tokens into the space of one of its teachers.

Which of the three published forms a head has is read from the names of its weights, and its sizes from their
shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

_ATTENTION_HEADS = 16


class Head(nn.Module):
    """The heads of one teacher.

    Attributes:
        summary: Summary token (..., C) to the teacher's space (..., D); None: the teacher has no such head.
        features: Patch tokens (B, N, C) to the teacher's feature space (B, N, D'); None: no such head.
        slot: Which prefix token of the backbone is this teacher's summary.
        upsample: How many times finer than the patch grid ``features`` is, in each direction.
    """

    def __init__(
        self, summary: nn.Module | None, features: nn.Module | None, slot: int = 0, upsample: int = 1
    ) -> None:
        super().__init__()
        self.summary = summary
        self.features = features
        self.slot = slot
        self.upsample = upsample

    @property
    def out_features(self) -> int:
        """D, the length of what `summary` gives."""
        return cast(int, cast(Any, self.summary).out_features)

    def project(self, features: Tensor, grid: tuple[int, int]) -> Tensor:
        """Patch tokens (B, h*w, C) of a grid (h, w) to the teacher's map (B, D', h*upsample, w*upsample)."""
        assert self.features is not None
        projected: Tensor = self.features(features)
        batch, _, channels = projected.shape
        maps = projected.transpose(1, 2).reshape(batch, channels, *grid)
        if self.upsample == 1:
            return maps
        factor = self.upsample
        # A token's channels hold its finer pixels, channel last: pixel_shuffle wants them channel first.
        maps = maps.reshape(batch, factor**2, channels // factor**2, *grid).transpose(1, 2).flatten(1, 2)
        return F.pixel_shuffle(maps, factor)


class ReluMLP(nn.Module):
    """Version 1: linear, norm, ReLU, and again, then linear. ``inner`` is flat, as in the files."""

    def __init__(self, width: int, hidden: int, out: int, inner: int) -> None:
        super().__init__()
        self.out_features = out
        self.fc1 = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden)
        layers = [(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU()) for _ in range(inner)]
        self.inner = nn.Sequential(*(layer for group in layers for layer in group))
        self.fc2 = nn.Linear(hidden, out)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to (..., D)."""
        return cast(Tensor, self.fc2(self.inner(F.relu(self.norm(self.fc1(x))))))


class ResidualMLP(nn.Module):
    """Version 2: residual blocks of norm, GELU and linear."""

    def __init__(self, width: int, hidden: int, out: int, inner: int, pre_norm: bool = False) -> None:
        super().__init__()
        self.out_features = out
        self.pre_norm = nn.Sequential(nn.LayerNorm(width), nn.GELU()) if pre_norm else nn.Identity()
        self.fc1 = nn.Linear(width, hidden)
        self.blocks = nn.ModuleList(_norm_gelu_linear(hidden, hidden) for _ in range(inner))
        self.final = _norm_gelu_linear(hidden, out)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to (..., D)."""
        x = self.fc1(self.pre_norm(x))
        for block in self.blocks:
            x = x + block(x)
        return cast(Tensor, self.final(x))


class AttentionHead(nn.Module):
    """Two transformer blocks over the patch tokens, then a `ResidualMLP`."""

    def __init__(self, width: int, hidden: int, out: int, inner: int, pre_norm: bool = False) -> None:
        super().__init__()
        self.out_features = out
        self.blocks = nn.Sequential(*(Block(width, _ATTENTION_HEADS, init_values=1e-5) for _ in range(2)))
        self.mlp = ResidualMLP(width, hidden, out, inner, pre_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (..., C) to (..., D)."""
        return cast(Tensor, self.mlp(self.blocks(x)))


def build_head(state: Mapping[str, Tensor]) -> nn.Module:
    """The head that fits the weights in ``state``, without its weights.

    Raises:
        KeyError, ValueError: The weights are of no form known here.
    """
    if "mlp.fc1.weight" in state:
        width, hidden, out, inner, pre_norm = _residual_sizes(_part(state, "mlp."))
        return AttentionHead(width, hidden, out, inner, pre_norm)
    if "final.2.weight" in state:
        return ResidualMLP(*_residual_sizes(state))
    hidden, width = state["fc1.weight"].shape
    inner = sum(name.startswith("inner.") and name.endswith(".weight") for name in state) // 2
    return ReluMLP(width, hidden, state["fc2.weight"].shape[0], inner)


def _residual_sizes(state: Mapping[str, Tensor]) -> tuple[int, int, int, int, bool]:
    hidden, width = state["fc1.weight"].shape
    inner = sum(name.startswith("blocks.") and name.endswith(".2.weight") for name in state)
    return width, hidden, state["final.2.weight"].shape[0], inner, "pre_norm.0.weight" in state


def _norm_gelu_linear(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.GELU(), nn.Linear(width, out))


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

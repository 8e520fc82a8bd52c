"""RADIO's vision transformer: pictures of any size to summary and patch tokens."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, cast

import torch
from timm.layers.mlp import Mlp, SwiGLUPacked
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

from terralex.models.radio.heads import Head

_NORM_EPS = 1e-6


class RadioOutput(NamedTuple):
    """What the backbone sees in pictures.

    Attributes:
        summary: (B, n*C), the summary tokens one after the other.
        features: (B, h*w, C), one row a patch, in reading order.
    """

    summary: Tensor
    features: Tensor


class BackboneSizes(NamedTuple):
    """Sizes of a backbone, as `Radio` is built from; ``side`` is that of the position table."""

    width: int
    depth: int
    heads: int
    hidden: int
    patch_size: int
    side: int
    prefix_tokens: int
    patch_bias: bool = False
    qkv_bias: bool = True
    qk_norm: bool = False
    layer_scale: bool = False
    mlp_norm: bool = False
    gated: bool = False
    final_norm: bool = False
    normalised_features: bool = False


class Radio(nn.Module):
    """A RADIO backbone with the heads of its teachers.

    Attributes:
        width: C, the length of a token.
        patch_size: Side of a patch, in pixels.
        prefix_tokens: Summary tokens and registers, which come before the patches.
        align_corners: How the position table is resized: its outermost entries at the outermost patches, or
            at the picture's edges.
        blocks: The transformer blocks, timm's.
        heads: A `Head` for each adaptor, by the name of the teacher.
        summary_slots: The prefix tokens that make up the summary.
    """

    def __init__(
        self,
        sizes: BackboneSizes,
        heads: dict[str, Head] | None = None,
        *,
        align_corners: bool = False,
        summary_slots: tuple[int, ...] = (0,),
    ) -> None:
        super().__init__()
        self.width, self.patch_size = sizes.width, sizes.patch_size
        self.prefix_tokens = sizes.prefix_tokens
        self.align_corners = align_corners
        self.summary_slots = summary_slots
        self.input_conditioner = _Conditioner()
        self.patch_generator = _Patches(sizes)
        self.blocks = nn.ModuleList(_block(sizes) for _ in range(sizes.depth))
        self.norm = nn.LayerNorm(sizes.width, eps=_NORM_EPS) if sizes.final_norm else nn.Identity()
        self.feature_normalizer = _Normaliser(sizes.width) if sizes.normalised_features else nn.Identity()
        self.heads = nn.ModuleDict(heads or {})

    def condition(self, pixels: Tensor) -> Tensor:
        """RGB from 0 to 1, (B, 3, H, W), normalised with the mean and deviation of the weights."""
        return cast(Tensor, self.input_conditioner(pixels))

    def grid(self, pixels: Tensor) -> tuple[int, int]:
        """Rows and columns of patches in pictures (B, 3, H, W).

        Raises:
            ValueError: A side is no multiple of `patch_size`.
        """
        height, width = pixels.shape[-2:]
        if height % self.patch_size or width % self.patch_size or not height * width:
            raise ValueError(f"{height} x {width} pixels are no whole patches of {self.patch_size}")
        return height // self.patch_size, width // self.patch_size

    def embed(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) to the tokens that enter the blocks, (B, prefix_tokens + h*w, C).

        Raises:
            ValueError: As `grid`.
        """
        rows, columns = self.grid(pixels)
        patches = self.patch_generator(pixels) + self.positions(rows, columns).to(pixels.dtype)
        prefix = self.patch_generator.cls_token.token.expand(len(pixels), -1, -1)
        return torch.cat([prefix, patches], dim=1)

    def positions(self, rows: int, columns: int) -> Tensor:
        """The position embedding of a grid of patches, float32 (1, rows*columns, C).

        The table is resized to the square that holds the grid, whose top left is taken: a patch keeps its
        aspect, whatever the picture's.
        """
        side = max(rows, columns)
        table = self.patch_generator.table()
        if side != table.shape[-1]:
            table = F.interpolate(table, size=(side, side), mode="bilinear", align_corners=self.align_corners)
        return table[..., :rows, :columns].flatten(2).transpose(1, 2)

    def finish(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens that leave the blocks to prefix tokens (B, prefix_tokens, C) and features (B, h*w, C)."""
        tokens = self.norm(tokens)
        prefix, features = tokens[:, : self.prefix_tokens], tokens[:, self.prefix_tokens :]
        return prefix, self.feature_normalizer(features)

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised pixels (B, 3, H, W) to prefix tokens and features, as of `finish`.

        Raises:
            ValueError: As `grid`.
        """
        tokens = self.embed(pixels)
        for block in self.blocks:
            tokens = block(tokens)
        return self.finish(tokens)

    def forward(self, pixels: Tensor) -> RadioOutput:
        """Normalised pixels (B, 3, H, W) to the summary and the features.

        Raises:
            ValueError: As `grid`.
        """
        prefix, features = self.encode(pixels)
        return RadioOutput(prefix[:, list(self.summary_slots)].flatten(1), features)


class _Conditioner(nn.Module):
    norm_mean: Tensor
    norm_std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("norm_mean", torch.zeros(3, 1, 1))
        self.register_buffer("norm_std", torch.ones(3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.norm_mean) / self.norm_std


class _Patches(nn.Module):
    """Patches as vectors, each channel's pixels after the other's; the position table; the prefix tokens."""

    def __init__(self, sizes: BackboneSizes) -> None:
        super().__init__()
        self.patch_size, self.side = sizes.patch_size, sizes.side
        self.embedder = nn.Linear(3 * sizes.patch_size**2, sizes.width, bias=sizes.patch_bias)
        self.pos_embed = nn.Parameter(torch.zeros(1, sizes.side**2, sizes.width))
        self.cls_token = _Prefix(sizes.prefix_tokens, sizes.width)

    def forward(self, pixels: Tensor) -> Tensor:
        size, linear = self.patch_size, self.embedder
        weight = linear.weight.reshape(-1, 3, size, size)
        maps = F.conv2d(pixels, weight, linear.bias, stride=size)
        return maps.flatten(2).transpose(1, 2)

    def table(self) -> Tensor:
        return self.pos_embed.float().transpose(1, 2).reshape(1, -1, self.side, self.side)


class _Prefix(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(tokens, width))


class _Normaliser(nn.Module):
    """Features centred and rotated."""

    mean: Tensor
    tx: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("tx", torch.eye(width))

    def forward(self, features: Tensor) -> Tensor:
        rotated: Tensor = (features - self.mean) @ self.tx.T
        return rotated


def _block(sizes: BackboneSizes) -> Block:
    return Block(
        sizes.width,
        sizes.heads,
        mlp_ratio=(sizes.hidden + 0.5) / sizes.width,  # timm rounds down
        qkv_bias=sizes.qkv_bias,
        qk_norm=sizes.qk_norm,
        scale_mlp_norm=sizes.mlp_norm,
        init_values=1.0 if sizes.layer_scale else None,
        norm_layer=cast(Any, partial(nn.LayerNorm, eps=_NORM_EPS)),
        act_layer=nn.SiLU if sizes.gated else nn.GELU,
        mlp_layer=cast(Any, SwiGLUPacked if sizes.gated else Mlp),
    )

"""The image towers of the model families, as dense features need them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.models.dense.attention import attention, scra
from terralex.models.dense.tower import Tower

if TYPE_CHECKING:
    from terralex.models.pocket import PocketCLIP
    from terralex.models.radio import Radio


class RadioTower(Tower):
    """RADIO with SCRA in its last block; words through the summary head of a teacher.

    Args:
        radio: The backbone.
        adaptor: The teacher whose texts are meant.
        scra: What cosines of SCRA are multiplied by.
    """

    def __init__(self, radio: Radio, adaptor: str, scra: float) -> None:
        super().__init__()
        self.radio, self.adaptor, self.scale = radio, adaptor, scra
        self.patch_size = radio.patch_size

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Tower`."""
        tokens = self.radio.embed(pixels)
        blocks = list(self.radio.blocks)
        for block in blocks[:-1]:
            tokens = block(tokens)
        last: Any = blocks[-1]
        own = last.attn
        attended = scra(own.qkv(last.norm1(tokens)), own.proj, own.num_heads, self.scale)
        tokens = tokens + last.ls1(attended)
        tokens = tokens + last.ls2(last.mlp(last.norm2(tokens)))
        _, features = self.radio.finish(tokens)
        return torch.unflatten(features.transpose(1, 2), 2, self.radio.grid(pixels))

    def align(self, features: Tensor) -> Tensor:
        """See `Tower`."""
        head: Any = self.radio.heads[self.adaptor]
        return cast(Tensor, head.summary(features))


class ClipTower(Tower):
    """open_clip's vision transformer with SCRA in its last block, for pictures of any size.

    Args:
        visual: open_clip's ``VisionTransformer``, with a class token and learnt positions.
        scra: What cosines of SCRA are multiplied by.
    """

    def __init__(self, visual: Any, scra: float) -> None:  # noqa: ANN401 (open_clip has no types)
        super().__init__()
        self.visual, self.scale = visual, scra
        self.patch_size = visual.patch_size[0]

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Tower`."""
        visual = self.visual
        patches = visual.conv1(pixels)
        shape = patches.shape[2:]
        patches = (patches + self._positions(*shape)).flatten(2).transpose(1, 2)
        summary = visual.class_embedding + visual.positional_embedding[0]
        tokens = visual.ln_pre(torch.cat([summary.expand(len(patches), 1, -1), patches], dim=1))
        blocks = list(visual.transformer.resblocks)
        for block in blocks[:-1]:
            tokens = _clip_block(block, tokens, attention)
        tokens = _clip_block(blocks[-1], tokens, partial(scra, scale=self.scale))
        features: Tensor = visual.ln_post(tokens[:, 1:])
        return torch.unflatten(features.transpose(1, 2), 2, shape)

    def align(self, features: Tensor) -> Tensor:
        """See `Tower`."""
        projection: Tensor = self.visual.proj
        return features @ projection

    def _positions(self, rows: int, columns: int) -> Tensor:
        """(1, C, rows, columns), float32 until the end: bicubic, as open_clip resizes them."""
        learnt = self.visual.positional_embedding[1:]
        grid: Tensor = learnt.float().T.unflatten(1, self.visual.grid_size)[None]
        if grid.shape[2:] != (rows, columns):
            grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", antialias=True)
        return grid.to(learnt.dtype)


class PocketTower(Tower):
    """The pocket model's own dense features, which its training made for words: without SCRA and SCGA.

    Its convolutions see nothing beyond a window, so it knows less near the edges: they fade.
    """

    tapered = True

    def __init__(self, network: PocketCLIP) -> None:
        from terralex.models.pocket import DENSE_STRIDE

        super().__init__()
        self.network = network
        self.patch_size = DENSE_STRIDE

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Tower`."""
        return self.network.encode_dense(pixels)

    def align(self, features: Tensor) -> Tensor:
        """See `Tower`."""
        return self.network.align(features)


def _clip_block(block: Any, tokens: Tensor, attend: Callable[..., Tensor]) -> Tensor:  # noqa: ANN401 (the same)
    """A block of open_clip's, whose own attention would hold a matrix of all pairs on a CPU."""
    own = block.attn
    qkv = F.linear(block.ln_1(tokens), own.in_proj_weight, own.in_proj_bias)
    tokens = tokens + block.ls_1(attend(qkv, own.out_proj, own.num_heads))
    tokens = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    return tokens

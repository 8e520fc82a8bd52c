"""The two attentions that turn features of pictures into features of places (RADSeg, arXiv 2511.19704).

Both compare tokens with tokens, and neither ever holds a matrix of all pairs: rows are taken in blocks, or
the comparison is fused on a GPU. Directions, cuts and softmaxes are float32 whatever the features are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.models.dense._fused import fused_correlation

BLOCK = 1 << 20
"""Pairs of tokens that are compared at once, 4 MiB of float32: so many that they stay in a core's cache. A
GPU takes `GPU_BLOCKS` times as many."""

GPU_BLOCKS = 64

ROWS = 256
"""Tokens that are compared with all others at once, at least: with fewer, matrix products are slow."""

_JUST_BELOW_ZERO = -1e-30  # what is not above it is cut: all but 0


def attention(qkv: Tensor, project: Callable[[Tensor], Tensor], heads: int) -> Tensor:
    """Ordinary attention; arguments and result as of `scra`."""
    query, key, value = _split(qkv, heads)
    return project(_joined(F.scaled_dot_product_attention(query, key, value)))


def scra(qkv: Tensor, project: Callable[[Tensor], Tensor], heads: int, scale: float) -> Tensor:
    """Self-correlating recursive attention: attend, then let the results attend to one another.

    The output of ordinary attention says what each token is about. Tokens whose outputs point the same way
    then share their values, those at more than a right angle share nothing.

    Args:
        qkv: (B, N, 3 C): queries, keys and values of all heads, one after the other.
        project: The attention's output projection, (B, N, C) to (B, N, C). It is applied twice.
        heads: Heads, of C / heads channels each.
        scale: What cosines are multiplied by before the softmax; above 0.

    Returns:
        (B, N, C) in the type of `qkv`.
    """
    attended = torch.unflatten(attention(qkv, project, heads).float(), -1, (heads, -1))
    direction = F.normalize(attended.transpose(1, 2), dim=-1)
    return project(_joined(_correlate(direction, _split(qkv, heads)[2], scale)))


def scga(features: Tensor, scale: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """Self-correlating global aggregation: every place becomes a mean over the places that are like it.

    Places are compared by cosine; those less alike than the mean of all pairs take no part. That mean is the
    squared length of the mean direction m, and with d = u - m the cosine above it is d·d' + m·d + m·d': small
    numbers, which half precision tells apart where it does not tell cosines near 1. For the same reason what
    is averaged is how features differ from their mean.

    Args:
        features: float32 (N, C), all the places of one picture.
        scale: What cosines are multiplied by before the softmax; above 0.
        dtype: What large products are computed in.

    Returns:
        float32 (N, C).
    """
    direction = F.normalize(features, dim=-1)
    mean = direction.mean(dim=0)
    direction -= mean
    along = direction @ mean
    direction = direction.to(dtype)
    centre = features.mean(dim=0)
    values = (features - centre).to(dtype)
    result = torch.empty_like(features)
    for rows in _blocks(len(features), _block(features) // len(features), ROWS):
        above = (direction[rows] @ direction.T).float().add_(along).add_(along[rows, None])
        above.diagonal(rows.start).clamp_(min=0)  # which rounding alone can make negative
        weights = above.masked_fill_(above < 0, -torch.inf).mul_(scale).softmax(dim=-1)
        torch.add(weights.to(dtype) @ values, centre, out=result[rows])
    return result


def _correlate(direction: Tensor, value: Tensor, scale: float) -> Tensor:
    """Mean of values by softmax(scale x cosine) over cosines of 0 and above: (B, heads, N, d)."""
    if direction.is_cuda and (fused := fused_correlation(direction, value, scale)) is not None:
        return fused
    tokens = direction.shape[2]
    queries, keys = direction.flatten(0, 1), direction.flatten(0, 1).transpose(1, 2)
    values = value.flatten(0, 1).float()
    result = torch.empty_like(values)
    block = _block(values)
    for some in _blocks(len(values), block // tokens**2, 1):
        for rows in _blocks(tokens, block // (tokens * (some.stop - some.start)), ROWS):
            cosine = queries[some, rows] @ keys[some]
            cosine = F.threshold(cosine, _JUST_BELOW_ZERO, -torch.inf, inplace=True)
            weights = cosine.mul_(scale).softmax(dim=-1)
            torch.bmm(weights, values[some], out=result[some, rows])
    return result.to(value.dtype).reshape(value.shape)


def _split(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """(B, N, 3 C) to three of (B, heads, N, C / heads)."""
    query, key, value = torch.unflatten(qkv, -1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return query, key, value


def _block(tensor: Tensor) -> int:
    return BLOCK if tensor.device.type == "cpu" else GPU_BLOCKS * BLOCK


def _blocks(rows: int, size: int, least: int) -> Iterator[slice]:
    size = max(size, least)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _joined(heads: Tensor) -> Tensor:
    """(B, heads, N, d) to (B, N, heads x d)."""
    return heads.transpose(1, 2).flatten(2)

"""The formulas as they are written: all pairs at once, every class at every pixel. What tests and the
benchmark hold the blocked, fused and pruned forms to."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def scra(qkv: Tensor, project: Callable[[Tensor], Tensor], heads: int, scale: float) -> Tensor:
    batch, tokens, _ = qkv.shape
    query, key, value = qkv.reshape(batch, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4)

    def attend(scores: Tensor) -> Tensor:
        return project((scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, tokens, -1))

    attended = attend(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5)
    unit = F.normalize(attended.reshape(batch, tokens, heads, -1).transpose(1, 2), dim=-1)
    scores = scale * (unit @ unit.transpose(-1, -2))
    scores[scores < 0] = -torch.inf
    return attend(scores)


def scga(features: Tensor, scale: float) -> Tensor:
    unit = F.normalize(features, dim=-1)
    cosine = unit @ unit.T
    scores = scale * (cosine - cosine.mean())
    scores[scores < 0] = -torch.inf
    return scores.softmax(-1) @ features


def slide(pixels: Tensor, encode: Callable[[Tensor], Tensor], crop: int, stride: int, patch: int) -> Tensor:
    """One picture (1, bands, H, W); its windows in one batch."""
    height, width = pixels.shape[2:]
    boxes = []
    for i in range(max(height - crop + stride - 1, 0) // stride + 1):
        for j in range(max(width - crop + stride - 1, 0) // stride + 1):
            bottom, right = min(i * stride + crop, height), min(j * stride + crop, width)
            boxes.append((max(bottom - crop, 0), bottom, max(right - crop, 0), right))
    features = encode(torch.cat([pixels[:, :, top:bottom, left:right] for top, bottom, left, right in boxes]))
    total = features.new_zeros(1, features.shape[1], height // patch, width // patch)
    count = torch.zeros_like(total)
    for window, box in zip(features, boxes, strict=True):
        top, bottom, left, right = (side // patch for side in box)
        total[:, :, top:bottom, left:right] += window
        count[:, :, top:bottom, left:right] += 1
    return total / count


def cosines(vectors: Tensor, phrases: Tensor) -> Tensor:
    """(N, D) and (P, D) to (N, P), by a product of every pair that is broadcast."""
    unit = F.normalize(vectors, dim=-1)[:, None, :, None]
    return (F.normalize(phrases, dim=-1)[None, :, None, :] @ unit)[:, :, 0, 0]


def label_map(grid: Tensor, size: tuple[int, int], least: float, threshold: float) -> tuple[Tensor, Tensor]:
    """Probabilities (K, h, w) to labels, -1 for none, and confidence."""
    full = F.interpolate(grid[None], size=size, mode="bilinear", align_corners=False)[0]
    for place, own in enumerate(grid):
        if own.max() < least:
            full[place] = 0
    confidence, labels = full.max(dim=0)
    labels[(confidence < threshold) | (confidence <= 0)] = -1
    return labels, confidence

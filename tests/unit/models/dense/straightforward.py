"""The formulas as they are written: all pairs at once, every class at every pixel. What tests and the
benchmark hold the blocked, fused and pruned forms to."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Projection = Callable[[Tensor], Tensor]


def scra(qkv: Tensor, project: Projection, heads: int, scale: float) -> Tensor:
    scores = scale * scra_cosines(qkv, project, heads)
    scores[scores < 0] = -torch.inf
    return _attend(scores, _split(qkv, heads)[2], project)


def scra_cosines(qkv: Tensor, project: Projection, heads: int) -> Tensor:
    """Cosines of the outputs of attention, (B, heads, N, N), of which those below 0 are cut."""
    query, key, value = _split(qkv, heads)
    attended = _attend(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, value, project)
    unit = F.normalize(torch.unflatten(attended, -1, (heads, -1)).transpose(1, 2), dim=-1)
    return unit @ unit.transpose(-1, -2)


def _attend(scores: Tensor, value: Tensor, project: Projection) -> Tensor:
    return project((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))


def _split(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = torch.unflatten(qkv, -1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return query, key, value


def scga(features: Tensor, scale: float) -> Tensor:
    scores = scale * scga_cosines(features)
    scores[scores < 0] = -torch.inf
    return scores.softmax(-1) @ features


def scga_cosines(features: Tensor) -> Tensor:
    """Cosines of all pairs above their mean, (N, N), of which those below 0 are cut."""
    unit = F.normalize(features, dim=-1)
    cosine = unit @ unit.T
    return cosine - cosine.mean()


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

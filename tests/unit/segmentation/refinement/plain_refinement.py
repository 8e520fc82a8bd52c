"""Refinement as it is described: all classes at once at the picture's resolution, prompt after prompt."""

import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from terralex.segmentation.refinement import RefineSettings, Sam


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]


def refine(
    sam: Sam,
    embedding: Tensor,
    frame: tuple[int, int],
    grid: Tensor,
    size: tuple[int, int],
    settings: RefineSettings,
) -> tuple[Tensor, Tensor, list[float]]:
    """Labels, probabilities, and the quality of each mask."""
    full = resized(grid, size)
    coarse = full.argmax(0)
    half = (size[0] // 2, size[1] // 2)
    small = resized(full, half)
    labels = coarse[::2, ::2][: half[0], : half[1]].clone()
    labels[small.amax(0) < settings.coarse_threshold] = -1
    longest = max(half)
    if settings.as_published:
        prompt_frame = tuple(int(side * sam.image_size / longest + 0.5) for side in half)
        mask_frame = tuple(int(side * sam.prompt_size / max(size) + 0.5) for side in size)
    else:
        prompt_frame, mask_frame = frame, (round(frame[0] / 4), round(frame[1] / 4))
    refined = torch.zeros_like(full)
    failed = torch.zeros(half)
    qualities: list[float] = []
    for label, probability in enumerate(small):
        if probability.max() < settings.coarse_threshold:
            continue
        regions, number = ndimage.label((labels == label).numpy(), torch.ones(3, 3).numpy())
        prompt = resized(probability[None], mask_frame)[0]
        prompt = torch.where(prompt > settings.coarse_threshold, prompt * settings.mask_scale, 0)
        prompt = F.pad(prompt, (0, sam.prompt_size - mask_frame[1], 0, sam.prompt_size - mask_frame[0]))
        for region in range(1, number + 1):
            mask = torch.from_numpy(regions == region)
            if mask.sum() < settings.minimal_area:
                continue
            at = int(torch.where(mask, probability, -1).argmax())
            ys, xs = mask.nonzero().T
            corners = [at % half[1], at // half[1], xs.min(), ys.min(), xs.max(), ys.max()]
            scaled = [
                float(place) * prompt_frame[1 - axis % 2] / half[1 - axis % 2]
                for axis, place in enumerate(corners)
            ]
            logits, quality = sam.decode(
                embedding,
                torch.tensor([scaled[:2]]),
                torch.tensor([scaled[2:]]),
                prompt[None],
                as_published=settings.as_published,
            )
            qualities.append(float(quality[0]))
            if qualities[-1] <= settings.quality:
                failed[mask] = 1
                continue
            square = resized(logits, (sam.image_size, sam.image_size))[:, : frame[0], : frame[1]]
            logit = resized(square, size)[0]
            refined[label] = torch.maximum(refined[label], logit.sigmoid() * full[label] * (logit > 0))
    if not any(quality > settings.quality for quality in qualities):
        return coarse, full, qualities
    kept = F.interpolate(failed[None, None], size=size, mode="nearest")[0] * full
    final = torch.maximum(refined, kept)
    new = torch.where((refined == 0).all(0), coarse, refined.argmax(0))
    if not settings.as_published:
        new = torch.where(kept.amax(0) > refined.amax(0), coarse, new)
    return new, final, qualities

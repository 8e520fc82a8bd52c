"""Batches: pictures drawn from the sets, varied and normalised, and phrasings of every concept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from terralex.models.card import InputSpec
from terralex.runtime.errors import UsageError
from terralex.training.augment import Augmentation, crop_and_turn, drop_bands, mix, render, vary_light
from terralex.training.concepts import Concepts
from terralex.training.sources import PictureSet, rgb_channels


@dataclass(frozen=True)
class Batch:
    """One step's pictures and words.

    Attributes:
        pixels: float32 (B, C, S, S), normalised.
        concepts: (B,) each picture's concept.
        partner: (B,) the concept of what was mixed into it.
        own: part of each picture that is its own, 1 where nothing was mixed in.
        texts: one phrasing of each concept.
    """

    pixels: Tensor
    concepts: Tensor
    partner: Tensor
    own: float
    texts: list[str]


class Batches:
    """Batches that depend on the seed and the step alone, so that a resumed run sees what it would have."""

    def __init__(
        self,
        sets: Sequence[PictureSet],
        concepts: Concepts,
        templates: Sequence[str],
        spec: InputSpec,
        batch_size: int,
        augment: Augmentation,
    ) -> None:
        self.sets, self.concepts, self.templates = sets, concepts, templates
        self.spec, self.augment = spec, augment
        self.rgb = rgb_channels(spec)
        total = sum(part.share for part in sets)
        self.sizes = [round(batch_size * part.share / total) for part in sets]
        if 0 in self.sizes:
            raise UsageError(f"a batch of {batch_size} has no picture of a data source: raise its share")

    def draw(self, seed: int, step: int, size: int) -> Batch:
        """The batch of a step, ``size`` pixels a side. Seeds torch, so that what follows repeats too."""
        state = seed * 1_000_003 + step
        torch.manual_seed(state)
        parts = [self._pictures(part, n, size) for part, n in zip(self.sets, self.sizes, strict=True)]
        pixels = torch.cat([pixels for pixels, _ in parts])
        concepts = torch.cat([concepts for _, concepts in parts])
        partner, own = torch.arange(len(pixels)), 1.0
        if torch.rand(()) < self.augment.mix:
            starts = [sum(self.sizes[:i]) for i in range(len(self.sizes))]
            partner = torch.cat(
                [start + torch.randperm(n) for start, n in zip(starts, self.sizes, strict=True)]
            )
            pixels, own = mix(pixels, partner)
        return Batch(pixels, concepts, concepts[partner], own, self.phrase(random.Random(state)))

    def phrase(self, rng: random.Random) -> list[str]:
        """One phrasing of every concept: a word for it, four times in ten the usual one, in a template."""
        return [
            rng.choice(self.templates).replace(
                "{c}", concept.words[0] if rng.random() < 0.4 else rng.choice(concept.words)
            )
            for concept in self.concepts
        ]

    def _pictures(self, part: PictureSet, n: int, size: int) -> tuple[Tensor, Tensor]:
        index, augment, spec = torch.randint(len(part.pixels), (n,)), self.augment, self.spec
        pixels = crop_and_turn(part.digital_numbers(index), size, augment.crop)
        pixels = vary_light(pixels, augment.gain)
        if part.channels == self.rgb:
            return normalise(pixels, part.channels, spec), part.concepts[index]
        pixels, rendered = render(pixels, self.rgb, spec.rgb_max_dn, augment.render)
        normalised = normalise(pixels, part.channels, spec)
        return drop_bands(normalised, self.rgb, rendered, augment.drop_bands), part.concepts[index]


def normalise(digital_numbers: Tensor, channels: Sequence[int], spec: InputSpec) -> Tensor:
    """Digital numbers (N, b, H, W) to the model's input (N, C, H, W): absent bands are at their mean, 0."""
    chosen = list(channels)
    mean, std = (torch.tensor(values)[chosen, None, None] for values in (spec.mean, spec.std))
    full = digital_numbers.new_zeros(len(digital_numbers), len(spec.bands), *digital_numbers.shape[-2:])
    full[:, chosen] = (digital_numbers - mean) / std
    return full

"""Batches: pictures drawn from the sources, varied and normalised, and the captions of a step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count, groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from terralex.models.card import InputSpec
from terralex.runtime.errors import UsageError
from terralex.training.augment import (
    Augmentation,
    Draws,
    coarsen,
    crop_and_turn,
    cut_and_turn,
    drop_bands,
    mix,
    render,
    vary_light,
)
from terralex.training.captions import CaptionMaker, Captions, ConceptCaptions, TaxonCaptions, join
from terralex.training.objectives import Chains
from terralex.training.scenes import LabelledScenes, SceneBatch
from terralex.training.sources import STORED, Source, find_rgb_channels

_MUCH_LARGER = 1.6  # times the size of a crop


@dataclass(frozen=True)
class Share:
    """The part of every batch that one of several processes reads."""

    rank: int = 0
    of: int = 1

    def part(self, count: int) -> slice:
        """Which of ``count`` pictures, a multiple of `of`, are this process's."""
        return slice(count * self.rank // self.of, count * (self.rank + 1) // self.of)


@dataclass(frozen=True)
class Batch:
    """One step's pictures and words. All processes have the same, but each its own pictures.

    Attributes:
        pixels: float32 (n, C, S, S), normalised: the pictures of this process.
        captions: of all pictures, process after process.
        partner: int8 (pictures, texts), as the relation of the captions, of what was mixed in.
        own: part of each picture that is its own, 1 where nothing was mixed in.
        scenes: parts of scenes that have a name for each pixel, in place of pictures.
    """

    pixels: Tensor
    captions: Captions
    partner: Tensor
    own: float = 1.0
    scenes: SceneBatch | None = None

    @property
    def texts(self) -> list[str]:
        """What the pictures or the pixels of the scenes may be called."""
        return self.scenes.texts if self.scenes else self.captions.texts

    def relations(self) -> list[tuple[float, Tensor]]:
        """What holds for the pictures, each with its weight."""
        if self.own == 1:
            return [(1.0, self.captions.relation)]
        return [(self.own, self.captions.relation), (1 - self.own, self.partner)]

    def to(self, device: torch.device) -> Batch:
        """The batch with its tensors on a device."""
        captions = replace(
            self.captions,
            relation=self.captions.relation.to(device),
            keys=self.captions.keys.to(device),
            depths=self.captions.depths.to(device),
        )
        pixels = self.pixels
        if pixels.ndim == 4:
            pixels = pixels.to(device, memory_format=torch.channels_last)
        scenes = self.scenes and self.scenes.to(device)
        return Batch(pixels, captions, self.partner.to(device), self.own, scenes)

    def chains(self, texts: Tensor, *, last_opposed: bool) -> Chains:
        """The chains of the captions as points; see `ChainRows.of`."""
        assert self.captions.chains is not None, "the objective asked for them"
        return self.captions.chains.of(texts, last_opposed=last_opposed)


class Batches:
    """Batches that depend on the seed and the step alone, so that a resumed run sees what it would have.

    Args:
        sources: where pictures come from.
        concepts: captions of the sources that are labelled with concepts.
        taxa: captions of the sources that are labelled with a taxonomy's leaves.
        spec: what the model takes.
        batch_size: pictures of a batch, of all processes together.
        augment: how pictures are varied; None: not at all, as for validation.
        share: this process's part.
        seed: of everything random.
        pictures: False: captions alone are needed.
        scenes: what dense features learn from, in place of pictures.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        concepts: ConceptCaptions | None,
        taxa: TaxonCaptions | None,
        spec: InputSpec,
        batch_size: int,
        augment: Augmentation | None,
        *,
        share: Share | None = None,
        seed: int = 0,
        pictures: bool = True,
        scenes: LabelledScenes | None = None,
    ) -> None:
        self.sources, self.concepts, self.taxa = sources, concepts, taxa
        self.spec, self.augment, self.seed, self.pictures = spec, augment, seed, pictures
        self.share, self.scenes, self.batch_size = share or Share(), scenes, batch_size
        self.rgb = find_rgb_channels(spec) or ()
        total = sum(source.share for source in sources)
        self.sizes = [round(batch_size * source.share / total) for source in sources]
        if 0 in self.sizes:
            raise UsageError(f"a batch of {batch_size} has no picture of a data source: raise its share")
        if any(size % self.share.of for size in self.sizes):
            raise UsageError(
                f"{self.share.of} processes cannot share batches of {self.sizes} pictures evenly: "
                "choose batch_size and shares that they divide"
            )

        self._order, self._partner = _pairs(self.sizes, self.share.of)

    @property
    def vocabulary(self) -> int:
        """How many things the captions name."""
        vocabularies = (self.concepts and len(self.concepts.concepts), self.taxa and self.taxa.vocabulary)
        return sum(size or 0 for size in vocabularies)

    @contextmanager
    def ahead(self, first: int, size_of: Callable[[int], int], workers: int) -> Iterator[Iterator[Batch]]:
        """Batches from number ``first`` on; with ``workers``, the next one is drawn while one is in use.

        Args:
            first: number of the first batch.
            size_of: the size of the pictures of a batch, by its number.
            workers: 0: a batch is drawn when it is asked for.
        """
        if not workers:
            yield (self.draw(number, size_of(number)) for number in count(first))
            return
        with ThreadPoolExecutor(1) as drawer:
            waiting = deque(drawer.submit(self.draw, n, size_of(n)) for n in (first, first + 1))

            def drawn() -> Iterator[Batch]:
                for number in count(first + 2):
                    yield waiting.popleft().result()
                    waiting.append(drawer.submit(self.draw, number, size_of(number)))

            try:
                yield drawn()
            finally:
                drawer.shutdown(cancel_futures=True)

    def draw(self, step: int, size: int) -> Batch:
        """The batch of a step, ``size`` pixels a side."""
        state = self.seed * 1_000_003 + step
        if self.scenes:
            return self._part_of_scenes(self.scenes, state, size)
        generator = torch.Generator().manual_seed(state)
        chosen = [
            source.choose(step, size_of, generator)
            for source, size_of in zip(self.sources, self.sizes, strict=True)
        ]
        labels = [source.labels(numbers) for source, numbers in zip(self.sources, chosen, strict=True)]
        captions = self._captions(labels, state)
        captions = replace(captions, relation=captions.relation[self._order])
        partner = captions.relation[self._partner]
        if not self.pictures:
            return Batch(torch.empty(0), captions, partner)
        pairs = zip(self.sources, chosen, strict=True)
        pixels = torch.cat(
            [
                draw_pictures(source, numbers, size, self.spec, self.augment, generator, self.share)
                for source, numbers in pairs
            ]
        )
        own = 1.0
        if self.augment and torch.rand((), generator=generator) < self.augment.mix:
            pixels, own = mix(pixels, self._partner[: len(pixels)], generator)
        return Batch(pixels, captions, partner, own)

    def _part_of_scenes(self, scenes: LabelledScenes, state: int, size: int) -> Batch:
        """This process's parts of scenes, and no pictures."""
        own = state * self.share.of + self.share.rank
        parts = scenes.draw(
            own, self.batch_size // self.share.of, size, self.augment or Augmentation(), self.rgb
        )
        return Batch(torch.empty(0), join([]), torch.empty(0), scenes=parts)

    def _captions(self, labels: Sequence[NDArray[np.int64]], state: int) -> Captions:
        """Captions of all pictures, source after source: neighbours with one vocabulary share their texts."""
        parts = []
        labelled = zip(self.sources, labels, strict=True)
        for _, group in groupby(labelled, lambda pair: id(self._maker(pair[0]))):
            pairs = list(group)
            maker, of_group = self._maker(pairs[0][0]), np.concatenate([own for _, own in pairs])
            parts.append(maker.of(of_group, state))
        return join(parts)

    def _maker(self, source: Source) -> CaptionMaker:
        """What makes the captions of a source."""
        maker = source.captions or (self.concepts if source.taxonomy is None else self.taxa)
        assert maker is not None, "whoever made the sources made their captions"
        return maker


def draw_pictures(
    source: Source,
    chosen: NDArray[np.int64],
    size: int,
    spec: InputSpec,
    augment: Augmentation | None,
    generator: torch.Generator,
    share: Share | None = None,
) -> Tensor:
    """Pictures of a source, varied and normalised: float32 (n, C, size, size).

    Args:
        source: where they are from.
        chosen: their numbers.
        size: their height and width.
        spec: what the model takes.
        augment: how they are varied; None: not at all.
        generator: random numbers.
        share: the part of them that is wanted; by default all.
    """
    part, rgb = (share or Share()).part(len(chosen)), find_rgb_channels(spec) or ()
    pixels = source.pixels(chosen[part]).float() * source.gain
    if augment is None:
        resized = F.interpolate(pixels, size=(size, size), mode="bicubic", antialias=True)
        return normalise(resized.clamp(min=0), source.channels, spec)
    draws = Draws(generator, len(chosen), part)
    if augment.resample:
        if pixels.shape[-1] >= _MUCH_LARGER * size:  # crops are cut without a low-pass of their own
            side = round(STORED * size)
            pixels = F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
        pixels = crop_and_turn(pixels, size, augment.crop, draws, upright=source.upright)
    else:
        pixels = cut_and_turn(pixels, size, draws, upright=source.upright)
    pixels = vary_light(pixels, augment.gain, draws)
    if source.channels == rgb:
        if augment.blur and not source.upright:
            pixels = coarsen(pixels, augment.blur, draws)
        return normalise(pixels, source.channels, spec)
    rendered = torch.zeros(len(pixels), dtype=torch.bool)
    if rgb and set(rgb) <= set(source.channels):
        positions = tuple(source.channels.index(channel) for channel in rgb)
        pixels, rendered = render(pixels, positions, spec.rgb_max_dn, augment.render, draws)
    normalised = normalise(pixels, source.channels, spec)
    return drop_bands(normalised, rgb, rendered, augment.drop_bands, draws)


def normalise(pixels: Tensor, channels: Sequence[int], spec: InputSpec) -> Tensor:
    """Pixels (n, b, H, W) in the units of the model's means to its input (n, C, H, W).

    Absent bands are at their mean, 0.
    """
    chosen = list(channels)
    mean, std = (torch.tensor(values)[chosen, None, None] for values in (spec.mean, spec.std))
    full = pixels.new_zeros(len(pixels), len(spec.bands), *pixels.shape[-2:])
    full[:, chosen] = (pixels - mean) / std
    return full


def _pairs(sizes: Sequence[int], processes: int) -> tuple[Tensor, Tensor]:
    """Rows of a batch, process after process, by where they stand source after source; and their partners.

    Partners are neighbours, who are as random as any, of one source and one process.
    """
    starts = np.cumsum([0, *sizes])
    order, partner = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    place = 0
    for rank in range(processes):
        for start, size in zip(starts, sizes, strict=False):
            part = np.arange(size // processes)
            order.append(start + rank * len(part) + part)
            partner.append(place + np.minimum(part ^ 1, len(part) - 1))
            place += len(part)
    return torch.from_numpy(np.concatenate(order)), torch.from_numpy(np.concatenate(partner))

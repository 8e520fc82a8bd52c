"""Outlines refined by SAM: every region of a coarse segmentation is a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.models.radio import Radio
from terralex.segmentation.labelling import Segmentation, label_map
from terralex.segmentation.refinement.embedders import ImageEmbedder, RadioEmbedder, SamEmbedder
from terralex.segmentation.refinement.maps import ClassMaps, MaskScaler
from terralex.segmentation.refinement.regions import Region, find_regions
from terralex.segmentation.refinement.sam import Sam, build_sam
from terralex.segmentation.refinement.weights import locate_sam, read_sam

if TYPE_CHECKING:
    from terralex.models.model import Model

PROMPTS = 8
"""Prompts that go through SAM's decoder at once."""


@dataclass(frozen=True)
class RefineSettings:
    """The settings of RADSeg+, with its published defaults.

    Attributes:
        coarse_threshold: Places whose best class is less probable are in no region, and in a prompt's mask
            they are empty.
        minimal_area: Regions of fewer pixels, of half the picture, are no prompts.
        mask_scale: What probabilities are multiplied by to be a mask prompt.
        quality: A mask counts if SAM expects an intersection over union above this.
        as_published: Keep three defects of the published code: prompts are in another frame than the features
            (up to 15 of 1024 pixels off), masks that are prompts lack the dimension of a batch, so that norms
            go over their rows instead of their channels, and regions that SAM fails on lose to other classes'
            masks.
    """

    coarse_threshold: float = 0.10
    minimal_area: int = 225
    mask_scale: float = 0.005
    quality: float = 0.9
    as_published: bool = False


class _Piece(NamedTuple):
    """What one accepted mask says of a window of the picture: ``values`` are 0 outside the mask."""

    label: int
    rows: slice
    columns: slice
    values: Tensor


@dataclass
class _Failed:
    """Where SAM failed: of half the picture."""

    mask: Tensor
    accepted: bool = field(default=False)


class SamRefiner:
    """Sharpens coarse segmentations.

    Attributes:
        sam: SAM's neck, prompt encoder and mask decoder.
        embedder: Computes the embeddings of pictures.
        settings: The thresholds of RADSeg+.

    Args:
        sam: SAM's neck, prompt encoder and mask decoder.
        embedder: Computes the embeddings of pictures.
        settings: The thresholds; by default the published ones.
    """

    def __init__(self, sam: Sam, embedder: ImageEmbedder, settings: RefineSettings | None = None) -> None:
        self.settings = settings or RefineSettings()
        self.sam, self.embedder = sam, embedder

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path | None = None,
        *,
        radio: Radio | None = None,
        scra: float = 10.0,
        settings: RefineSettings | None = None,
        device: torch.device | str = "cpu",
        offline: bool = False,
    ) -> SamRefiner:
        """A refiner with SAM's weights from a file.

        Args:
            path: ``sam_vit_h_4b8939.pth``, or ``model.safetensors`` of the Hugging Face Hub; by default
                looked for, and fetched if that is allowed.
            radio: A backbone with the head ``sam``, which takes the place of SAM's own vision transformer;
                None: SAM's own.
            scra: What cosines of SCRA are multiplied by in the backbone.
            settings: How to refine.
            device: Where SAM computes.
            offline: Never use the network.

        Raises:
            TerralexError: The weights are not on this machine, damaged, or not SAM's.
            UsageError: The backbone has no head into SAM's features.
        """
        where = Path(path) if path is not None else locate_sam(offline=offline)
        sam = build_sam(read_sam(where), str(where), trunk=radio is None).to(device)
        return cls(sam, SamEmbedder(sam) if radio is None else RadioEmbedder(radio, sam, scra), settings)

    @classmethod
    def for_model(cls, model: Model, *, as_published: bool = False, offline: bool = False) -> SamRefiner:
        """A refiner that uses the model's own features if it has a head into those of SAM.

        For any other model it uses SAM's own vision transformer. SAM's weights are downloaded if they are not
        on this machine and that is allowed.

        Args:
            model: The model.
            as_published: As of `RefineSettings`.
            offline: Never use the network.

        Raises:
            TerralexError: The weights are not on this machine, or damaged.
        """
        radio = getattr(model.network, "radio", None)
        has_head = isinstance(radio, Radio) and "sam" in radio.heads
        return cls.from_checkpoint(
            radio=radio if has_head else None,
            settings=RefineSettings(as_published=as_published),
            device=model.device,
            offline=offline,
        )

    def with_coarse_threshold(self, coarse_threshold: float) -> SamRefiner:
        """See `Refiner.with_coarse_threshold`; the weights are shared."""
        settings = replace(self.settings, coarse_threshold=coarse_threshold)
        return SamRefiner(self.sam, self.embedder, settings)

    @torch.no_grad()
    def refine(
        self,
        image: Tensor,
        probabilities: Tensor,
        size: tuple[int, int],
        coarse: Segmentation | None = None,
    ) -> Segmentation:
        """Labels with refined outlines; see `Refiner.refine`.

        A pixel outside all masks keeps its coarse label, and so do all pixels if SAM accepts no mask.

        Returns:
            Labels and confidence of ``size``. The confidence of a refined pixel is the probability of its
            class times that of SAM's mask; of any other pixel it is the coarse one.
        """
        maps = ClassMaps(probabilities, size)
        coarse = coarse or label_map(probabilities, size)
        labels, best = coarse.labels.clone(), torch.zeros_like(coarse.confidence)
        failed = self._no_failure(maps)
        for piece in self._pieces(image, maps, coarse.labels, failed):
            window = (piece.rows, piece.columns)
            better = piece.values > best[window]
            labels[window] = torch.where(better, piece.label, labels[window])
            best[window] = torch.maximum(best[window], piece.values)
        if not failed.accepted:
            return coarse
        restored = self._enlarged(failed, size) & (coarse.confidence > best)
        if not self.settings.as_published:
            labels = torch.where(restored, coarse.labels, labels)
        return Segmentation(labels, torch.where(restored | (best == 0), coarse.confidence, best))

    @torch.no_grad()
    def probabilities(self, image: Tensor, probabilities: Tensor, size: tuple[int, int]) -> Tensor:
        """Refined probabilities of all classes; `refine` needs less memory.

        Returns:
            float32 (K, *size): 0 outside a class's masks, except where SAM failed on a region: there all
            classes have at least their coarse probability. The coarse ones if SAM accepts no mask.
        """
        maps = ClassMaps(probabilities, size)
        labels = label_map(probabilities, size).labels
        stack = torch.zeros(len(probabilities), *size, device=probabilities.device)
        failed = self._no_failure(maps)
        for label, rows, columns, values in self._pieces(image, maps, labels, failed):
            window = stack[label, rows, columns]
            torch.maximum(window, values, out=window)
        kept = (
            self._enlarged(failed, size) if failed.accepted else torch.ones_like(stack[0], dtype=torch.bool)
        )
        for label, refined in enumerate(stack):
            torch.maximum(refined, maps.full(label) * kept, out=refined)
        return stack

    def _pieces(self, image: Tensor, maps: ClassMaps, labels: Tensor, failed: _Failed) -> Iterator[_Piece]:
        """What accepted masks say, by label; regions that SAM fails on go into ``failed``."""
        regions = self._regions(maps, labels)
        if not regions:
            return
        embedding, frame = self.embedder(image)
        scale = MaskScaler(self.sam.prompt_size, self.sam.image_size, frame, maps.size, maps.grid.device)
        for start in range(0, len(regions), PROMPTS):
            some = regions[start : start + PROMPTS]
            for region, logits in zip(some, self._ask(embedding, frame, maps, some), strict=True):
                if logits is None:
                    mask = torch.from_numpy(region.mask).to(failed.mask.device)
                    failed.mask[region.rows, region.columns] |= mask
                    continue
                failed.accepted = True
                logits, rows, columns = scale(logits)
                values = logits.sigmoid() * maps.full(region.label, rows, columns) * (logits > 0)
                yield _Piece(region.label, rows, columns, values)

    def _regions(self, maps: ClassMaps, labels: Tensor) -> list[Region]:
        """The regions of half the picture that are prompts."""
        least = self.settings.coarse_threshold
        rows, columns = (
            torch.arange(half, device=labels.device) * side // half
            for half, side in zip(maps.half, maps.size, strict=True)
        )
        halved = labels[rows][:, columns]
        if least > 0:
            halved = halved.masked_fill(maps.halved_best(least) < least, -1)
        found = find_regions(halved.cpu().numpy(), self.settings.minimal_area)
        probable = {
            label for label in {region.label for region in found} if maps.halved(label).max() >= least
        }
        return [region for region in found if region.label in probable]

    def _ask(
        self, embedding: Tensor, frame: tuple[int, int], maps: ClassMaps, regions: list[Region]
    ) -> list[Tensor | None]:
        """SAM's mask for each region, on the device of ``maps``; None where it is not good enough."""
        down, across = self._prompt_scale(frame, maps.half)
        by_label = {region.label: maps.halved(region.label).cpu() for region in regions}
        points, boxes = [], []
        for region in regions:
            y, x = _peak(by_label[region.label], region)
            points.append((x * across, y * down))
            top, left = region.rows.start * down, region.columns.start * across
            bottom, right = (region.rows.stop - 1) * down, (region.columns.stop - 1) * across
            boxes.append((left, top, right, bottom))
        masks = {label: self._mask_prompt(maps, label, frame) for label in by_label}
        device = embedding.device
        logits, quality = self.sam.decode(
            embedding,
            torch.tensor(points, device=device),
            torch.tensor(boxes, device=device),
            torch.stack([masks[region.label] for region in regions]).to(device),
            as_published=self.settings.as_published,
        )
        logits = logits.to(maps.grid.device)
        good = (quality > self.settings.quality).tolist()
        return [answer if fits else None for answer, fits in zip(logits, good, strict=True)]

    def _prompt_scale(self, frame: tuple[int, int], half: tuple[int, int]) -> tuple[float, float]:
        """Pixels of the frame a pixel of half the picture, down and across."""
        if not self.settings.as_published:
            return frame[0] / half[0], frame[1] / half[1]
        sides = _longest(half, self.sam.image_size)
        return sides[0] / half[0], sides[1] / half[1]

    def _mask_prompt(self, maps: ClassMaps, label: int, frame: tuple[int, int]) -> Tensor:
        """A class's probabilities as SAM takes a rough mask: (prompt_size, prompt_size)."""
        side = self.sam.prompt_size
        if self.settings.as_published:
            size = _longest(maps.size, side)
        else:
            size = (
                _scaled(frame[0], side, self.sam.image_size),
                _scaled(frame[1], side, self.sam.image_size),
            )
        values = maps.resized(label, size)
        values = torch.where(values > self.settings.coarse_threshold, values * self.settings.mask_scale, 0)
        return F.pad(values, (0, side - size[1], 0, side - size[0]))

    def _no_failure(self, maps: ClassMaps) -> _Failed:
        return _Failed(torch.zeros(maps.half, dtype=torch.bool, device=maps.grid.device))

    def _enlarged(self, failed: _Failed, size: tuple[int, int]) -> Tensor:
        """Where SAM failed, on the picture."""
        rows, columns = (
            torch.arange(side, device=failed.mask.device) * half // side
            for side, half in zip(size, failed.mask.shape, strict=True)
        )
        return failed.mask[rows][:, columns]


def _peak(values: Tensor, region: Region) -> tuple[int, int]:
    """Row and column of a region's most probable pixel."""
    inside = np.where(region.mask, values[region.rows, region.columns].numpy(), -1)
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return region.rows.start + int(row), region.columns.start + int(column)


def _longest(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A size scaled so that its longer side is ``side``."""
    longest = max(size)
    return _scaled(size[0], side, longest), _scaled(size[1], side, longest)


def _scaled(length: int, numerator: int, denominator: int) -> int:
    return max(1, int(length * numerator / denominator + 0.5))

"""Windows through the model, blended, and written down row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terralex.models.card import InputSpec
from terralex.runtime.pipeline import run_chunks
from terralex.segmentation.scenes.blending import Blender
from terralex.segmentation.scenes.pixels import band_notes, normalise, pad_to
from terralex.segmentation.scenes.place import Scene
from terralex.segmentation.scenes.plan import Cell, Plan
from terralex.segmentation.scenes.store import Store

TOP = 254
"""Steps of probability: the value v of a pixel stands for (v - 1) / TOP, and 0 for no data."""


class Labeller(Protocol):
    """What tells classes apart, such as `terralex.models.dense.Segmenter`."""

    @property
    def labels(self) -> Sequence[str]:
        """The classes."""

    def grid_probabilities(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, bands, H, W) to probabilities (B, K, h, w) on a coarse grid."""


@dataclass(frozen=True)
class Maps:
    """Where labels go, and how they are told.

    Attributes:
        labels: One plane: 0 no data, 1 to K the classes, K + 1 none of them.
        probabilities: A plane for each class, of `TOP` steps; None if nobody asked.
        threshold: A pixel whose best class is less probable is none of them.
    """

    labels: Store
    probabilities: Store | None
    threshold: float

    def flush(self) -> None:
        """Return once all that was written is on disk."""
        self.labels.flush()
        if self.probabilities:
            self.probabilities.flush()


class Batch(NamedTuple):
    """Some windows are done.

    Attributes:
        labelled: How many the model has seen.
        empty: How many hold no data, and were skipped.
        ends_row: Whether the row is done, and its part of the map written.
        notes: Remarks about the scene.
    """

    labelled: int
    empty: int
    ends_row: bool
    notes: tuple[str, ...]


class _Window(NamedTuple):
    cell: Cell
    pixels: NDArray[np.float32]
    wanted: NDArray[np.bool_]  # where the map has a label, within the window
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Labelling:
    """A scene on its way through a model.

    Attributes:
        scene: The scene.
        plan: Its windows.
        labeller: The model with its labels.
        spec: What the model takes.
        maps: Where labels go.
        batch_size: Windows that go through the model at once, of one row.
    """

    scene: Scene
    plan: Plan
    labeller: Labeller
    spec: InputSpec
    maps: Maps
    batch_size: int

    def run(self, first: int) -> Iterator[Batch]:
        """Label the rows of the plan from `first` on.

        Windows of rows before it that reach into it are computed once more, and nothing of theirs is written:
        so the result does not depend on where a run was broken off.
        """
        rows = len(self.plan.rows.starts)
        if first >= rows:
            return
        batches = [
            batch
            for row in range(self.plan.rows.covering(first)[0], rows)
            for batch in _parts(list(self.plan.row(row)), self.batch_size)
        ]
        blender = Blender(self.plan)
        for [(place, batch, outcome)] in run_chunks(batches, self._read, chunk_size=1, workers=1):
            if isinstance(outcome, Exception):
                raise outcome
            row = batch[0].row
            ends_row = place + 1 == len(batches) or batches[place + 1][0].row > row
            self._label(outcome, blender, write=row >= first)
            if ends_row:
                blender.forget_before(row + 1)
            if row >= first:
                notes = outcome[0].notes if outcome else ()
                yield Batch(len(outcome), len(batch) - len(outcome), ends_row, notes)

    def _read(self, batch: list[Cell]) -> list[_Window]:
        """The windows of a batch that have anything to label."""
        return [window for cell in batch if (window := self._read_window(cell))]

    def _read_window(self, cell: Cell) -> _Window | None:
        place = self.plan.window(cell)
        region = self.scene.wanted(place)
        if self.scene.is_empty(place) or (region is not None and not region.any()):
            return None
        image = self.scene.read(place)
        if not image.has_data:
            return None
        window = normalise(image, self.spec)
        wanted = window.valid if region is None else window.valid & region
        if not wanted.any():
            return None
        pixels = pad_to(window, self.plan.rows.size, self.plan.columns.size)
        return _Window(cell, pixels, wanted, (*image.notes, *band_notes(image.bands, self.spec)))

    @torch.inference_mode()
    def _label(self, windows: list[_Window], blender: Blender, *, write: bool) -> None:
        if not windows:
            return
        pixels = torch.from_numpy(np.stack([window.pixels for window in windows]))
        found = self.labeller.grid_probabilities(pixels).float()
        for window, probabilities in zip(windows, found, strict=True):
            blender.add(window.cell, probabilities.clone())
        if write:
            for window in windows:
                self._write(window, blender)

    def _write(self, window: _Window, blender: Blender) -> None:
        """Write the cell of a window, whose neighbours above and to the left are known by now."""
        column, row, width, height = self.plan.span(window.cell)
        wanted = window.wanted[:height, :width]
        if not wanted.any():
            return
        maps = self.maps
        for top, probabilities in blender.blend(window.cell):
            here = wanted[top : top + probabilities.shape[1]]
            confidence, best = probabilities.max(dim=0)
            codes = (best + 1).masked_fill_(confidence < maps.threshold, len(probabilities) + 1)
            labels = codes.cpu().numpy().astype(maps.labels.dtype)
            maps.labels.write(column, row + top, np.where(here, labels, 0)[None])
            if maps.probabilities:
                steps = (probabilities.clamp(0, 1) * TOP).round_().to(torch.uint8) + 1
                maps.probabilities.write(column, row + top, np.where(here, steps.cpu().numpy(), 0))


def _parts(cells: list[Cell], size: int) -> Iterator[list[Cell]]:
    return (cells[first : first + size] for first in range(0, len(cells), size))

"""Parts of made scenes whose every pixel has a name: what dense features learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from terralex.models.card import InputSpec
from terralex.models.pocket import DENSE_STRIDE
from terralex.training.augment import Augmentation, Draws, drop_bands, render, vary_light
from terralex.training.captions import ConceptCaptions
from terralex.training.concepts import UNKNOWN
from terralex.training.masks import SCENE, UNLABELLED, LabelledScene, load_scenes, made_scene

_PLACES = 1024  # cells of a part that are looked at
ZOOMS = (1, 2)  # how many pixels of the input a pixel of the scene becomes


@dataclass(frozen=True)
class SceneBatch:
    """Parts of scenes.

    Attributes:
        pixels: float32 (n, C, S, S), normalised.
        places: int64 (n, P), some cells of each grid of dense features, row after row.
        concepts: int64 (n, P), the number of what their middle pixels show; -1 where that is not known.
        texts: a phrase for each concept.
        relation: int8 (concepts + 1, texts): which of them holds for a pixel of a concept; the last row is of
            pixels without a label.
    """

    pixels: Tensor
    places: Tensor
    concepts: Tensor
    texts: list[str]
    relation: Tensor

    def to(self, device: torch.device) -> SceneBatch:
        """The batch with its tensors on a device."""
        moved = {
            name: getattr(self, name).to(device) for name in ("pixels", "places", "concepts", "relation")
        }
        return replace(self, **moved)


class LabelledScenes:
    """Scenes in memory, of which every step sees other parts, at another zoom.

    Args:
        scenes: How many of them are made land.
        captions: Phrases for the concepts.
        spec: What the model takes.
        seed: Of the scenes.
        masks: Where others come from; see `load_scenes`.
    """

    def __init__(
        self,
        scenes: int,
        captions: ConceptCaptions,
        spec: InputSpec,
        seed: int,
        masks: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.captions, self.spec = captions, spec
        concepts = captions.concepts
        loaded = [made_scene(seed * 1_000_003 + number, concepts, spec) for number in range(scenes)]
        for entry in masks:
            loaded += load_scenes(entry, concepts, spec, seed)
        self._scenes = loaded

    def draw(
        self, state: int, pictures: int, size: int, augment: Augmentation, rgb: tuple[int, ...]
    ) -> SceneBatch:
        """So many parts, ``size`` pixels a side."""
        rng = np.random.default_rng([state, 1])
        generator = torch.Generator().manual_seed(state)
        zoom = int(rng.choice(ZOOMS))
        side = -(-size // zoom)
        chosen = [self._scenes[number] for number in rng.integers(len(self._scenes), size=pictures)]
        pixels, concepts = zip(*(_part(scene, rng, side) for scene in chosen), strict=True)
        fine = _enlarged(torch.from_numpy(np.stack(pixels)).float(), zoom, size)
        named = torch.from_numpy(np.stack(concepts)).repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
        draws = Draws(generator, len(fine))
        fine = vary_light(fine, augment.gain, draws)
        # A part is as dark in a picture as the whole scene makes it, where snow may be elsewhere.
        brightest = torch.tensor([scene.brightest for scene in chosen])
        rgb_only = torch.tensor([scene.rgb_only for scene in chosen])
        chance = augment.render if rgb else 0.0  # a model without these colours never sees a rendering
        shown, rendered = render(fine, rgb, self.spec.rgb_max_dn, chance, draws, brightest)
        fine = torch.where(rgb_only[:, None, None, None], fine, shown)
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.spec.mean, self.spec.std))
        normalised = drop_bands((fine - mean) / std, rgb, rendered | rgb_only, augment.drop_bands, draws)
        words = self.captions.of(np.arange(len(self.captions.concepts)), state)
        middle = named[:, :size, :size][
            :, DENSE_STRIDE // 2 :: DENSE_STRIDE, DENSE_STRIDE // 2 :: DENSE_STRIDE
        ]
        cells = middle.flatten(1)
        drawn = torch.rand(cells.shape, generator=generator) + (cells == UNLABELLED)  # these come last
        places = drawn.argsort(dim=1)[:, :_PLACES]
        nothing = torch.full_like(words.relation[:1], UNKNOWN)  # row -1, of what is not labelled
        relation = torch.cat([words.relation, nothing])
        return SceneBatch(normalised, places, cells.gather(1, places), words.texts, relation)


def _part(
    scene: LabelledScene, rng: np.random.Generator, side: int
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """A square of a scene in one of its eight orientations."""
    row, column = rng.integers(SCENE - side + 1, size=2)
    square = np.s_[..., row : row + side, column : column + side]
    turns, mirrored = rng.integers(4), rng.integers(2)

    def turned(values: NDArray[Any]) -> NDArray[Any]:
        values = np.rot90(values[square], int(turns), axes=(-2, -1))
        return np.ascontiguousarray(values[..., ::-1] if mirrored else values)

    return turned(scene.pixels), turned(scene.concepts)


def _enlarged(pixels: Tensor, zoom: int, size: int) -> Tensor:
    if zoom > 1:
        pixels = F.interpolate(pixels, scale_factor=zoom, mode="bicubic").clamp(min=0)
    return pixels[..., :size, :size]

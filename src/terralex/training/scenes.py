"""Parts of made scenes whose every pixel has a name: what dense features learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from terralex.models.card import InputSpec
from terralex.models.pocket import DENSE_STRIDE
from terralex.synthetic import make_land_scene
from terralex.training.augment import Augmentation, Draws, drop_bands, render, vary_light
from terralex.training.captions import ConceptCaptions

SCENE = 256  # pixels a side
_PLACES = 1024  # cells of a part that are looked at
ZOOMS = (1, 2)  # how many pixels of the input a pixel of the scene becomes


@dataclass(frozen=True)
class SceneBatch:
    """Parts of scenes.

    Attributes:
        pixels: float32 (n, C, S, S), normalised.
        places: int64 (n, P), some cells of each grid of dense features, row after row.
        concepts: int64 (n, P), the number of what their middle pixels show.
        texts: a phrase for each concept.
        relation: int8 (concepts, texts): which of them holds for a pixel of a concept.
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
    """Made land scenes in memory, of which every step sees other parts, at another zoom."""

    def __init__(self, scenes: int, captions: ConceptCaptions, spec: InputSpec, seed: int) -> None:
        self.captions, self.spec = captions, spec
        self._pixels = np.empty((scenes, len(spec.bands), SCENE, SCENE), np.uint16)
        self._concepts = np.empty((scenes, SCENE, SCENE), np.int64)
        self._brightest = np.empty(scenes, np.float32)
        for number in range(scenes):
            scene = make_land_scene(seed * 1_000_003 + number, SCENE)
            self._pixels[number] = scene.image.select(spec.bands).pixels
            numbers = np.array([captions.concepts.index(name) for name in scene.classes])
            self._concepts[number] = numbers[scene.labels]
            visible = scene.image.select(("red", "green", "blue")).pixels
            self._brightest[number] = np.percentile(visible, 98)

    def draw(
        self, state: int, pictures: int, size: int, augment: Augmentation, rgb: tuple[int, ...]
    ) -> SceneBatch:
        """So many parts, ``size`` pixels a side."""
        rng = np.random.default_rng([state, 1])
        generator = torch.Generator().manual_seed(state)
        zoom = int(rng.choice(ZOOMS))
        side = -(-size // zoom)
        numbers = rng.integers(len(self._pixels), size=pictures)
        pixels, concepts = zip(*(self._part(number, rng, side) for number in numbers), strict=True)
        fine = _enlarged(torch.from_numpy(np.stack(pixels)).float(), zoom, size)
        named = torch.from_numpy(np.stack(concepts)).repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
        draws = Draws(generator, len(fine))
        fine = vary_light(fine, augment.gain, draws)
        # A part is as dark in a picture as the whole scene makes it, where snow may be elsewhere.
        scene = torch.from_numpy(self._brightest[numbers])
        chance = augment.render if rgb else 0.0  # a model without these colours never sees a rendering
        fine, rendered = render(fine, rgb, self.spec.rgb_max_dn, chance, draws, scene)
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.spec.mean, self.spec.std))
        normalised = drop_bands((fine - mean) / std, rgb, rendered, augment.drop_bands, draws)
        words = self.captions.of(np.arange(len(self.captions.concepts)), state)
        middle = named[:, :size, :size][
            :, DENSE_STRIDE // 2 :: DENSE_STRIDE, DENSE_STRIDE // 2 :: DENSE_STRIDE
        ]
        cells = middle.flatten(1)
        places = torch.rand(cells.shape, generator=generator).argsort(dim=1)[:, :_PLACES]
        return SceneBatch(normalised, places, cells.gather(1, places), words.texts, words.relation)

    def _part(self, number: int, rng: np.random.Generator, side: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """A square of a scene in one of its eight orientations."""
        row, column = rng.integers(SCENE - side + 1, size=2)
        square = np.s_[..., row : row + side, column : column + side]
        turns, mirrored = rng.integers(4), rng.integers(2)

        def turned(values: NDArray[Any]) -> NDArray[Any]:
            values = np.rot90(values[square], int(turns), axes=(-2, -1))
            return np.ascontiguousarray(values[..., ::-1] if mirrored else values)

        return turned(self._pixels[number]), turned(self._concepts[number])


def _enlarged(pixels: Tensor, zoom: int, size: int) -> Tensor:
    if zoom > 1:
        pixels = F.interpolate(pixels, scale_factor=zoom, mode="bicubic").clamp(min=0)
    return pixels[..., :size, :size]

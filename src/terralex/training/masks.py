"""Scenes whose every pixel has a concept: made land, mosaics of labelled tiles, photographs with masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from terralex.imagery.class_folders import class_folders, split_block
from terralex.models.card import InputSpec
from terralex.runtime.errors import UsageError
from terralex.synthetic import make_land_scene
from terralex.training.concepts import Concepts
from terralex.training.picture_sets import SPECTRA_OF_FOLDERS
from terralex.training.spectra import RealSpectra

SCENE = 256  # pixels a side
UNLABELLED = -1
_TILE = 64  # pixels a side of the tiles of a mosaic
_COARSEST = 4.0  # how much coarser than the photograph a scene of it may be


@dataclass(frozen=True)
class LabelledScene:
    """A scene and its concepts.

    Attributes:
        pixels: uint16 (B, S, S), digital numbers in the bands of the model.
        concepts: int64 (S, S), the number of what each pixel shows; -1 where that is not known.
        brightest: The level of digital numbers that a rendering shows as white, about.
        rgb_only: Whether bands other than red, green and blue are empty.
    """

    pixels: NDArray[np.uint16]
    concepts: NDArray[np.int64]
    brightest: float
    rgb_only: bool = False


def load_scenes(
    entry: Mapping[str, Any], concepts: Concepts, spec: InputSpec, seed: int
) -> Iterator[LabelledScene]:
    """The scenes that an entry of a recipe's ``masks`` describes.

    Raises:
        UsageError: The entry lacks a key or has an unknown one, or there is no such data.
    """
    kind = entry.get("kind")
    if kind not in _KINDS:
        raise UsageError(f"the kind of an entry of masks is one of {', '.join(_KINDS)}, not {kind!r}")
    needed, optional, make = _KINDS[kind]
    if missing := [key for key in needed if key not in entry]:
        raise UsageError(f"an entry of masks of kind {kind} has no '{missing[0]}'")
    if unknown := [key for key in entry if key not in {"kind", *needed, *optional}]:
        names = ", ".join((*needed, *optional))
        raise UsageError(f"unknown key '{unknown[0]}' in masks of kind {kind}: known are {names}")
    scenes = entry["scenes"]
    if isinstance(scenes, bool) or not isinstance(scenes, int) or scenes < 1:
        raise UsageError(f"scenes of an entry of masks must be a whole number from 1, not {scenes!r}")
    return make(entry, concepts, spec, np.random.default_rng([seed, *kind.encode()]))


def made_scene(
    seed: int, concepts: Concepts, spec: InputSpec, spectra: RealSpectra | None = None
) -> LabelledScene:
    """A made landscape, in made colours or in those of real spectra."""
    scene = make_land_scene(seed, SCENE)
    pixels = scene.image.select(spec.bands).pixels
    if spectra is not None:
        rng = np.random.default_rng([seed, 19])
        recoloured = spectra.recolour(pixels.astype(np.float32), scene.labels, rng)
        pixels = recoloured.clip(0, 65535).astype(np.uint16)
    numbers = np.array([concepts.index(name) for name in scene.classes])
    return LabelledScene(pixels, numbers[scene.labels], _brightest(pixels, spec))


def _made(
    entry: Mapping[str, Any], concepts: Concepts, spec: InputSpec, rng: np.random.Generator
) -> Iterator[LabelledScene]:
    """Made landscapes in colours of real land."""
    spectra = RealSpectra(Path(entry["spectra"]), spec.bands)
    for _ in range(entry["scenes"]):
        yield made_scene(int(rng.integers(2**31)), concepts, spec, spectra)


def _mosaics(
    entry: Mapping[str, Any], concepts: Concepts, spec: InputSpec, rng: np.random.Generator
) -> Iterator[LabelledScene]:
    """Tiles of one land cover each, side by side, in all bands by real spectra."""
    spectra, without = RealSpectra(Path(entry["spectra"]), spec.bands), entry.get("without", [])
    block, blocks = entry.get("block", 0), entry.get("blocks", 10)
    files = {
        name: split_block(own, block, blocks)[0]
        for name, own in class_folders(Path(entry["path"])).items()
        if name not in without
    }
    names, across = list(files), SCENE // _TILE
    for _ in range(entry["scenes"]):
        pixels = np.empty((len(spec.bands), SCENE, SCENE), np.uint16)
        labels = np.empty((SCENE, SCENE), np.int64)
        for square in range(across**2):
            name = names[rng.integers(len(names))]
            with PIL.Image.open(files[name][rng.integers(len(files[name]))]) as picture:
                rgb = np.asarray(picture.convert("RGB").resize((_TILE, _TILE))).transpose(2, 0, 1)
            row, column = (_TILE * place for place in divmod(square, across))
            part = np.s_[..., row : row + _TILE, column : column + _TILE]
            pixels[part] = spectra.from_rgb(rgb, SPECTRA_OF_FOLDERS.get(name, ()), rng).clip(0, 65535)
            labels[part] = concepts.index(name)
        yield LabelledScene(pixels, labels, _brightest(pixels, spec))


def _photographs(
    entry: Mapping[str, Any], concepts: Concepts, spec: InputSpec, rng: np.random.Generator
) -> Iterator[LabelledScene]:
    """Parts of photographs (``images``) with masks of the same name (``masks``), at several resolutions.

    ``colours`` gives the concept of each colour (``"#3C1098"``) of a mask; other colours are not labelled.
    """
    folder, folders = Path(entry["path"]), entry["folders"]
    files = [file for name in folders for file in sorted((folder / name / "images").glob("*.jpg"))]
    if not files:
        raise UsageError(f"{folder} has no images/*.jpg in the folders {', '.join(folders)}")
    codes = {int(colour.lstrip("#"), 16): concepts.index(name) for colour, name in entry["colours"].items()}
    for number in range(entry["scenes"]):
        file = files[number % len(files)]
        mask = file.parent.parent / "masks" / f"{file.stem}.png"
        with PIL.Image.open(file) as picture, PIL.Image.open(mask) as drawn:
            largest = min(_COARSEST, min(picture.size) / SCENE)
            side = round(SCENE * rng.uniform(1, max(largest, 1)))
            left, top = (int(rng.integers(max(length - side, 0) + 1)) for length in picture.size)
            box = (left, top, left + side, top + side)
            rgb = np.asarray(picture.convert("RGB").resize((SCENE, SCENE), PIL.Image.Resampling.BOX, box))
            colours = np.asarray(
                drawn.convert("RGB").resize((SCENE, SCENE), PIL.Image.Resampling.NEAREST, box)
            )
        code = colours.astype(np.int64) @ [1 << 16, 1 << 8, 1]
        labels = np.full(code.shape, UNLABELLED)
        for colour, concept in codes.items():
            labels[code == colour] = concept
        pixels = np.zeros((len(spec.bands), SCENE, SCENE), np.uint16)
        for band, channel in (("B04", 0), ("B03", 1), ("B02", 2)):
            pixels[spec.bands.index(band)] = rgb[..., channel] * (spec.rgb_max_dn / 255)
        yield LabelledScene(pixels, labels, float(spec.rgb_max_dn), rgb_only=True)


def _brightest(pixels: NDArray[np.uint16], spec: InputSpec) -> float:
    visible = [spec.bands.index(band) for band in ("B04", "B03", "B02")]
    return float(np.percentile(pixels[visible], 98))


Maker = Callable[[Mapping[str, Any], Concepts, InputSpec, np.random.Generator], Iterator[LabelledScene]]
_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Maker]] = {
    "made": (("spectra", "scenes"), (), _made),
    "mosaics": (("path", "spectra", "scenes"), ("block", "blocks", "without"), _mosaics),
    "photographs": (("path", "folders", "colours", "scenes"), (), _photographs),
}

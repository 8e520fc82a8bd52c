"""Pictures to train on: kept small in memory, or read from disk as they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terralex.imagery import Bands, parse_units, read_image
from terralex.imagery.class_folders import class_folders, split_block, split_fold
from terralex.models.card import InputSpec
from terralex.runtime.errors import InputError, UsageError
from terralex.synthetic import (
    LAND_NAMES,
    draw_land_tile,
    held_out_species,
    make_tree_of_life,
    make_unrelated_picture,
    render_specimen,
)
from terralex.synthetic.land.spectra import BANDS as LAND_BANDS
from terralex.taxonomy import Taxonomy, make_taxonomy
from terralex.training.captioned import (
    CaptionedPictures,
    CaptionedShards,
    CaptionedSource,
    CaptionedTable,
    Ssl4eo,
)
from terralex.training.captions import CaptionMaker
from terralex.training.concepts import Concepts
from terralex.training.picture_sets import PictureSet, SpectralPictures, draw_mosaics
from terralex.training.spectra import RealSpectra
from terralex.training.streaming import StreamedPictures, squash
from terralex.training.treeoflife import open_pictures

STORED = 1.25  # pictures are kept this much larger than the model's input, so that crops lose little
LAND_TILE = 64  # pixels a side of a made tile, as of the tiles of EuroSAT
FIRST_SPECIMEN = 1000  # seed of the first training picture of a made species; samples and tests use others


@dataclass(frozen=True)
class SourceSpec:
    """What every source needs to know: the model's input, the concepts, the seed, and reader threads."""

    input: InputSpec
    concepts: Concepts | None
    seed: int
    workers: int = 0


class Source(Protocol):
    """Labelled pictures of one kind."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Where each of their b bands stands in the model's input."""

    @property
    def gain(self) -> float:
        """What a raw unit is in the units of the model's means."""

    @property
    def share(self) -> float:
        """The part of each batch that this source gives."""

    @property
    def upright(self) -> bool:
        """Whether up is up in them: crops are then mirrored, never turned."""

    @property
    def taxonomy(self) -> Taxonomy | None:
        """The tree whose leaves are the labels; None: the labels are concepts."""

    @property
    def captions(self) -> CaptionMaker | None:
        """What makes captions of the labels; None: `taxonomy` or the concepts know what they name."""

    @property
    def damaged(self) -> Mapping[str, str]:
        """Pictures that could not be read so far, and why."""

    def choose(self, step: int, count: int, generator: torch.Generator) -> NDArray[np.int64]:
        """The pictures of a step, by their numbers."""

    def labels(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """The label of each picture."""

    def pixels(self, chosen: NDArray[np.int64]) -> Tensor:
        """Raw pixels of pictures: (n, b, S, S), S a little larger than the model's input."""


def load_source(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """The source that a recipe's ``data`` entry describes.

    Raises:
        UsageError: the entry lacks a key, has an unknown one or a wrong value, or there is no such data.
    """
    kind = entry.get("kind")
    if kind not in _KINDS:
        raise UsageError(f"a data source's kind is one of {', '.join(_KINDS)}, not {kind!r}")
    needed, optional, make = _KINDS[kind]
    if missing := [key for key in needed if key not in entry]:
        raise UsageError(f"a data source of kind {kind} has no '{missing[0]}'")
    if unknown := [key for key in entry if key not in {"kind", *needed, *optional}]:
        names = ", ".join((*needed, *optional))
        raise UsageError(f"unknown key '{unknown[0]}' in a data source of kind {kind}: known are {names}")
    for key, value in entry.items():
        _check(key, value)
    return make(entry, spec)


def rgb_channels(spec: InputSpec) -> tuple[int, ...]:
    """Return the channels of red, green and blue in the model's input, by the names of its bands.

    Raises:
        UsageError: the model does not see all three, so that it cannot learn from 8-bit pictures.
    """
    channels = find_rgb_channels(spec)
    if channels is None:
        raise UsageError(
            f"8-bit pictures need red, green and blue, which are not among the model's bands "
            f"{', '.join(spec.bands)}: leave such data sources out, or choose a model that has these bands"
        )
    return channels


def find_rgb_channels(spec: InputSpec) -> tuple[int, ...] | None:
    """Return the channels of red, green and blue in the model's input; None if it lacks one."""
    try:
        return tuple(Bands(spec.bands, spec.sensor).index(("red", "green", "blue")))
    except InputError:
        return None


def picture_gain(spec: InputSpec) -> float:
    """What one of 255 steps of an 8-bit picture is in the units of the model's means."""
    return (1.0 if spec.units == "8bit" else spec.rgb_max_dn) / 255


def _check(key: str, value: object) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    lowest = {
        "fold": 0,
        "tree": 0,
        "pictures": 1,
        "tiles": 1,
        "folds": 2,
        "block": 0,
        "blocks": 2,
        "mosaic": 1,
    }
    if key in lowest and not (whole and isinstance(value, int) and value >= lowest[key]):
        raise UsageError(f"{key} of a data source must be a whole number from {lowest[key]}, not {value!r}")
    number = whole or isinstance(value, float)
    if key == "share" and not (number and isinstance(value, int | float) and 0 < value < math.inf):
        raise UsageError(f"the share of a data source must be a number above 0, not {value!r}")
    if key in ("path", "captions", "bands", "units", "spectra") and not isinstance(value, str):
        raise UsageError(f"the {key} of a data source must be a text, not {value!r}")
    if key == "held_out" and not isinstance(value, bool):
        raise UsageError(f"held_out of a data source is true or false, not {value!r}")


def _folders(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """Folders of labelled pictures, a folder a concept; a fold or block is left out, or with held_out is all.

    With ``mosaic: k``, k x k pictures of a class make one: as if seen from farther away. With ``spectra``,
    pictures get the bands of the model, from real spectra of the same land.
    """
    concepts = _concepts(spec, "folders")
    if not Path(entry["path"]).is_dir():
        raise UsageError(f"no folder {entry['path']}: TERRALEX_DATA names the folder where data sets are")
    files = {name: _part(own, entry, name) for name, own in class_folders(Path(entry["path"])).items()}
    kinds = [name for name, own in files.items() for _ in own]
    labels = np.array([concepts.index(name) for name in kinds])
    source = PictureSet(
        _decoded(tuple(file for own in files.values() for file in own), round(STORED * spec.input.size)),
        labels,
        rgb_channels(spec.input),
        picture_gain(spec.input),
        float(entry["share"]),
        members=draw_mosaics(labels, entry["mosaic"], spec.seed) if "mosaic" in entry else None,
    )
    if "spectra" not in entry:
        return source
    spectra = RealSpectra(Path(entry["spectra"]), spec.input.bands)
    return SpectralPictures(
        **{**vars(source), "channels": tuple(range(len(spectra.bands))), "gain": 1.0},
        spectra=spectra,
        kinds=tuple(kinds),
        seed=spec.seed,
    )


@lru_cache(maxsize=4)
def _decoded(files: tuple[str, ...], largest: int) -> Tensor:
    """Pictures squashed to squares of one size, uint8 (n, 3, S, S): the size of the first, or ``largest``."""
    first = min(largest, *_rgb(files[0]).shape[:2])
    return torch.stack([squash(_rgb(file), first) for file in files])


def _part(files: Sequence[str], entry: Mapping[str, Any], name: str) -> list[str]:
    """The files of a class that an entry asks for."""
    if "block" in entry or "blocks" in entry:
        others, held_out = split_block(files, entry.get("block", 0), entry.get("blocks", 10))
    else:
        others, held_out = split_fold(files, entry.get("fold", 0), entry.get("folds", 5))
    chosen = held_out if entry.get("held_out") else others
    if not chosen:
        raise UsageError(
            f"the class {name} of {entry['path']} has no picture for this part of {len(files)} in all: "
            "add pictures, or leave the class out"
        )
    return chosen


def _land(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """Made land-cover tiles; with ``spectra``, in colours of real land."""
    concepts, names = _concepts(spec, "land"), LAND_NAMES
    classes = [i % len(names) for i in range(entry["tiles"])]
    bands = spec.input.bands
    places = [LAND_BANDS.index(band) for band in bands]
    real = RealSpectra(Path(entry["spectra"]), bands) if "spectra" in entry else None
    rng = np.random.default_rng([spec.seed, 17])
    pixels = np.empty((len(classes), len(bands), LAND_TILE, LAND_TILE), np.uint16)
    for i, k in enumerate(classes):
        drawn, labels_of = draw_land_tile(names[k], spec.seed + i, LAND_TILE)
        chosen = drawn[places]
        pixels[i] = (
            chosen
            if real is None
            else real.recolour(chosen.astype(np.float32), labels_of, rng).clip(0, 65535)
        )
    labels = np.array([concepts.index(names[k]) for k in classes])
    return PictureSet(torch.from_numpy(pixels), labels, tuple(range(len(bands))), 1.0, float(entry["share"]))


def _unrelated(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """Made pictures of anything but land from above, all of the concept ``other``."""
    concepts = _concepts(spec, "unrelated")
    size = round(STORED * spec.input.size)
    pictures = [make_unrelated_picture(spec.seed * 1_000_003 + i, size) for i in range(entry["pictures"])]
    return PictureSet(
        torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy()),
        np.full(len(pictures), concepts.index("other")),
        rgb_channels(spec.input),
        picture_gain(spec.input),
        float(entry["share"]),
        upright=True,
    )


def _life(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """Pictures of the made tree of life: of the species to train on, or of those that are held out."""
    tree = make_tree_of_life(entry.get("tree", 0))
    species = np.flatnonzero(held_out_species(tree) == entry.get("held_out", False))
    taxonomy = make_taxonomy([tree.lineage(int(place)) for place in species])
    leaves = taxonomy.locate([tree.lineage(int(place)) for place in species])
    size, pictures = round(STORED * spec.input.size), entry["pictures"]
    raw = np.empty((len(species) * pictures, 3, size, size), np.uint8)
    for number in range(len(raw)):
        place = int(species[number // pictures])
        picture = render_specimen(tree, place, FIRST_SPECIMEN + number % pictures, size)
        raw[number] = picture.transpose(2, 0, 1)
    return PictureSet(
        torch.from_numpy(raw),
        np.repeat(leaves, pictures),
        rgb_channels(spec.input),
        picture_gain(spec.input),
        float(entry["share"]),
        upright=True,
        taxonomy=taxonomy,
    )


def _tree(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """Pictures of a tree of life on disk, in class folders or shards."""
    return StreamedPictures(
        open_pictures(entry["path"]),
        size=round(STORED * spec.input.size),
        channels=rgb_channels(spec.input),
        gain=picture_gain(spec.input),
        share=float(entry["share"]),
        seed=spec.seed,
        workers=spec.workers,
    )


def _captions(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """Pictures of a table, each with a caption."""
    return _captioned(CaptionedTable(Path(entry["path"]), **_stated(entry)), entry, spec)


def _shards(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """Pictures of webdataset shards, each with a caption."""
    return _captioned(CaptionedShards(Path(entry["path"]), **_stated(entry)), entry, spec)


def _ssl4eo(entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    """A split of SSL4EO-S12 v1.1 with captions."""
    captions = Path(entry["captions"]) if "captions" in entry else None
    return _captioned(Ssl4eo(Path(entry["path"]), captions, **_stated(entry)), entry, spec)


def _captioned(pictures: CaptionedPictures, entry: Mapping[str, Any], spec: SourceSpec) -> Source:
    return CaptionedSource(
        pictures, spec.input, share=float(entry["share"]), seed=spec.seed, workers=spec.workers
    )


def _stated(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says of files that do not say it themselves."""
    stated: dict[str, Any] = {"bands": entry["bands"]} if "bands" in entry else {}
    return {**stated, "units": parse_units(entry["units"])} if "units" in entry else stated


def _concepts(spec: SourceSpec, kind: str) -> Concepts:
    if spec.concepts is None:
        raise UsageError(f"a data source of kind {kind} needs the recipe's 'concepts'")
    return spec.concepts


def _rgb(file: str) -> NDArray[np.uint8]:
    """A picture's red, green and blue, uint8 (H, W, 3)."""
    image = read_image(file).select(("red", "green", "blue"))
    if image.units != "8bit":
        raise UsageError(f"{file}: its values are {image.units}; training reads 8-bit pictures alone")
    return image.pixels.transpose(1, 2, 0)


_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Mapping[str, Any], SourceSpec], Source]]]
# Of each kind: keys that it must have, those that it may have, and what makes it.
_KINDS = {
    "folders": (
        ("path", "share"),
        ("fold", "folds", "block", "blocks", "held_out", "mosaic", "spectra"),
        _folders,
    ),
    "land": (("tiles", "share"), ("spectra",), _land),
    "unrelated": (("pictures", "share"), (), _unrelated),
    "life": (("pictures", "share"), ("tree", "held_out"), _life),
    "tree": (("path", "share"), (), _tree),
    "captions": (("path", "share"), ("bands", "units"), _captions),
    "shards": (("path", "share"), ("bands", "units"), _shards),
    "ssl4eo": (("path", "share"), ("captions", "units"), _ssl4eo),
}

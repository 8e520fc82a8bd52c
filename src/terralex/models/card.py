"""Model cards: everything that belongs to a set of weights besides the weights.

A card says which bands a model takes, in which units, how pictures are resized and normalised, which prompts
it was meant for, and where its weights are. It is a YAML file that holds data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from terralex.models.families.names import FAMILIES
from terralex.runtime.yaml_files import read_yaml, validate

Resize = Literal["shortest", "squash", "squash_float"]
Interpolation = Literal["bicubic", "bilinear"]
Missing = Literal["mean", "error"]
TokenizerName = Literal["clip", "pocket", "open_clip", "siglip2"]
GeometryName = Literal["cosine", "radial", "lorentz"]
UnitsName = Literal["dn", "dn+1000", "reflectance", "8bit", "landsat-c2"]
Count = Annotated[int, Field(gt=0)]

CARD_FILE = "terralex_card.yaml"


@dataclass(frozen=True)
class WeightSource:
    """Where a model's weights are.

    Attributes:
        files: Names of the weight file, the preferred one first: in a repository, a folder, or the package.
        repo: ``owner/name`` on the Hugging Face Hub.
        revision: Branch or commit in ``repo``.
        url: Where a person fetches the file when it is not on the Hub.
        bundled: The file is part of this package.
        sha256: Checksum of the file, where it is published.
        size_mb: Size of the file in megabytes, for people.
    """

    files: Annotated[tuple[str, ...], Field(min_length=1)]
    repo: str | None = None
    revision: str = "main"
    url: str | None = None
    bundled: bool = False
    sha256: str | None = None
    size_mb: float | None = None


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: pixels of shape (len(bands), size, size), normalised.

    Attributes:
        bands: Canonical names of ``sensor``, in channel order.
        sensor: Name of a sensor file, such as ``rgb`` or ``sentinel-2-l2a``.
        units: Units of ``mean`` and ``std``. For ``8bit`` they are fractions of 255, as is the custom.
        mean: One value a band. A pixel that is not known is set to it, which is 0 after normalisation.
        std: One value a band.
        size: Height and width in pixels.
        resize: ``shortest``: the shorter side to ``size``, then the centre; ``squash``: both sides;
            ``squash_float``: the same in floating point, for pictures of 8 bits too.
        interpolation: ``bicubic`` or ``bilinear``.
        antialias: Low-pass before shrinking.
        missing: What to do about a band that the picture lacks: its ``mean``, reported, or an ``error``.
        rgb_max_dn: The digital number (reflectance x 10000) that 255 stands for, where one of picture and
            model is an 8-bit rendering and the other is not.
    """

    bands: Annotated[tuple[str, ...], Field(min_length=1)]
    sensor: str
    units: UnitsName
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]
    size: Count
    resize: Resize = "shortest"
    interpolation: Interpolation = "bicubic"
    antialias: bool = True
    missing: Missing = "mean"
    rgb_max_dn: Annotated[float, Field(gt=0)] = 2000.0

    def __post_init__(self) -> None:
        if len(set(self.bands)) != len(self.bands):
            raise ValueError("bands must each be named once")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != len(self.bands):
                raise ValueError(f"{name} has {len(values)} values for {len(self.bands)} bands")


@dataclass(frozen=True)
class TextSpec:
    """How texts become tokens.

    Attributes:
        tokenizer: ``clip`` (CLIP's byte-pair encoding), ``pocket``, ``siglip2``, or ``open_clip``: the one of
            ``tower``.
        context: Tokens a text may have, start and end included.
        templates: Name of the prompt templates that the model was meant for.
        tower: The text tower, where it is not part of the weights: a repository of the Hugging Face Hub for
            ``siglip2``; ``ARCHITECTURE/WEIGHTS`` in open_clip's names for ``open_clip``.
    """

    tokenizer: TokenizerName
    context: Count
    templates: str
    tower: str | None = None


@dataclass(frozen=True)
class Score:
    """A published or measured figure, and where it is written."""

    task: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class ModelCard:
    """The description of a model.

    Attributes:
        family: A key of `FAMILIES`, which says how the model is built and loaded.
        architecture: What the family needs to know to build the network.
        logit_scale: What cosines are multiplied by before the softmax; None: what was learned with the
            weights.
        geometry: ``cosine``: embeddings are unit rows; ``radial``: unit rows around a root, the farther from
            it the more specific; ``lorentz``: points of hyperbolic space, whose root is the origin.
        root: The most general text, whose embedding is the root of a radial model; it may be empty.
        domain: What the model is for.
        trained_on: What it learned from.
        notes: What a user should know, one sentence each.
    """

    name: str
    title: str
    description: str
    family: str
    architecture: Mapping[str, Any]
    embed_dim: Count
    weights: WeightSource
    input: InputSpec
    text: TextSpec
    licence: str
    url: str
    citation: str
    domain: str
    trained_on: str
    logit_scale: float | None = None
    geometry: GeometryName = "cosine"
    root: str | None = None
    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {self.family!r}")
        if self.geometry == "radial" and self.root is None:
            raise ValueError('root is missing: a radial model needs its most general text, such as "Eukarya"')
        if self.geometry != "radial" and self.root is not None:
            raise ValueError(f"root is for radial models only, and geometry is {self.geometry}")


def read_card(path: Path) -> ModelCard:
    """Read and check the card in a YAML file.

    Raises:
        TerralexError: The file cannot be read or is not a card; the message names the field.
    """
    return read_yaml(path, ModelCard)


def parse_card(data: object, where: str) -> ModelCard:
    """Turn the content of a card file into a ModelCard.

    Args:
        data: What YAML gave.
        where: The file, for messages.

    Raises:
        TerralexError: A field is missing, unknown, or of the wrong kind; the message names it.
    """
    return validate(data, ModelCard, where)


def card_to_yaml(card: ModelCard) -> str:
    """The card as YAML that `parse_card` reads back to an equal card."""
    return yaml.safe_dump(
        _plain(card), default_flow_style=None, sort_keys=False, allow_unicode=True, width=100
    )


def _plain(value: object) -> Any:  # noqa: ANN401 (any YAML value)
    """Dataclasses and tuples as mappings and lists; fields that are None or empty are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        items = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(item) for name, item in items.items() if item is not None and item != ()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

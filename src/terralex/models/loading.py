"""Models by name, from the Hugging Face Hub, a folder or a checkpoint file; and back into a folder."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from safetensors.torch import save as to_safetensors

from terralex.imagery import load_sensors
from terralex.models import hub
from terralex.models.card import CARD_FILE, ModelCard, WeightSource, card_to_yaml, read_card
from terralex.models.checkpoints import is_msclip, read_tensors
from terralex.models.families.registry import get_family
from terralex.models.model import Model
from terralex.models.published import CONFIG_FILE, WEIGHT_FILES, derive_card
from terralex.models.registry import card_for_repo, get_card, list_cards
from terralex.runtime.device import resolve_device, resolve_precision
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.files import cannot_write, write_atomically

_HUB, _FOLDER = "hf-hub:", "local-dir:"


def load_model(
    name: str = "pocket",
    *,
    card: str | ModelCard | None = None,
    device: str = "auto",
    precision: str = "auto",
    offline: bool = False,
    resize: Literal["model", "squash"] = "model",
) -> Model:
    """Load a model and everything that belongs to it.

    Args:
        name: One of

            - a card's name, such as ``bioclip-2`` (`list_cards`);
            - ``NAME@FILE``: that card with the weights in a file of one's own;
            - ``hf-hub:OWNER/NAME``: a repository of the Hugging Face Hub with an open_clip model;
            - ``local-dir:FOLDER`` (or the path of a folder): what `save_model` or open_clip wrote;
            - a checkpoint file. Which model it is must be known: from the description beside it, from the
              names inside (MS-CLIP's are its own), or from ``card``.
        card: The card of the weights in the file ``name``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``: what the network computes in.
        offline: Never use the network. Files that are on this machine are used without it anyway.
        resize: How pictures become square: as the "model" says; or "squash", both sides in floating point by
            bilinear interpolation, as pybioclip does. The revision of the model changes with it.

    Raises:
        UsageError: No such model, file, device or precision, or a file of weights without a card.
        TerralexError: The weights are not here, are damaged, or do not fit the card.
    """
    found = resolve(name, card=card, offline=offline)
    if resize == "squash":
        spec = replace(found.card.input, resize="squash_float", interpolation="bilinear", antialias=True)
        found = replace(found, card=replace(found.card, input=spec))
    _check_bands(found.card)
    family = get_family(found.card.family)
    opened, network, tokenizer = family.open(found.card, found.weights, offline=offline)
    chosen = resolve_device(device)
    return Model(opened, network, tokenizer, device=chosen, dtype=resolve_precision(precision, chosen))


def pull(card: ModelCard) -> Path:
    """Fetch the weights of a card, and what their publisher says of them, so that later runs need no network.

    Raises:
        TerralexError: The weights cannot be fetched, or differ from the checksum on the card.
    """
    source = card.weights
    path = hub.locate(source, card.name)
    get_family(card.family).fetch_text_tower(card)
    if source.repo and source.files[0].startswith("open_clip") and not hub.is_offline():
        with suppress(TerralexError):  # the weights are here; this is what they are compared with
            hub.fetch_optional(source.repo, CONFIG_FILE, source.revision)
    if source.sha256:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != source.sha256:
            raise TerralexError(
                f"{path} is damaged or not what {card.name} was made for: sha256 {digest}; delete it"
            )
    return path


def save_model(model: Model, directory: str | Path) -> Path:
    """Write a folder that `load_model` reads back to the same numbers; files of the same names are replaced.

    It holds the card and the weights as ``.safetensors``; an RGB model of open_clip's family, unless it is
    hyperbolic, also gets the ``open_clip_config.json`` with which open_clip itself loads the folder
    (``local-dir:``).

    Returns:
        The folder.

    Raises:
        TerralexError: The folder cannot be written.
    """
    folder = Path(directory)
    family = get_family(model.card.family)
    file = family.weight_file
    card = replace(model.card, weights=WeightSource(files=(file,)))
    # A copy of each: safetensors takes no two views of the same memory.
    state = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in model.network.state_dict().items()
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / file, to_safetensors(state, metadata={"format": "pt"}))
        for name, content in family.extra_files(card).items():
            write_atomically(folder / name, content)
        write_atomically(folder / CARD_FILE, card_to_yaml(card).encode())
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


@dataclass(frozen=True)
class Found:
    """A card and the file with its weights."""

    card: ModelCard
    weights: Path


def resolve(name: str, *, card: str | ModelCard | None = None, offline: bool = False) -> Found:
    """The card and the weight file behind a name, as `load_model` takes it, without building the network.

    Raises:
        UsageError, TerralexError: As `load_model`.
    """
    if card is not None:
        return Found(get_card(card) if isinstance(card, str) else card, Path(name).expanduser())
    known = {shipped.name for shipped in list_cards()}
    before, at, after = name.partition("@")
    if before in known:
        return Found(get_card(before), Path(after).expanduser()) if at else _named(get_card(name), offline)
    if name.startswith(_HUB):
        return _in_hub(name.removeprefix(_HUB), offline)
    path = Path(name.removeprefix(_FOLDER)).expanduser()
    if name.startswith(_FOLDER) or path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return _in_file(path)
    if len(path.parts) > 1 or path.suffix in (".pt", ".pth", ".bin", ".ckpt", ".safetensors"):
        raise UsageError(f"no such model file or folder: {name}")
    return _named(get_card(name), offline)


def _named(card: ModelCard, offline: bool) -> Found:
    weights = hub.locate(card.weights, card.name, offline=offline)
    if disagreement := get_family(card.family).disagreement(card, weights):
        published, differs = disagreement
        raise TerralexError(
            f"the card of {card.name} and its publisher's {published} disagree ({differs}); "
            f"to follow the publisher, pass --model {_FOLDER}{published.parent}"
        )
    return Found(card, weights)


def _in_hub(repo: str, offline: bool) -> Found:
    if card := card_for_repo(repo):
        return _named(card, offline)
    if several := [card.name for card in list_cards() if card.weights.repo == repo]:
        raise UsageError(f"{repo} holds several models: use {' or '.join(several)}")
    if not hub.is_repo(repo):
        raise UsageError(
            f"a repository of the Hugging Face Hub is written {_HUB}OWNER/NAME, not {_HUB}{repo}"
        )
    name = f"{_HUB}{repo}"
    description = hub.find_in_cache(repo, CARD_FILE) or hub.find_in_cache(repo, CONFIG_FILE)
    if description is None and hub.is_offline(offline):
        raise TerralexError(
            f"{name} is not on this machine: run `terralex models pull {name}` where there is a network; "
            f"or fetch {CONFIG_FILE} and {WEIGHT_FILES[0]} of https://huggingface.co/{repo} into a folder "
            f"and pass {_FOLDER}FOLDER"
        )
    description = description or hub.fetch_optional(repo, CARD_FILE) or hub.fetch_optional(repo, CONFIG_FILE)
    if description is None:
        raise TerralexError(
            f"https://huggingface.co/{repo} has neither {CARD_FILE} nor {CONFIG_FILE}: no open_clip model"
        )
    card = read_card(description) if description.name == CARD_FILE else derive_card(description, name, repo)
    source = replace(card.weights, files=_inside(card), repo=repo, revision="main", bundled=False)
    return Found(card, hub.locate(source, repo.replace("/", "--"), offline=offline))


def _in_folder(folder: Path) -> Found:
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    card = _described(folder)
    if card is None:
        raise UsageError(f"{folder} holds no model: it has neither {CARD_FILE} nor {CONFIG_FILE}")
    weights = next((folder / file for file in _inside(card) if (folder / file).is_file()), None)
    if weights is None:
        raise TerralexError(f"{folder} has no {' or '.join(card.weights.files)}")
    return Found(card, weights)


def _in_file(path: Path) -> Found:
    card = _described(path.parent)
    if card and path.name in card.weights.files:
        return Found(card, path)
    cards = [(card, get_family(card.family)) for card in list_cards()]
    ends = {card.name for card, own in cards if (end := own.checkpoint_suffix) and path.name.endswith(end)}
    if ends:
        raise UsageError(
            f"{path}: whose weights are these? Say it: NAME@{path}; if it is RADIO's, NAME is one of "
            f"{', '.join(sorted(ends))}"
        )
    tensors = read_tensors(path)
    if is_msclip(tensors):
        return Found(get_card("msclip"), path)
    fitting = [card.name for card, family in cards if family.fits(card, tensors)]
    hint = f"; by their shapes they could be {', '.join(fitting)}" if fitting else ""
    raise UsageError(
        f"{path}: whose weights are these? Say it: NAME@{path}, with a name of `terralex models list`{hint}"
    )


def _check_bands(card: ModelCard) -> None:
    """Refuse a card whose bands its sensor does not have: every picture would lack them."""
    spec, sensors = card.input, load_sensors()
    if spec.sensor not in sensors:
        raise TerralexError(
            f"the card of {card.name}: input.sensor must be one of {', '.join(sensors)}, not {spec.sensor!r}"
        )
    known = [band.name for band in sensors[spec.sensor].bands]
    if strange := [name for name in spec.bands if name not in known]:
        raise TerralexError(
            f"the card of {card.name}: {spec.sensor} has no band {strange[0]!r}, only {', '.join(known)}"
        )


def _described(folder: Path) -> ModelCard | None:
    if (card_file := folder / CARD_FILE).is_file():
        return read_card(card_file)
    if (config := folder / CONFIG_FILE).is_file():
        return derive_card(config, folder.resolve().name)
    return None


def _inside(card: ModelCard) -> tuple[str, ...]:
    """The card's file names, none of which may lead out of its folder."""
    for file in card.weights.files:
        for path in (PurePosixPath(file), PureWindowsPath(file)):
            if path.is_absolute() or path.drive or ".." in path.parts:
                raise TerralexError(f"{CARD_FILE} of {card.name} names a file outside its folder: {file}")
    return card.weights.files

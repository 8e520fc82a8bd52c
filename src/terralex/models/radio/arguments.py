"""What a RADIO checkpoint says of itself: the training arguments that shape the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from terralex.runtime.errors import TerralexError

_HEADS_BY_WIDTH = {1152: 16, 1280: 16, 1536: 24, 1664: 16}
"""Attention heads of the published sizes whose heads are not 64 wide."""


@dataclass(frozen=True)
class Teacher:
    """A model that the backbone was taught by, and whose space a head leads to.

    Attributes:
        name: What its adaptor is called, such as ``siglip2-g``.
        kind: What it is: ``siglip2``, ``open_clip``, ``dino_v2``, ``sam``.
        positions: Where it stands among the teachers (more than once, if it taught at several sizes).
        slot: The prefix token that is its summary.
        model: Which one of its kind, such as ``siglip2-g-384`` or ``ViT-H-14-378-quickgelu``.
        pretrained: open_clip's name of its weights.
        upsample: How many times finer than the patches its feature head is.
    """

    name: str
    kind: str
    positions: tuple[int, ...]
    slot: int
    model: str | None
    pretrained: str | None
    upsample: int


@dataclass(frozen=True)
class Arguments:
    """The arguments, checked.

    Attributes:
        teachers: Each once, in order.
        heads: Attention heads, if stated.
        final_norm: The backbone ends in a layer norm; None: not stated.
        scaled_norms: The norms of block n (from 1) are divided by the square root of n.
        spectral_eps: What is added to the largest singular value in spectral reparametrisation.
        summary_slots: The prefix tokens that make up the backbone's summary.
    """

    teachers: tuple[Teacher, ...]
    heads: int | None
    final_norm: bool | None
    scaled_norms: bool
    spectral_eps: float
    summary_slots: tuple[int, ...]

    def teacher(self, wanted: str) -> Teacher | None:
        """The teacher of that name; or the one of that kind; or the one whose name only says more.

        ``siglip2`` finds ``siglip2-g``; ``sam`` does not find ``sam3``, which is another model.
        """
        by_name = [one for one in self.teachers if one.name == wanted]
        by_kind = [one for one in self.teachers if one.kind == wanted]
        longer = [one for one in self.teachers if one.name.startswith((f"{wanted}-", f"{wanted}_"))]
        return next((found[0] for found in (by_name, by_kind, longer) if len(found) == 1), None)


def parse_arguments(given: Mapping[str, Any], where: str) -> Arguments:
    """Check the arguments of a checkpoint.

    Args:
        given: Names and values; empty where a file holds none.
        where: The file, for messages.

    Raises:
        TerralexError: One is not what it should be; the message names it.
    """
    options = _mapping(given.get("model_kwargs") or {}, "model_kwargs", where)
    teachers = _teachers(given, where)
    return Arguments(
        teachers=tuple(teachers),
        heads=_whole(options, "num_heads", None, where),
        final_norm=bool(given.get("model_norm")) if given else None,
        scaled_norms=bool(options.get("scaled_ln")),
        spectral_eps=_spectral_eps(given.get("spectral_reparam"), where),
        summary_slots=_summary_slots(given, teachers, where),
    )


def attention_heads(stated: int | None, width: int) -> int:
    """How many attention heads a backbone of that width has."""
    return stated or _HEADS_BY_WIDTH.get(width) or max(1, width // 64)


def _teachers(given: Mapping[str, Any], where: str) -> list[Teacher]:
    entries = _entries(given, where)
    per_teacher = bool(given.get("cls_token_per_teacher"))
    positions: dict[str, list[int]] = {}
    for position, entry in enumerate(entries):
        positions.setdefault(entry["name"], []).append(position)
    return [
        _teacher(entries[found[0]], tuple(found), found[0] if per_teacher else 0, where)
        for found in positions.values()
    ]


def _entries(given: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    entries = given.get("teachers") or []
    if not isinstance(entries, list | tuple):
        raise TerralexError(f"{where}: args.teachers must be a list, not {type(entries).__name__}")
    for position, entry in enumerate(entries):
        name = _mapping(entry, f"teachers[{position}]", where).get("name")
        if not isinstance(name, str) or not name or "." in name:
            raise TerralexError(f"{where}: args.teachers[{position}].name must be a name, not {name!r}")
    return list(entries)


def _summary_slots(given: Mapping[str, Any], teachers: list[Teacher], where: str) -> tuple[int, ...]:
    """The first token of every teacher that summarises; as they were kept, if weights were saved here."""
    kept = given.get("summary_slots")
    if isinstance(kept, list) and kept and all(isinstance(slot, int) and slot >= 0 for slot in kept):
        return tuple(kept)
    if not given.get("cls_token_per_teacher"):
        return (0,)
    entries = _entries(given, where)
    first = [one.positions[0] for one in teachers]
    return tuple(place for place in first if entries[place].get("use_summary", True)) or (0,)


def _teacher(entry: Mapping[str, Any], positions: tuple[int, ...], slot: int, where: str) -> Teacher:
    return Teacher(
        name=entry["name"],
        kind=str(entry.get("type") or entry["name"]),
        positions=positions,
        slot=_whole(entry, "token_slot", slot, where) or 0,
        model=_optional_text(entry, "model"),
        pretrained=_optional_text(entry, "pretrained"),
        upsample=_whole(entry, "fd_upsample_factor", 1, where) or 1,
    )


def _spectral_eps(spectral: object, where: str) -> float:
    if not isinstance(spectral, Mapping):
        return 1e-6
    eps = spectral.get("eps", 1e-12)
    if not isinstance(eps, int | float):
        raise TerralexError(f"{where}: args.spectral_reparam.eps must be a number, not {eps!r}")
    return float(eps)


def _optional_text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) and value else None


def _mapping(value: object, name: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TerralexError(f"{where}: args.{name} must be a mapping, not {type(value).__name__}")
    return value


def _whole(values: Mapping[str, Any], name: str, default: int | None, where: str) -> int | None:
    value = values.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TerralexError(f"{where}: {name} must be a whole number, not {value!r}")
    return value

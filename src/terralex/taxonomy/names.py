"""Names of organisms: ranks, lineages as text, and the strings that BioCLIP is trained on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from terralex.taxonomy.scientific import tidy

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
"""The seven Linnaean ranks, from general to specific."""

ARROW = " > "
"""Separates the names of a lineage that is shown to people or typed by them."""

_TAG = re.compile(r"<[^<>]*>")
_PLACEHOLDERS = {"(unidentified)", "unidentified", "unknown", "pleasehelp"}
_KINGDOMS = {"metazoa": "animalia", "archaeplastida": "plantae", "chloroplastida": "plantae"}
_CUT = re.compile(r"\s*(?:\(|,|&|\b(?:ssp|subsp|var)\.|\b\d{4}\b).*")
_AUTHOR = re.compile(r"(?<=\S)\s+[^\W\d_a-z].*")


def taxonomic_name(names: Sequence[str]) -> str:
    """The names of a lineage joined by spaces, without missing ones: the text that BioCLIP and RCME use."""
    return " ".join(filter(None, names))


def tagged_name(names: Sequence[str], ranks: Sequence[str] = RANKS) -> str:
    """As `taxonomic_name`, with its rank before each name: "kingdom Animalia phylum Chordata"."""
    return " ".join(f"{rank} {name}" for rank, name in zip(ranks, names, strict=False) if name)


def show_lineage(names: Sequence[str]) -> str:
    """A lineage for people: `Animalia > Chordata`, with `?` for a name that is missing between others."""
    last = max((index for index, name in enumerate(names) if name), default=-1)
    return ARROW.join(name or "?" for name in names[: last + 1])


def bioclip_names(names: Sequence[str]) -> tuple[str, ...]:
    """Normalise seven names as those that BioCLIP was trained on.

    HTML tags and placeholders ("unknown") go, kingdoms get their usual name, and the epithet loses authors,
    years, subspecies marks and a repeated genus, which fills a missing genus. Capitals are put right.

    Args:
        names: Kingdom, phylum, class, order, family, genus, and a species or its epithet.

    Returns:
        As many names, "" where missing: six capitalised, the epithet in lower case.
    """
    if len(names) != len(RANKS):
        raise ValueError(f"BioCLIP names have seven parts, not {len(names)}: {names!r}")
    *higher, species = (_plain(name) for name in names)
    higher[0] = _KINGDOMS.get(higher[0].lower(), higher[0])
    genus, epithet = _epithet(higher[-1], species)
    return (*(name.capitalize() for name in (*higher[:-1], genus)), epithet)


def _plain(name: str) -> str:
    name = tidy(_TAG.sub("", name))
    return "" if name.lower() in _PLACEHOLDERS else name


def _epithet(genus: str, species: str) -> tuple[str, str]:
    first, _, rest = species.partition(" ")
    if rest and (first.lower() == genus.lower() or (not genus and first[0].isupper())):
        genus, species = genus or first, rest
    words = _CUT.sub("", _AUTHOR.sub("", species)).lower().split()
    if len(words) > 1 and len(set(words)) == 1:
        words = words[:1]
    return genus, " ".join(words)

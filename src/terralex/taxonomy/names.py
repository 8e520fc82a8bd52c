"""Names of organisms: ranks, scientific names and their parts, and the strings that BioCLIP is trained on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
"""The seven Linnaean ranks, from general to specific."""

ARROW = " > "
"""Stands between the names of a lineage that is shown to people or typed by them."""

# Words inside a scientific name that only say what comes next: they are left out.
_MARKERS = {"subsp.", "ssp.", "var.", "subvar.", "f.", "fo.", "forma", "cv."}
# Words after which nothing names a species: it was left open, or an author's name begins.
_OPEN = {"sp.", "sp", "spp.", "cf.", "cf", "aff.", "indet.", "nr."}
_PARTICLES = {"de", "da", "di", "do", "dos", "du", "del", "la", "le", "van", "von", "der", "den", "zu"}
_AUTHORS = _PARTICLES | {"ex", "in", "et", "and", "emend.", "auct.", "nom.", "non", "sensu"}
_EPITHET = re.compile(r"[^\W\d_A-Z][^\W_]*(?:[-'’.][^\W_]+)*\.?")

_TAG = re.compile(r"<[^<>]*>")
_PLACEHOLDERS = {"(unidentified)", "unidentified", "unknown", "pleasehelp"}
_KINGDOMS = {"metazoa": "animalia", "archaeplastida": "plantae", "chloroplastida": "plantae"}
_CUT = re.compile(r"\s*(?:\(|,|&|\b(?:ssp|subsp|var)\.|\b\d{4}\b).*")
_AUTHOR = re.compile(r"(?<=\S)\s+[^\W\d_a-z].*")


def tidy(name: str) -> str:
    """The name with composed accents (NFC) and single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def split_species(genus: str, species: str) -> tuple[str, str]:
    """Genus and epithet of what a species column holds beside a genus column.

    The genus, whole or as its initial ("C. lupus"), is taken off the species, and fills a missing genus.
    An epithet may have several words; one that equals the genus ("Bison", "bison") stays.
    """
    first, _, rest = species.partition(" ")
    if not rest:
        return genus, species
    if not genus:
        return (first, rest) if first[0].isupper() else (genus, species)
    if species.startswith(genus + " "):
        return genus, species[len(genus) + 1 :]
    return genus, rest if first == genus[0] + "." else species


def split_scientific(name: str, authorship: str = "") -> tuple[str, str]:
    """Genus and epithet of a scientific name; the authors, the subgenus and markers such as "var." go.

    Args:
        name: "Canis lupus Linnaeus, 1758", "Aedes (Stegomyia) aegypti", "Rosa canina var. lutetiana",
            "Felidae".
        authorship: The part of `name` that names its authors, where a table has it apart.

    Returns:
        The first word, and the epithet: "" for a name of one word or an open one ("Canis sp."), of several
        words for a subspecies or a hybrid ("arctos syriacus", "× piperita").
    """
    name = tidy(name)
    if authorship and name.endswith(tail := tidy(authorship)):
        name = name[: -len(tail)].rstrip()
    words = name.split()
    hybrid = words[:1] in (["×"], ["x"])
    genus = " ".join(words[: 1 + hybrid])
    rest = words[1 + hybrid :]
    if rest and re.fullmatch(r"\([^()]+\)", rest[0]):
        rest = rest[1:]
    epithet: list[str] = []
    for word in rest:
        if word in _MARKERS:
            continue
        if word in _OPEN or word in _AUTHORS or not (word == "×" or _EPITHET.fullmatch(word)):
            break
        epithet.append(word)
    return genus, " ".join(epithet) if epithet != ["×"] else ""


def scientific_name(genus: str, epithet: str) -> str:
    """`Genus epithet`, or the one of them that is given."""
    return f"{genus} {epithet}".strip()


def taxonomic_name(names: Sequence[str]) -> str:
    """All names of a lineage that are given, joined by spaces: what BioCLIP and RCME read as text."""
    return " ".join(filter(None, names))


def tagged_name(names: Sequence[str], ranks: Sequence[str] = RANKS) -> str:
    """As `taxonomic_name`, with its rank before each name: "kingdom Animalia phylum Chordata"."""
    return " ".join(f"{rank} {name}" for rank, name in zip(ranks, names, strict=False) if name)


def show_lineage(names: Sequence[str]) -> str:
    """The lineage for people: `Animalia > Chordata`, with `?` for a name that is missing between others."""
    last = max((place for place, name in enumerate(names) if name), default=-1)
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

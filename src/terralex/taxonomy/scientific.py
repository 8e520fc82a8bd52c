"""Scientific names of organisms and their parts: genus, epithets, hybrid signs, authors."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

# Words inside a scientific name that only say what comes next: they are left out.
_MARKERS = {
    *("subsp", "ssp", "nothosubsp", "var", "nothovar", "subvar", "convar", "f", "fo", "forma", "subf"),
    *("cv", "pv", "morph", "ab"),
}
# The name was left open: what follows may name a species, but not the one that was meant.
_OPEN = re.compile(r"\??(?:spp?|cf|aff|nr|indet|undet)(?:[.\d].*)?|species|\?|indeterminata?")
# Words of authors and remarks on the name.
_PARTICLES = {
    *("de", "da", "di", "do", "dos", "das", "du", "del", "dela", "della", "delle", "dello", "degli", "des"),
    *("la", "le", "les", "lo", "las", "los", "el", "al", "af", "av", "ap", "ab", "ben", "bin", "ibn", "dit"),
    *("van", "von", "vom", "vander", "der", "den", "dem", "het", "op", "ten", "ter", "te", "tot", "zu"),
    *("zum", "zur", "und", "san", "santa", "saint", "sainte"),
}
_REMARKS = {"ex", "in", "et", "and", "emend", "auct", "nom", "non", "nec", "sensu", "hort", "agg", "apud"}
_NAME_PREFIXES = {particle.capitalize() for particle in _PARTICLES}
_EPITHET = re.compile(r"(?:\d{1,2}-)?[^\W\d_A-Z]+(?:[-'’.][^\W\d_A-Z]+)*")
_CAPITALISED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ABOVE_GENUS = re.compile(r"(?:idae|inae|oidea|aceae|oideae|ales|ineae|formes|iformes)$")
_HYBRID = "×"
_TAG = re.compile(r"<[^<>]*>")
_SHORTEST_EPITHET = 4  # letters of a third word before an author; shorter ones are particles ("zur")


class ScientificName(NamedTuple):
    """The parts of a scientific name.

    Attributes:
        genus: Its first word, with the sign of a hybrid genus.
        epithet: "" for a name of one word or an open one; of several words for a subspecies or a hybrid.
        is_open: The name was left open: "Canis sp.", "Canis cf. lupus".
        capitalised: The epithet was written with a capital, so that it could be an author.
    """

    genus: str
    epithet: str
    is_open: bool = False
    capitalised: bool = False


def tidy(name: str) -> str:
    """The name with composed accents (NFC), single spaces, and a space after the sign of a hybrid."""
    name = unicodedata.normalize("NFC", name)
    if _HYBRID in name:
        name = re.sub(r"(?<!\S)×(?=[^\W\d_])", "× ", name)
    return " ".join(name.split())


def split_scientific(name: str, authorship: str = "") -> tuple[str, str]:
    """Genus and epithet of a scientific name; see `parse_scientific`."""
    return parse_scientific(name, authorship)[:2]


def parse_scientific(name: str, authorship: str = "") -> ScientificName:
    """Take a scientific name apart; authors, the subgenus and markers such as "var." are left out.

    A capitalised second word is read as an epithet where nothing shows that it is an author.

    Args:
        name: "Canis lupus Linnaeus, 1758", "Aedes (Stegomyia) aegypti", "Rosa canina L. var. lutetiana",
            "Mentha ×piperita", "Quercus robur x Q. petraea", "FELIS CATUS", "Felidae".
        authorship: The part of `name` that names its authors, where a table has it apart.
    """
    name = tidy(_TAG.sub("", name)).strip("†‡\"'[] ")
    if " " not in name:
        name = name.replace("_", " ")
    if authorship and name.endswith(tail := tidy(authorship)):
        name = name[: -len(tail)].rstrip()
    words = _words(name)
    is_hybrid = words[:1] == [_HYBRID] and len(words) > 1
    genus = " ".join([*words[:is_hybrid], *(_capital(word) for word in words[is_hybrid : is_hybrid + 1])])
    rest = words[1 + is_hybrid :]
    if name.isupper() and rest:
        # Authors cannot be distinguished here: the first epithet counts, and the sign of a hybrid before it.
        rest = [word.lower() for word in rest[: 1 + (rest[0] == _HYBRID)]]
    if rest and re.fullmatch(r"\([^()]+\)", rest[0]):
        rest = rest[1:]
    if rest and _OPEN.fullmatch(rest[0]):
        return ScientificName(genus, "", is_open=True)
    if rest and _is_capitalised_epithet(genus, rest):
        return ScientificName(genus, " ".join([rest[0].lower(), *_epithets(genus, rest[1:], 1)]), False, True)
    return ScientificName(genus, " ".join(_epithets(genus, rest)))


def normalised_epithet(epithet: str) -> str:
    """An epithet from a column of its own, with the sign of a hybrid in one form ("× piperita")."""
    return re.sub(r"^[xX] (?=[^\W\d_])", "× ", tidy(epithet))


def split_species(genus: str, species: str) -> tuple[str, str]:
    """Genus and epithet of what a species column holds beside a genus column.

    The genus, whole or as its initial ("C. lupus"), is taken off the species, and fills a missing genus.
    An epithet may have several words; one that equals the genus ("Bison", "bison") stays.
    """
    species = normalised_epithet(species)
    first, _, rest = species.partition(" ")
    if not rest or (first == _HYBRID and not species.startswith(f"{genus} ")):
        return genus, species
    if not genus:
        return (first, normalised_epithet(rest)) if first[0].isupper() else (genus, species)
    if species.casefold().startswith(f"{genus} ".casefold()):
        return genus, normalised_epithet(species[len(genus) + 1 :])
    return genus, normalised_epithet(rest) if first == genus[0] + "." else species


def scientific_name(genus: str, epithet: str) -> str:
    """`Genus epithet`, or the one of them that is given."""
    return f"{genus} {epithet}".strip()


def _words(name: str) -> list[str]:
    """The words of a name; a letter x that stands for the sign of a hybrid becomes this sign."""
    words = name.replace(_HYBRID, f" {_HYBRID} ").split()
    return [_HYBRID if word in ("x", "X") and at + 1 < len(words) else word for at, word in enumerate(words)]


def _capital(word: str) -> str:
    return word.capitalize() if word.isupper() or word.islower() else word


def _is_capitalised_epithet(genus: str, rest: list[str]) -> bool:
    """Whether the word after the genus is an epithet that was written with a capital."""
    word, following = rest[0], rest[1] if len(rest) > 1 else ""
    if word.islower() or not _CAPITALISED.fullmatch(word) or word in _NAME_PREFIXES:
        return False
    if following in ("&", "et", "and", "ex", "in") or re.match(r"\d{4}", following):
        return False  # an author and a year, or two authors
    # Above the genus the second word is an author: "Felidae Fischer". Otherwise a title is capitalised more
    # often than a genus has an author without a year; a reader of a table counts these names aloud.
    return not _ABOVE_GENUS.search(genus)


def _epithets(genus: str, words: list[str], count: int = 0) -> list[str]:
    """The epithets at the beginning of some words, and one that follows a marker behind authors.

    Args:
        genus: Left out where it is repeated in the formula of a hybrid.
        words: What follows the genus, or its first epithet.
        count: Epithets before these words.
    """
    epithets: list[str] = []
    for at, word in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else ""
        if word == _HYBRID:
            epithets.append(word)
        elif epithets[-1:] == [_HYBRID] and word[:1].isupper():
            # The second parent of a hybrid: "robur × Quercus petraea", "robur × Q. petraea".
            if word not in (genus, f"{genus[0]}."):
                epithets.append(word)
        elif word.removesuffix(".") in _MARKERS:
            continue
        elif not _EPITHET.fullmatch(word) or word in _PARTICLES | _REMARKS:
            tail = _behind_authors(genus, words[at:])
            return _without_loose_sign([*epithets, *tail] if epithets or count else epithets)
        elif (
            len(word) < _SHORTEST_EPITHET
            and following[:1].isupper()
            and (epithets or count)
            and word not in epithets
            and words[at - 1].removesuffix(".") not in _MARKERS
            and epithets[-1:] != [_HYBRID]
        ):
            break
        else:
            epithets.append(word)
    return _without_loose_sign(epithets)


def _behind_authors(genus: str, words: list[str]) -> list[str]:
    """The epithet that a marker announces after authors ("lutetiana" of "L. var. lutetiana Baker").

    Or the second parent of a hybrid: "× fragilis" of "L. × Salix fragilis L.".
    """
    if _HYBRID in words:
        parent = words[words.index(_HYBRID) :]
        return _epithets(genus, parent)
    for marker, word in pairwise(words):
        announced = marker.removesuffix(".") in _MARKERS and _EPITHET.fullmatch(word)
        if announced and len(word) >= _SHORTEST_EPITHET and word not in _PARTICLES | _REMARKS:
            return [word]
    return []


def _without_loose_sign(epithets: list[str]) -> list[str]:
    return epithets[:-1] if epithets[-1:] == [_HYBRID] else epithets

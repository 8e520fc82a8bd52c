"""What looks wrong in the names of a tree. Nothing is changed: a person decides."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from terralex.taxonomy.names import show_lineage
from terralex.taxonomy.taxon import is_binomial
from terralex.taxonomy.tree import Tree

Kind = Literal["duplicate", "near-duplicate", "two places", "homonym", "gap", "stops early", "malformed"]

_SHORTEST = 5
"""Letters from which names that differ in one letter are suspicious: many shorter ones do and are right."""

_GENDERS = re.compile(r"(?:us|a|um|is|e|er|on|os)$")
_PLACEHOLDER = re.compile(
    r"\b(?:unknown|unidentified|unclassified|undetermined|indet|spp?|cf|aff)\b|incertae", re.I
)
_ODD = re.compile(r"[0-9_;|/<>]|[A-Z].*\s.*[A-Z]")


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    Attributes:
        kind: "duplicate" (one lineage given several times), "near-duplicate" (siblings spelt almost alike),
            "two places" (a name below two parents in one kingdom), "homonym" (in two kingdoms, which is
            allowed), "gap" (a name is missing between others), "stops early" (the finest names are missing),
            "malformed" (a placeholder, an author or a code instead of a name).
        rank: The rank it is about.
        lineages: The taxa in question.
        message: One line for people.
    """

    kind: Kind
    rank: str
    lineages: tuple[tuple[str, ...], ...]
    message: str


def check(tree: Tree) -> list[Finding]:
    """See `Taxonomy.validate`."""
    finders = (_duplicates, _near_duplicates, _two_places, _missing, _malformed)
    return [finding for finder in finders for finding in finder(tree)]


def _duplicates(tree: Tree) -> Iterator[Finding]:
    for leaf in np.flatnonzero(tree.counts > 1).tolist():
        lineage, rank = tree.lineage(leaf), tree.ranks[-1]
        times = f"is given {tree.counts[leaf]} times, first in row {tree.source_rows[leaf] + 1}"
        yield Finding("duplicate", rank, (lineage,), f"{show_lineage(lineage)} {times}")


def _near_duplicates(tree: Tree) -> Iterator[Finding]:
    for index, rank in enumerate(tree.ranks):
        start, end = tree.offsets[index], tree.offsets[index + 1]
        families = np.flatnonzero(np.diff(tree.parents[start:end], prepend=-2, append=-2)) + start
        epithets = is_binomial(tree.ranks[: index + 1])
        for first, last in zip(families[:-1].tolist(), families[1:].tolist(), strict=True):
            if last - first == 1:
                continue
            for one, other in _alike(tree.names[first:last], epithets):
                pair = (tree.taxon(first + one), tree.taxon(first + other))
                where = f" in {show_lineage(pair[0].lineage[:-1])}" if index else ""
                message = f"{pair[0].name} and {pair[1].name}{where} are spelt almost alike"
                yield Finding("near-duplicate", rank, (pair[0].lineage, pair[1].lineage), message)


def _alike(names: tuple[str, ...], epithets: bool) -> list[tuple[int, int]]:
    """Pairs of indices of names that differ in one letter, in marks, or in the gender of an epithet.

    Names are grouped under each form with one letter left out; only those of one group are compared.
    """
    plain = [_letters(name) for name in names]
    by_form: defaultdict[str, list[int]] = defaultdict(list)
    for index, word in enumerate(plain):
        forms = {word}
        if len(word) >= _SHORTEST:
            forms |= {word[:i] + word[i + 1 :] for i in range(len(word))}
        for form in forms - {""}:
            by_form[form].append(index)
        if epithets and len(stem := _GENDERS.sub("", word)) >= _SHORTEST - 2:
            by_form[f"{stem}-"].append(index)
    pairs = {pair for alike in by_form.values() for pair in combinations(alike, 2)}
    return sorted(pair for pair in pairs if _same(plain[pair[0]], plain[pair[1]], epithets))


def _same(one: str, other: str, epithets: bool) -> bool:
    if epithets and _GENDERS.sub("", one) == _GENDERS.sub("", other):
        return True
    return _differ_in_one_letter(one, other)


def _differ_in_one_letter(one: str, other: str) -> bool:
    """Whether at most one letter was added, left out or changed, or two neighbours were swapped."""
    if len(one) > len(other):
        one, other = other, one
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    rest, longer = one[same:], other[same:]
    if len(one) < len(other):
        return rest == longer[1:]
    return rest[1:] == longer[1:] or (rest[:2] == longer[1::-1] and rest[2:] == longer[2:])


def _letters(name: str) -> str:
    """Only the letters, in lower case and without accents."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name.casefold()) if letter.isalnum())


def _two_places(tree: Tree) -> Iterator[Finding]:
    for index in range(1, len(tree.ranks)):
        start, end = tree.offsets[index], tree.offsets[index + 1]
        by_name: defaultdict[str, list[int]] = defaultdict(list)
        for number in range(start, end):
            if tree.names[number]:
                by_name[tree.full_names[number].casefold()].append(number)
        for numbers in by_name.values():
            if len(numbers) > 1:
                yield from _several_parents(tree, numbers)


def _several_parents(tree: Tree, numbers: list[int]) -> Iterator[Finding]:
    taxa = [tree.taxon(number) for number in numbers]
    if len({names[-2] for taxon in taxa if (names := taxon.lineage)}) == 1:
        return  # the parent is in two places, and has a finding of its own
    kingdoms = {taxon.lineage[0] for taxon in taxa}
    kind: Kind = "homonym" if len(kingdoms) == len(taxa) else "two places"
    shown = "; ".join(show_lineage(taxon.lineage) for taxon in taxa)
    message = f"{taxa[0].rank} {taxa[0].name} stands in {len(taxa)} places: {shown}"
    yield Finding(kind, taxa[0].rank, tuple(taxon.lineage for taxon in taxa), message)


def _missing(tree: Tree) -> Iterator[Finding]:
    """One finding for each rank and kind, however many leaves lack that name."""
    named = tree.named[tree.nodes]
    finer = np.logical_or.accumulate(named[:, ::-1], axis=1)[:, ::-1]
    for index, rank in enumerate(tree.ranks):
        gaps = np.flatnonzero(~named[:, index] & finer[:, index])
        ends = np.flatnonzero(~finer[:, index])
        if len(gaps):
            yield _lacking(tree, "gap", rank, gaps.tolist())
        if len(ends):
            yield _lacking(tree, "stops early", rank, ends.tolist())


def _lacking(tree: Tree, kind: Kind, rank: str, leaves: list[int]) -> Finding:
    lineages = tuple(tree.lineage(leaf) for leaf in leaves)
    what = "but finer names" if kind == "gap" else "and no finer name"
    many = f"{len(leaves)} of {len(tree)} have" if len(leaves) > 1 else f"1 of {len(tree)} has"
    message = f"{many} no {rank} {what}, such as {show_lineage(lineages[0])}"
    return Finding(kind, rank, lineages, message)


def _malformed(tree: Tree) -> Iterator[Finding]:
    for number, name in enumerate(tree.names):
        if _PLACEHOLDER.search(name) or _ODD.search(name) or _capital_epithet(tree, number, name):
            taxon = tree.taxon(number)
            message = f"{taxon.rank} {taxon.name!r} is no proper name"
            yield Finding("malformed", taxon.rank, (taxon.lineage,), message)


def _capital_epithet(tree: Tree, number: int, name: str) -> bool:
    return name != name.lower() and is_binomial(tree.ranks) and number >= tree.offsets[-2]

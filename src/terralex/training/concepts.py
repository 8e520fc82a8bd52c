"""Concepts: what a picture may be called, and which names also hold for it.

A concept has words and a parent. A picture of a concept is one of its ancestors too ("dense residential" is
"a built-up area"), while a more specific name may or may not hold: such a pair teaches nothing, so it is
left out of the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

from terralex.runtime.errors import UsageError
from terralex.runtime.yaml_files import load_yaml

HOLDS, FALSE, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class Concept:
    """A concept: its name, the words for it (the usual one first), its parent, what may be there too."""

    name: str
    words: tuple[str, ...]
    parent: str | None = None
    maybe: tuple[str, ...] = ()


class Concepts:
    """A hierarchy of concepts, in the order of its file."""

    def __init__(self, concepts: list[Concept]) -> None:
        self._by_name = {concept.name: concept for concept in concepts}
        self._by_word: dict[str, Concept] = {}
        for concept in concepts:
            if not concept.words:
                raise UsageError(f"concept '{concept.name}' has no words")
            if concept.parent is not None and concept.parent not in self._by_name:
                raise UsageError(f"concept '{concept.name}' has an unknown parent '{concept.parent}'")
            if unknown := [name for name in concept.maybe if name not in self._by_name]:
                raise UsageError(f"concept '{concept.name}' may be an unknown concept '{unknown[0]}'")
            for word in {concept.name.lower(), *(word.lower() for word in concept.words)}:
                other = self._by_word.setdefault(word, concept)
                if other is not concept:
                    raise UsageError(f"the word '{word}' names both '{other.name}' and '{concept.name}'")
        for concept in concepts:
            self._check_lineage(concept)

    @classmethod
    def load(cls, source: str) -> Concepts:
        """Concepts from a shipped file by name (``land``) or from a YAML file."""
        shipped = files("terralex.training") / "concepts" / f"{source}.yaml"
        if not shipped.is_file() and not Path(source).is_file():
            raise UsageError(f"no concepts '{source}': give a YAML file, or the name of a shipped one (land)")
        text = shipped.read_text("utf-8") if shipped.is_file() else Path(source).read_text("utf-8")
        entries = load_yaml(text, source, UsageError)
        if not isinstance(entries, dict):
            raise UsageError(f"{source} is no mapping from concepts to their words")
        return cls([_parse(name, entry, source) for name, entry in entries.items()])

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Concept]:
        return iter(self._by_name.values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the file."""
        return tuple(self._by_name)

    def find(self, word: str) -> Concept:
        """The concept that a word names (a class folder's name, say).

        Raises:
            UsageError: no concept has this word.
        """
        try:
            return self._by_word[word.lower()]
        except KeyError:
            raise UsageError(f"no concept is called '{word}': add it to the concepts file") from None

    def index(self, word: str) -> int:
        """The place among `names` of the concept that a word names."""
        return self.names.index(self.find(word).name)

    def lineage(self, name: str) -> list[str]:
        """The concept and its ancestors, most specific first."""
        chain = [name]
        while (parent := self._by_name[chain[-1]].parent) is not None:
            chain.append(parent)
        return chain

    def _check_lineage(self, concept: Concept) -> None:
        above = concept.parent
        for _ in self._by_name:
            if above is None:
                return
            above = self._by_name[above].parent
        raise UsageError(f"concept '{concept.name}' has parents that lead in a circle")

    @cached_property
    def relation(self) -> Tensor:
        """int8 (K, K): does name k hold for a picture of concept i? ``HOLDS``, ``FALSE`` or ``UNKNOWN``."""
        matrix = torch.full((len(self), len(self)), FALSE, dtype=torch.int8)
        lineages = [self.lineage(name) for name in self.names]
        for i, concept in enumerate(self):
            maybe_too = {name for also in concept.maybe for name in self.lineage(also)}
            for k, name in enumerate(self.names):
                if name in lineages[i]:
                    matrix[i, k] = HOLDS
                elif name in maybe_too or not {concept.name, *concept.maybe}.isdisjoint(lineages[k]):
                    matrix[i, k] = UNKNOWN
        return matrix


def _parse(name: object, entry: object, source: str) -> Concept:
    """A concept from its entry in a YAML file, in which not every word is text (`no` is false)."""
    known = ("words", "parent", "maybe")
    if not isinstance(name, str) or not isinstance(entry, dict) or not set(entry) <= set(known):
        raise UsageError(f"{source}: concept {name!r} must be a mapping of {', '.join(known)}")
    parent, lists = entry.get("parent"), [entry.get("words", []), entry.get("maybe", [])]
    if not isinstance(parent, str | None):
        raise UsageError(f"{source}: the parent of '{name}' must be a text, not {parent!r}")
    for texts in lists:
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UsageError(f"{source}: the words of '{name}' must be a list of texts, not {texts!r}")
    words, maybe = (tuple(texts) for texts in lists)
    return Concept(name, words, parent, maybe)

"""Latin-like names, never given twice, with the endings that botanists and zoologists use at each rank."""

from __future__ import annotations

import numpy as np

ENDINGS: dict[str, tuple[str, ...]] = {
    "animal": ("ozoa", "oda ata", "ia imorpha", "iformes optera", "idae"),
    "plant": ("ophytae", "ophyta", "opsida", "ales", "aceae"),
    "fungus": ("omycetae", "omycota", "omycetes", "ales", "aceae"),
}
"""For each kind of kingdom, the endings at the ranks kingdom, phylum, class, order and family."""

_GENDERS = {"us": "us", "a": "a", "ia": "a", "um": "um", "is": "is", "on": "um", "or": "us", "ops": "is"}
_ADJECTIVES = (
    "alb aure viridi rubr nigr macul line parv grand longicaud spinos punct cornut ornat rug lucid pall fulv "
    "crass gracil vari torqu squam"
)
_ONSETS = "b br c cr d dr f g gl h l m n p pl r s st t tr v z"
_NUCLEI = "a e i o u ae ia eo y"
_VOWELS = "a e i o u"
_CODAS = "l n r s t x nt rc st nd lv ct m p"


class NameMaker:
    """Gives out names, each one once."""

    def __init__(self, rng: np.random.Generator, two_words: bool = False) -> None:
        """Take random numbers from `rng`; with `two_words`, a third of the epithets have a second word."""
        self._rng = rng
        self._two_words = two_words
        self._given: set[str] = set()

    def higher(self, kind: str, level: int) -> str:
        """Return a new name for a taxon of rank `level`: 0 for a kingdom to 4 for a family."""
        while True:
            name = (self._stem(2) + self._pick(ENDINGS[kind][level])).capitalize()
            if self._new(name):
                return name

    def genus(self) -> str:
        """Return a new name for a genus."""
        while True:
            name = (self._stem(int(self._rng.integers(1, 3))) + self._pick(" ".join(_GENDERS))).capitalize()
            if self._new(name):
                return name

    def species(self, genus: str) -> str:
        """Return a new name for a species of a genus: the genus, and an epithet in its gender."""
        while True:
            name = f"{genus} {self._epithet(genus)}"
            if self._two_words and self._rng.random() < 1 / 3:
                name += f" {self._epithet(genus)}"
            if self._new(name):
                return name

    def _epithet(self, genus: str) -> str:
        ending = next(
            _GENDERS[tail] for tail in sorted(_GENDERS, key=len, reverse=True) if genus.endswith(tail)
        )
        match int(self._rng.integers(4)):
            case 0:
                return self._stem(2) + ("ense" if ending == "um" else "ensis")
            case 1:
                return self._stem(int(self._rng.integers(1, 3))) + self._pick("ii ae orum")
            case 2:
                return (
                    self._pick(_ADJECTIVES) + {"us": "atus", "a": "ata", "um": "atum", "is": "atis"}[ending]
                )
            case _:
                return self._stem(2) + {"us": "us", "a": "a", "um": "um", "is": "is"}[ending]

    def _stem(self, syllables: int) -> str:
        inner = "".join(self._pick(_ONSETS) + self._pick(_NUCLEI) for _ in range(syllables - 1))
        return inner + self._pick(_ONSETS) + self._pick(_VOWELS) + self._pick(_CODAS)

    def _pick(self, words: str) -> str:
        choices = words.split()
        return choices[int(self._rng.integers(len(choices)))]

    def _new(self, name: str) -> bool:
        fresh = name not in self._given
        self._given.add(name)
        return fresh

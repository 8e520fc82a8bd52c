"""Species and pictures that are kept out of training, because models are measured on them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from terralex.runtime.errors import UsageError
from terralex.taxonomy import RANKS

SEEN = "seen_in_training.json"
"""The list whose pictures alone are kept out: its species have others that may be learnt from."""

RARE_LISTS = (SEEN, "unseen_in_training.json")
"""The lists of the Rare Species data set, `{species: [pictures]}`."""

_EOL_NAME = re.compile(r"(\d+)_(\d+)_eol")  # <content>_<page>_eol-full-size-copy.jpg


@dataclass(frozen=True)
class Exclusion:
    """What is kept out.

    Attributes:
        species: "genus epithet" in lower case. Their subspecies are kept out with them.
        pictures: Names of picture files without folder and ending, of any source.
    """

    species: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()

    def has(self, lineage: Sequence[str]) -> bool:
        """Whether the species of a lineage is kept out."""
        return self.matched(lineage) is not None

    def matched(self, lineage: Sequence[str]) -> str | None:
        """The entry of `species` that a lineage falls under, None if there is none."""
        genus, epithet = lineage[-2].lower(), lineage[-1].lower()
        names = (f"{genus} {epithet}", f"{genus} {epithet.partition(' ')[0]}")
        return next((name for name in names if name in self.species), None)

    @property
    def eol_contents(self) -> Iterator[tuple[int, int]]:
        """Content and page of the pictures that are named as the Encyclopedia of Life names them."""
        return (
            (int(found[1]), int(found[2])) for found in map(_EOL_NAME.match, sorted(self.pictures)) if found
        )


def read_exclusion(files: Iterable[Path]) -> Exclusion:
    """What lists keep out.

    Args:
        files: JSON as of the Rare Species data set, whose keys are "Genus epithet" or all seven names with
            hyphens between them, and whose values are pictures; or text, a species in each line.

    Raises:
        UsageError: A list cannot be read, or is of another form.
    """
    species: set[str] = set()
    pictures: set[str] = set()
    for file in files:
        if file.suffix.lower() == ".json":
            for name, files_of in _read_json(file).items():
                pictures.update(PurePosixPath(picture).name.partition(".")[0] for picture in files_of)
                if file.name != SEEN:
                    species.add(_species(name, file))
        else:
            species.update(_species(line, file) for line in _read_lines(file))
    return Exclusion(frozenset(species), frozenset(pictures))


def rare_lists(source: Path) -> list[Path]:
    """The lists of rare species in or beside TreeOfLife-10M, those that are there."""
    folders = (source / "rarespecies", source.parent / "rarespecies")
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return [folder / name for name in RARE_LISTS if (folder / name).is_file()]


def _species(text: str, file: Path) -> str:
    """Genus and epithet of a species' name, or of seven names with hyphens between them."""
    words = " ".join(text.lower().split())
    parts = words.split("-", len(RANKS) - 1)  # an epithet may itself have hyphens
    if len(parts) == len(RANKS):
        words = f"{parts[-2]} {parts[-1]}"
    if " " not in words:
        raise UsageError(f"{file}: {text!r} is no species: write its genus and its epithet")
    return words


def _read_json(file: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    sound = isinstance(content, dict) and all(
        isinstance(value, list) and all(isinstance(name, str) for name in value) for value in content.values()
    )
    if not sound:
        raise UsageError(f"{file} is no list of rare species: expected {{species: [pictures]}}")
    return dict(content)


def _read_lines(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text; save it as UTF-8") from None
    return [line for line in lines if line.strip() and not line.startswith("#")]

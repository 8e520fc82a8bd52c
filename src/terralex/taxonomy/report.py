"""What was read from a source of taxa, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ReadReport:
    """The reading of a source in numbers.

    Attributes:
        source: The file or folder.
        rows: Rows that were read, without the header.
        leaves: Leaves that they gave.
        dropped: Rows that were left out, by reason.
        notes: What a person should know of how the rest was read.
    """

    source: str
    rows: int
    leaves: int
    dropped: Mapping[str, int]
    notes: Sequence[str] = ()

    @property
    def repeats(self) -> int:
        """Rows whose leaf an earlier row has given."""
        return self.rows - self.leaves - sum(self.dropped.values())

    @property
    def is_complete(self) -> bool:
        """Whether every row gave a leaf, and there is nothing to note."""
        return not self.dropped and not self.notes

    def __str__(self) -> str:
        parts = [f"{self.rows:,} row{'s' * (self.rows != 1)} read, {self.leaves:,} leaves"]
        if self.repeats:
            parts.append(f"{self.repeats:,} rows repeat others")
        if self.dropped:
            dropped = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items())
            parts.append(f"left out: {dropped}")
        return "; ".join([*parts, *self.notes])


class Tally:
    """What is counted while a source is read.

    Attributes:
        dropped: Rows that were left out, by reason.
        notes: What else the report is to say.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.notes: list[str] = []
        self._noted: dict[str, tuple[int, str]] = {}

    def count(self, what: str, example: str) -> None:
        """Count a row that was read in a way to mention; the first example is shown."""
        count, first = self._noted.get(what, (0, example))
        self._noted[what] = count + 1, first

    def report(self, source: str, rows: int, leaves: int) -> ReadReport:
        """The report on a source of which everything was counted."""
        counted = [f"{count:,} {what}, such as {first!r}" for what, (count, first) in self._noted.items()]
        return ReadReport(source, rows, leaves, dict(self.dropped), (*counted, *self.notes))

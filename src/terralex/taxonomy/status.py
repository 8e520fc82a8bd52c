"""Taxonomic statuses: which rows of a table are accepted taxa, and which are synonyms or rejected names."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from terralex.runtime.tables import Table
from terralex.taxonomy.report import Tally

_COLUMNS = ("taxonomicstatus", "status")
"""What a column of statuses may be called, folded."""

_ACCEPTED = re.compile(
    r"(?:(?:provisionally|currently|tentatively) )?(?:accepted|valid|current|correct)"
    r"(?: (?:name|species|taxon))?|doubtful|artificial hybrid|"
)
_OTHER = re.compile(
    r"synonym|unaccepted|not accepted|invalid|nomen|misapplied|superseded|unassessed|homonym|illegitimate"
    r"|taxon inquirendum|alternat|temporary|misspelling|unavailable|orthographic"
)


class Statuses:
    """Which rows of a table are accepted taxa.

    A column that is only called `status` counts if it has taxonomic statuses: it may be one of conservation.

    Attributes:
        column: The column of statuses; None if there is none.
        dropped: Rows that were not accepted so far, by reason.
        doubtful: Rows so far whose taxon is accepted with doubt.
    """

    def __init__(self, table: Table) -> None:
        self.dropped: Counter[str] = Counter()
        self.doubtful = 0
        self.column = table.find(*_COLUMNS)
        if self.column is not None:
            values = {
                _plain(value)
                for (batch,) in table.batches([self.column])
                for value in pc.unique(batch.drop_null()).to_pylist()
            }
            if not any(value and (_ACCEPTED.fullmatch(value) or _OTHER.search(value)) for value in values):
                self.column = None

    def accepted(self, statuses: pa.StringArray) -> NDArray[np.bool_]:
        """Bool (n,): whether each row is an accepted taxon; the others are counted."""
        encoded = pc.fill_null(statuses, "").dictionary_encode()
        values = [_plain(value) for value in encoded.dictionary.to_pylist()]
        indices: NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False)
        counts = np.bincount(indices, minlength=len(values)).tolist()
        known = [bool(_ACCEPTED.fullmatch(value)) for value in values]
        for value, count, is_accepted in zip(values, counts, known, strict=True):
            if not is_accepted:
                self.dropped[f"of status {value!r}"] += count
            self.doubtful += count * (value == "doubtful")
        return np.array(known, np.bool_)[indices]

    def put_into(self, tally: Tally) -> None:
        """Add what was counted to the tally of a source."""
        tally.dropped.update(self.dropped)
        if self.doubtful:
            tally.notes.append(f"{self.doubtful:,} of status 'doubtful' are used")


def _plain(status: str) -> str:
    """A status in lower case: "PROVISIONALLY_ACCEPTED" and "provisionally accepted" are one."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", status)
    return " ".join(re.sub(r"[\W_]+", " ", spaced).casefold().split())

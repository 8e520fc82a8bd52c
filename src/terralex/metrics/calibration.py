"""When to stop naming: confidence that means what it says, and thresholds with a stated expected error.

At each rank a model's answer has a confidence, and it is right or wrong. On pictures whose truth is known,
one half teaches a map from confidence to the part that is right (two numbers a rank), the other half counts
what happens when every picture is answered at its finest rank whose calibrated confidence reaches a
threshold. A threshold serves a wanted error if, by an exact binomial bound, the part of the answers that are
wrong is no larger. It holds for pictures like those that it was learned from, and for no others.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from terralex.metrics.confidence import (
    expected_calibration_error,
    fit_confidence,
    map_confidence,
    stopping_places,
    upper_bound,
)
from terralex.runtime import TerralexError, UsageError, cannot_write, write_atomically

LEVELS = tuple(1 / (1 + math.exp(-step / 10)) for step in range(70, -41, -1))
"""Thresholds that are tried, from strict to lax: 0.999 to 0.018, evenly in log-odds."""

_STARTS = (5, 20, 80)  # answers times wanted error: the first walk can bear no wrong answer, the last many
_FORMAT = 1  # of the file


@dataclass(frozen=True)
class Calibration:
    """What was learned of one model on one taxonomy.

    Attributes:
        model: The model's name.
        revision: Which weights of it.
        taxonomy: Digest of the taxonomy (`Taxonomy.digest`): with other names the numbers do not hold.
        templates: Sentences around the names, with `{c}`; none if names were encoded as they stand.
        ranks: R names of ranks, from general to specific.
        temperatures: What the log-odds of a confidence are divided by, for each rank.
        offsets: What is then added to them.
        errors_before: Expected calibration error of each rank as the model gives it; NaN without pictures.
        errors_after: The same after calibration, on pictures that did not teach it.
        levels: Thresholds on calibrated confidence, from strict to lax.
        stopped: For each level, how many pictures are answered at no rank, and at each of the R.
        wrong: For each level, how many of those answers are wrong.
    """

    model: str
    revision: str
    taxonomy: str
    templates: tuple[str, ...]
    ranks: tuple[str, ...]
    temperatures: tuple[float, ...]
    offsets: tuple[float, ...]
    errors_before: tuple[float, ...]
    errors_after: tuple[float, ...]
    levels: tuple[float, ...]
    stopped: tuple[tuple[int, ...], ...]
    wrong: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many pictures the thresholds stand on."""
        return sum(self.stopped[0])

    @property
    def answered(self) -> tuple[int, ...]:
        """For each level, how many pictures are answered at some rank."""
        return tuple(sum(places[1:]) for places in self.stopped)

    def apply(self, confidence: Float[Tensor, "n ranks"]) -> Float[Tensor, "n ranks"]:
        """Calibrated confidences, float64; NaN (no answer at this rank) stays."""
        return map_confidence(confidence, self.temperatures, self.offsets)

    def threshold(self, error: float, certainty: float = 0.95) -> float:
        """The lowest threshold on calibrated confidence that serves a wanted error.

        Levels are tested one after the other from strict to lax, and the first that fails ends it: so the
        certainty holds for the choice too. Of three such walks, which begin where there are few, more and
        many answers and share the uncertainty, the one that goes farthest counts.

        Args:
            error: The part of the answers that may be wrong; 0 to 1.
            certainty: The chance, over draws of pictures to learn from, that no more are.

        Raises:
            UsageError: The error is not between 0 and 1, or no threshold serves it.
        """
        if not 0 < error < 1:
            raise UsageError(f"an error of {error:g} is none: give one between 0 and 1, such as 0.1")
        chosen = self._search(error, certainty)
        if chosen is None:
            raise UsageError(self._unreachable(error, certainty))
        return chosen

    def curve(self, certainty: float = 0.95) -> list[dict[str, float | int]]:
        """The risk-coverage curve, a row a threshold that some picture reaches.

        Each has `threshold`, `coverage` (part of the pictures that is answered), `risk` (part of the answers
        that is wrong), `bound` (on the risk, at this certainty), and for each rank the part of the pictures
        that is answered there.
        """
        rows: list[dict[str, float | int]] = []
        for level, places, answered, wrong in zip(
            self.levels, self.stopped, self.answered, self.wrong, strict=True
        ):
            if answered:
                row = {"threshold": level, "coverage": answered / self.count, "risk": wrong / answered}
                row["bound"] = upper_bound(wrong, answered, certainty)
                row |= {rank: n / self.count for rank, n in zip(self.ranks, places[1:], strict=True)}
                rows.append(row)
        return rows

    def save(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            TerralexError: The file cannot be written.
        """
        parts = {"format": _FORMAT} | {name: _as_json(value) for name, value in asdict(self).items()}
        text = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in parts.items())
        try:
            write_atomically(path, f"{{\n{text}\n}}\n".encode())
        except OSError as error:
            raise cannot_write(path, error) from error

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what `save` wrote.

        Raises:
            TerralexError: There is no such file, or it is none of these.
        """
        try:
            parts = json.loads(path.read_bytes())
            if parts.pop("format") != _FORMAT or parts.keys() != {part.name for part in fields(cls)}:
                raise ValueError("it has other parts")
            return _checked(cls(**{name: _from_json(value) for name, value in parts.items()}))
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            advice = "make one with `terralex evaluate taxonomy --calibration FILE`"
            raise TerralexError(
                f"{path} is no calibration that this version reads ({error}); {advice}"
            ) from None

    def _search(self, error: float, certainty: float) -> float | None:
        certainty = 1 - (1 - certainty) / len(_STARTS)
        chosen = None
        for start in _STARTS:
            for level, answered, wrong in zip(self.levels, self.answered, self.wrong, strict=True):
                if answered * error < start:
                    continue
                if upper_bound(wrong, answered, certainty) > error:
                    break
                chosen = level if chosen is None else min(chosen, level)
        return chosen

    def _unreachable(self, error: float, certainty: float) -> str:
        errors = (step / 100 for step in range(1, 100))
        best = next((wanted for wanted in errors if self._search(wanted, certainty)), None)
        promised = "none" if best is None else f"{best:g}"
        return (
            f"no threshold keeps the error at {error:g} with {certainty:.0%} certainty on {self.count:,} "
            f"pictures; the least it can promise is {promised}: accept that, or calibrate on more pictures"
        )


def calibrate(
    confidence: Float[Tensor, "n ranks"],
    correct: Bool[Tensor, "n ranks"],
    ranks: tuple[str, ...],
    *,
    known: Bool[Tensor, "n ranks"] | None = None,
    model: str = "",
    revision: str = "",
    taxonomy: str = "",
    templates: tuple[str, ...] = (),
    seed: int = 0,
) -> Calibration:
    """Learn from pictures whose truth is known.

    Args:
        confidence: Probability of the taxon that is answered at each rank, from general to specific, or NaN
            where it has no name.
        correct: Whether that taxon is the true one; of no matter where the confidence is NaN.
        ranks: Names of the ranks.
        known: Whether the true taxon has a name; by default it always has. Where it has none, nothing is
            learned, and an answer counts as wrong: nobody can say that it is right.
        model: The model's name.
        revision: Which weights of it.
        taxonomy: Digest of the taxonomy.
        templates: Sentences around the names.
        seed: Of the draw that halves the pictures.

    Raises:
        UsageError: There are fewer than 20 pictures.
    """
    n = len(confidence)
    if n < 20:
        raise UsageError(f"{n} pictures are too few to calibrate on: give 20 at the very least, better 1,000")
    known = torch.ones_like(correct) if known is None else known
    confidence, correct, known = (values.detach().cpu() for values in (confidence, correct & known, known))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    teach, test = order[: n // 2], order[n // 2 :]
    learned = confidence.masked_fill(~known, torch.nan)
    maps = [fit_confidence(learned[teach, r], correct[teach, r]) for r in range(len(ranks))]
    temperatures, offsets = (tuple(column) for column in zip(*maps, strict=True))
    calibrated, right = map_confidence(confidence[test], temperatures, offsets), correct[test]
    stopped, wrong = zip(*(_count(calibrated, right, level) for level in LEVELS), strict=True)
    return Calibration(
        model=model,
        revision=revision,
        taxonomy=taxonomy,
        templates=templates,
        ranks=ranks,
        temperatures=temperatures,
        offsets=offsets,
        errors_before=_calibration_errors(learned[test].double(), right),
        errors_after=_calibration_errors(calibrated.masked_fill(~known[test], torch.nan), right),
        levels=LEVELS,
        stopped=stopped,
        wrong=wrong,
    )


def _count(
    confidence: Float[Tensor, "n ranks"], correct: Bool[Tensor, "n ranks"], level: float
) -> tuple[tuple[int, ...], int]:
    places = stopping_places(confidence, level)
    right = correct.gather(1, places.clamp(min=0)[:, None])[:, 0]
    stopped = torch.bincount(places + 1, minlength=confidence.shape[1] + 1)
    return tuple(stopped.tolist()), int((~right & (places >= 0)).sum())


def _calibration_errors(
    confidence: Float[Tensor, "n ranks"], correct: Bool[Tensor, "n ranks"]
) -> tuple[float, ...]:
    return tuple(
        expected_calibration_error(*columns) for columns in zip(confidence.T, correct.T, strict=True)
    )


def _checked(calibration: Calibration) -> Calibration:
    ranks, levels = len(calibration.ranks), len(calibration.levels)
    fits = all(len(part) == ranks for part in (calibration.temperatures, calibration.offsets))
    fits = fits and len(calibration.stopped) == len(calibration.wrong) == levels > 0
    if not fits or any(len(places) != ranks + 1 for places in calibration.stopped):
        raise ValueError("its parts do not fit together")
    counted = zip(calibration.wrong, calibration.answered, strict=True)
    if min(calibration.temperatures) <= 0 or not all(0 <= wrong <= answered for wrong, answered in counted):
        raise ValueError("its numbers are impossible")
    return calibration


def _as_json(value: Any) -> Any:  # noqa: ANN401 (whatever a field holds)
    if isinstance(value, tuple):
        return [_as_json(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _from_json(value: Any) -> Any:  # noqa: ANN401 (whatever a field holds)
    if isinstance(value, list):
        return tuple(_from_json(part) for part in value)
    return math.nan if value is None else value

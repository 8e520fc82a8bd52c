"""Risk-coverage curves: how many pictures are answered, and how many of the answers are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from terralex.metrics.calibration import Calibration
from terralex.metrics.confidence import risk_coverage, upper_bound
from terralex.metrics.taxa import Answers

STOPPING = "stopping"

_POINTS = 200  # of the curve of a rank


@dataclass(frozen=True)
class Curve:
    """A curve from few pictures that are answered to many.

    Attributes:
        name: A rank, if every picture is answered at it; or `STOPPING`, if each is at the finest rank whose
            calibrated confidence reaches a threshold.
        thresholds: What the confidence has to reach; of a rank, before calibration.
        coverage: Part of the pictures that is answered.
        risk: Part of the answers that is wrong.
        bound: What the risk is below with 95 % certainty.
    """

    name: str
    thresholds: tuple[float, ...]
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    bound: tuple[float, ...]

    def rows(self) -> Iterator[dict[str, object]]:
        """The points as rows of (curve, threshold, coverage, risk, bound)."""
        columns = (self.thresholds, self.coverage, self.risk, self.bound)
        for threshold, coverage, risk, bound in zip(*columns, strict=True):
            yield {
                "curve": self.name,
                "threshold": threshold,
                "coverage": coverage,
                "risk": risk,
                "bound": bound,
            }


def make_curves(answers: Answers, ranks: Sequence[str], calibration: Calibration) -> list[Curve]:
    """The curve of each rank at which a picture has a name, and last the one of stopping."""
    curves = []
    for place, rank in enumerate(ranks):
        confidence, correct = answers.confidence[:, place], answers.correct[:, place]
        given = answers.known[:, place] & ~confidence.isnan()
        if given.any():
            curves.append(_of_rank(rank, confidence[given], correct[given]))
    points = calibration.curve()
    columns = ("threshold", "coverage", "risk", "bound")
    return [*curves, Curve(STOPPING, *(tuple(float(row[name]) for row in points) for name in columns))]


def _of_rank(rank: str, confidence: Float[Tensor, " n"], correct: Bool[Tensor, " n"]) -> Curve:
    coverage, risk = risk_coverage(confidence, correct)
    thresholds = torch.unique(confidence).flip(0)
    # An equal part of the pictures between points, the last one included.
    wanted = torch.linspace(0, 1, _POINTS + 1, dtype=torch.float64)[1:]
    places = torch.unique(torch.searchsorted(coverage, wanted).clamp(max=len(coverage) - 1))
    n = len(confidence)
    points = [
        (round(c * n), c, r) for c, r in zip(*(x[places].tolist() for x in (coverage, risk)), strict=True)
    ]
    return Curve(
        name=rank,
        thresholds=tuple(thresholds[places].tolist()),
        coverage=tuple(c for _, c, _ in points),
        risk=tuple(r for _, _, r in points),
        bound=tuple(upper_bound(round(r * answered), answered) for answered, _, r in points),
    )

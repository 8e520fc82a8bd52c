"""Confidence and whether it was right: pure functions of tensors. NaN is the confidence of no answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from scipy.special import betaincinv
from torch import Tensor

_TINY = 1e-7  # float32 probabilities are no closer to 0 or 1


def log_odds(confidence: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Log-odds in float64, finite; NaN stays."""
    return confidence.double().clamp(_TINY, 1 - _TINY).logit()


def map_confidence(
    confidence: Float[Tensor, "n ranks"], temperatures: Sequence[float], offsets: Sequence[float]
) -> Float[Tensor, "n ranks"]:
    """Divide the log-odds of each rank by its temperature and add its offset; float64, NaN stays."""
    divisor = torch.tensor(temperatures, dtype=torch.float64, device=confidence.device)
    offset = torch.tensor(offsets, dtype=torch.float64, device=confidence.device)
    return (log_odds(confidence) / divisor + offset).sigmoid()


def stopping_places(confidence: Float[Tensor, "n ranks"], threshold: float) -> Int64[Tensor, " n"]:
    """The finest rank whose confidence reaches the threshold, by place; -1 if none does."""
    reached = confidence >= threshold
    finest = reached.shape[1] - 1 - reached.flip(1).to(torch.int8).argmax(dim=1)
    return torch.where(reached.any(dim=1), finest, -1)


def risk_coverage(
    confidence: Float[Tensor, " n"], correct: Bool[Tensor, " n"]
) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """Coverage and risk as ever less confident answers are given.

    Returns:
        For each distinct confidence, from high to low: the part of the answers that are as confident or more,
        and the part of those that are wrong; float64.
    """
    ordered, order = confidence.sort(descending=True, stable=True)
    given = torch.arange(1, len(ordered) + 1, dtype=torch.float64, device=confidence.device)
    risk = (~correct[order]).double().cumsum(0) / given
    last = torch.ones_like(correct)
    last[:-1] = ordered[1:] != ordered[:-1]
    return (given / max(1, len(ordered)))[last], risk[last]


def fit_confidence(confidence: Float[Tensor, " n"], correct: Bool[Tensor, " n"]) -> tuple[float, float]:
    """Temperature and offset on the log-odds, by maximum likelihood (Platt 1999, with his smoothed targets).

    Rows that are NaN are left out. Without any, nothing changes: (1, 0).
    """
    from scipy.optimize import minimize  # not at the top: it takes long to load

    given = ~confidence.isnan()
    x, y = log_odds(confidence[given]).numpy(), correct[given].numpy()
    if not len(x):
        return 1.0, 0.0
    # Targets short of 0 and 1: else a perfect half would teach certainty.
    target = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))

    def loss(parameters: Any) -> tuple[float, Any]:  # noqa: ANN401 (numpy arrays of scipy)
        z = parameters[0] * x + parameters[1]
        gap = 1 / (1 + np.exp(-np.clip(z, -700, 700))) - target
        return float(np.mean(np.logaddexp(0, z) - target * z)), np.array([np.mean(gap * x), np.mean(gap)])

    found = minimize(loss, (1.0, 0.0), jac=True, method="L-BFGS-B", bounds=((0.01, 100), (-20, 20)))
    return 1 / float(found.x[0]), float(found.x[1])


def expected_calibration_error(
    confidence: Float[Tensor, " n"], correct: Bool[Tensor, " n"], bins: int = 15
) -> float:
    """Mean gap of confidence and accuracy over bins of equal width, by count; rows of NaN left out."""
    given = ~confidence.isnan()
    if not given.any():
        return math.nan
    values, gaps = confidence[given].double(), confidence[given].double() - correct[given].double()
    place = (values * bins).long().clamp(0, bins - 1)
    sums = torch.zeros(bins, dtype=torch.float64, device=values.device).index_add(0, place, gaps)
    return float(sums.abs().sum() / len(values))


def upper_bound(wrong: int, answered: int, certainty: float = 0.95) -> float:
    """The largest error rate with which so few wrong answers are still this likely (Clopper-Pearson)."""
    return 1.0 if wrong >= answered else float(betaincinv(wrong + 1, answered - wrong, certainty))

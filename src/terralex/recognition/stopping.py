"""Answers at the rank that a picture supports: where to stop, as a calibration says."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.taxon_scores import AS_PUBLISHED
from terralex.runtime.errors import UsageError
from terralex.taxonomy import Taxonomy

if TYPE_CHECKING:
    from terralex.metrics.calibration import Calibration
    from terralex.models import Model

_MAKE = "make one with `terralex evaluate taxonomy DATA --calibration FILE` on pictures that are named"


@dataclass(frozen=True)
class Stopping:
    """Stop at the finest rank whose calibrated probability reaches a threshold.

    Attributes:
        error: The part of the answers that may be wrong.
        threshold: What serves it.
        calibration: Where it comes from.
    """

    error: float
    threshold: float
    calibration: Calibration

    def apply(self, confidence: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Calibrate confidences (n, R); also the place of the rank at which to stop, (n,), -1 for none."""
        import torch

        from terralex.metrics.confidence import stopping_places

        calibrated = self.calibration.apply(torch.from_numpy(confidence))
        places: NDArray[np.int64] = stopping_places(calibrated, self.threshold).numpy()
        return calibrated.float().numpy(), places


def load_stopping(
    error: float,
    calibration: str | PathLike[str] | Calibration | None,
    model: Model,
    taxonomy: Taxonomy,
    said: tuple[str, ...] = (),
) -> Stopping:
    """The rule that keeps to a wanted error.

    Args:
        error: The part of the answers that may be wrong, above 0 and below 1.
        calibration: What `evaluate taxonomy --calibration` wrote; None takes the one that comes with the
            model for this taxonomy.
        model: What answers.
        taxonomy: What it answers from.
        said: How names are put to the model; see `wording`.

    Raises:
        UsageError: There is no calibration, it is of another model or taxonomy, or no threshold serves the
            error.
    """
    from terralex.metrics.calibration import Calibration

    if not isinstance(calibration, Calibration):
        path = shipped_calibration(model, taxonomy) if calibration is None else Path(calibration)
        if path is None:
            raise UsageError(
                f"to stop at an error of {error:g} takes a calibration of {model.name} on this taxonomy, "
                f"and none comes with the model: {_MAKE}, then pass --calibration FILE"
            )
        calibration = Calibration.load(path)
    _check(calibration, model, taxonomy, said)
    return Stopping(error, calibration.threshold(error), calibration)


def shipped_calibration(model: Model, taxonomy: Taxonomy) -> Path | None:
    """The calibration that comes with a model for a taxonomy, if any: `calibrations/MODEL-DIGEST.json`."""
    name = f"{model.name}-{taxonomy.digest}.json"
    path = Path(str(resources.files("terralex.models") / "calibrations" / name))
    return path if path.is_file() else None


def _check(calibration: Calibration, model: Model, taxonomy: Taxonomy, said: tuple[str, ...]) -> None:
    other = None
    if (calibration.model, calibration.revision) != (model.name, model.revision):
        made, now = f"{calibration.model}@{calibration.revision}", f"{model.name}@{model.revision}"
        other = f"for the model {made}, and this is {now}"
    elif calibration.taxonomy != taxonomy.digest or calibration.ranks != taxonomy.ranks:
        other = "on another taxonomy or another part of it, and sureness depends on what can be confused"
    elif calibration.templates != said:
        other = "with other words around the names"
        if said == AS_PUBLISHED:
            raise UsageError(
                f"the calibration was made {other}, and not with the published vectors of this taxonomy, "
                "which `evaluate` does not read: write its names to a table, `terralex taxa convert FILE -o "
                "taxa.csv`, and pass that as --taxonomy to both"
            )
    if other:
        raise UsageError(f"the calibration was made {other}; {_MAKE}")

"""A fit: what was learned from labelled examples, as one file without code.

The file is in the safetensors format: arrays, and in its metadata a JSON text with a format version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.fitting.logistic import log_softmax
from terralex.recognition.fitting.novelty import nearest
from terralex.recognition.fitting.validation import ClassFigures, Figure, Validation
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.files import cannot_write, write_atomically
from terralex.runtime.resume import digest

ENDING = ".fit"
FORMAT = 1
_KEY = "terralex_fit"

Kind = Literal["images", "pixels"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What vectors have to come from to be those that a fit was made for.

    Attributes:
        kind: `images`: vectors of images, for `classify` and `search`; `pixels`: dense features, for
            `segment`.
        model: The model's name.
        revision: Which weights of it.
        bands: The bands of images that the model saw in the examples: each set that occurred.
        stated_bands: What was said of the bands of files that do not say.
        stated_units: What was said of the units of files that do not say.
    """

    kind: Kind
    model: str
    revision: str
    bands: tuple[tuple[str, ...], ...]
    stated_bands: str | None = None
    stated_units: str | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """An example whose label is likely wrong.

    Attributes:
        path: The example.
        window: The part of it, as `column,row,width,height`.
        label: Its label.
        predicted: What the other examples say it is.
        given: Calibrated probability of its label.
        score: Calibrated probability of what they say.
    """

    path: str
    window: str | None
    label: str
    predicted: str
    given: float
    score: float


@dataclass(frozen=True, slots=True)
class Twins:
    """Two examples that are all but the same and stood in different parts of the cross-validation."""

    first: str
    second: str
    correlation: float


@dataclass(frozen=True, slots=True)
class Summary:
    """How a fit was made and how good it is.

    Attributes:
        source: Where the examples came from.
        counts: How many examples of each class were used.
        failed: How many could not be used.
        method: `logistic` or `ridge`.
        strength: C, or the penalty of ridge regression.
        text_share: Part of the zero-shot logits that learning started from; 0: none.
        temperature: What held-out logits were divided by to calibrate them; 1 without validation.
        false_alarms: The rate for which `threshold` was chosen.
        threshold: Distance from which an image is none of the classes; None if there were too few examples.
        validation: What the cross-validation says; None if there were too few examples.
        twins: The most alike pairs of near-duplicates in different parts.
        twin_count: How many such pairs there are.
        compared: With how many of the examples all others were compared for it.
        doubts: Examples whose label is likely wrong, the surest first.
    """

    source: str
    counts: tuple[int, ...]
    failed: int
    method: str
    strength: float
    text_share: float
    temperature: float
    false_alarms: float
    threshold: float | None
    validation: Validation | None = None
    twins: tuple[Twins, ...] = ()
    twin_count: int = 0
    compared: int = 0
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, eq=False)
class Fit:
    """A classifier of vectors.

    Attributes:
        labels: The K classes.
        weights: float32 (K, D).
        intercepts: float32 (K,).
        projection: float32 (D, D), into the space that distances are measured in.
        means: float32 (K, D): the mean of each class there; NaN for a class without examples.
        origin: What it is for.
        summary: How it was made.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    projection: NDArray[np.float32]
    means: NDArray[np.float32]
    origin: Origin
    summary: Summary

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities float32 (N, K) of vectors (N, D); rows sum to 1."""
        result: NDArray[np.float32] = np.exp(log_softmax(vectors @ self.weights.T + self.intercepts))
        return result

    def log_odds(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated log-odds float32 (N, K) of vectors (N, D): exact also near 0 and 1."""
        wide = [np.asarray(part, np.float64) for part in (vectors, self.weights, self.intercepts)]
        log_p = log_softmax(wide[0] @ wide[1].T + wide[2])
        others = np.log(np.maximum(-np.expm1(log_p), 1e-300))
        return np.asarray(log_p - others, np.float32)

    @property
    def digest(self) -> str:
        """A fingerprint of all that predictions depend on, for runs that are resumed."""
        parts = [getattr(self, name).tobytes().hex() for name in _ARRAYS]
        return digest([*self.labels, str(self.summary.threshold), *parts])

    def is_unlike(self, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of the vectors (N, D) are none of the classes, by the stated rate of false alarms."""
        if self.summary.threshold is None:
            return np.zeros(len(vectors), bool)
        return nearest(vectors @ self.projection, self.means) > self.summary.threshold

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file.

        Raises:
            TerralexError: The file cannot be written.
        """
        from safetensors.numpy import save

        description = {"format": FORMAT, "labels": self.labels} | {
            "origin": asdict(self.origin),
            "summary": asdict(self.summary),
        }
        arrays = {name: np.ascontiguousarray(getattr(self, name), np.float32) for name in _ARRAYS}
        content = save(arrays, metadata={_KEY: json.dumps(description, allow_nan=False)})
        try:
            write_atomically(path, content)
        except OSError as error:
            raise cannot_write(path, error) from error


_ARRAYS = ("weights", "intercepts", "projection", "means")


def is_fit_file(value: object) -> TypeGuard[str | PathLike[str]]:
    """Whether a value is the path of a fit, by its ending."""
    return isinstance(value, str | PathLike) and Path(value).suffix.lower() == ENDING


def open_fit(value: Fit | str | PathLike[str]) -> tuple[Fit, str]:
    """A fit as it is or from its file, and what to call it in messages.

    Raises:
        UsageError, TerralexError: As of `load_fit`.
    """
    return (value, "the fit") if isinstance(value, Fit) else (load_fit(value), str(value))


def load_fit(path: str | PathLike[str]) -> Fit:
    """Read a fit.

    Raises:
        UsageError: There is no such file.
        TerralexError: It is none, is damaged, or is of a format that this version does not read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise ValueError("it has no description of a fit")
            arrays = {name: file.get_tensor(name) for name in _ARRAYS}
        fit = _parse(json.loads(text), arrays)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: terralex fit EXAMPLES -o {path} makes it") from None
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise TerralexError(f"{path} is no fit that this version reads ({reason})") from None
    return fit


def _parse(data: Mapping[str, Any], arrays: dict[str, NDArray[np.float32]]) -> Fit:
    if data.get("format") != FORMAT:
        raise ValueError(f"its format is {data.get('format')!r}, and this version reads {FORMAT}")
    labels = tuple(map(str, data["labels"]))
    size = arrays["weights"].shape[1]
    shapes = {"weights": (len(labels), size), "intercepts": (len(labels),)}
    shapes |= {"projection": (size, size), "means": (len(labels), size)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != np.float32:
            raise ValueError(f"{name} is {arrays[name].dtype} of shape {arrays[name].shape}, not {shape}")
    if not np.isfinite(arrays["weights"]).all() or not np.isfinite(arrays["intercepts"]).all():
        raise ValueError("its weights are not finite")
    origin = dict(data["origin"])
    origin["bands"] = tuple(tuple(names) for names in origin["bands"])
    return Fit(labels, **arrays, origin=Origin(**origin), summary=_summary(dict(data["summary"])))


def _summary(data: dict[str, Any]) -> Summary:
    data["counts"] = tuple(data["counts"])
    data["twins"] = tuple(Twins(**pair) for pair in data["twins"])
    data["doubts"] = tuple(Doubt(**doubt) for doubt in data["doubts"])
    if (validation := data["validation"]) is not None:
        validation = dict(validation)
        for name in ("accuracy", "macro_recall"):
            validation[name] = Figure(**validation[name])
        validation["classes"] = tuple(_class_figures(dict(entry)) for entry in validation["classes"])
        validation["confusion"] = tuple(tuple(row) for row in validation["confusion"])
        data["validation"] = Validation(**validation)
    return Summary(**data)


def _class_figures(data: dict[str, Any]) -> ClassFigures:
    return ClassFigures(**data | {name: Figure(**data[name]) for name in ("precision", "recall")})

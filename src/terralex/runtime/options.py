"""Options that mean the same in every task, on the command line and in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

BATCH_SIZE = 32

Engine = Literal["local", "ray"]
Resize = Literal["model", "squash"]


class ModelKeywords(TypedDict, total=False):
    """`ModelOptions` as keyword arguments."""

    device: str
    precision: str
    offline: bool
    cache: bool
    resize: Resize


class RunKeywords(ModelKeywords, total=False):
    """`RunOptions` as keyword arguments."""

    bands: str | None
    units: str | None
    batch_size: int
    workers: int | None
    engine: Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How a model is loaded and run.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; of a model that is not loaded yet.
        precision: "auto", "float32", "bfloat16" or "float16"; of a model that is not loaded yet.
        offline: Never use the network.
        cache: Look up and store the vectors of files and texts on disk.
        resize: How pictures become square: as the "model" says, or "squash", as pybioclip does; of a model
            that is not loaded yet. Dense features are of whole pictures, whatever this says.
    """

    device: str = "auto"
    precision: str = "auto"
    offline: bool = False
    cache: bool = True
    resize: Resize = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(ModelOptions):
    """How images are read and go through a model.

    Attributes:
        bands: Bands of files that do not state them: names in file order, or a named order.
        units: Units of files that do not state them.
        batch_size: Images that go through the model at once.
        workers: Threads that read files ahead; None: two more than there are CPUs, at most 8.
        engine: "local": this process. "ray": the workers of a Ray cluster, which do not use the cache.
    """

    bands: str | None = None
    units: str | None = None
    batch_size: int = BATCH_SIZE
    workers: int | None = None
    engine: Engine = "local"

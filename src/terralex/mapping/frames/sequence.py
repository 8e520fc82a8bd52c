"""A recording: posed RGB-D frames that are read one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.frames.classes import ClassTable
from terralex.mapping.frames.frame import Frame


class PosedSequence(ABC):
    """Posed RGB-D frames in the order in which they were taken.

    Attributes:
        name: What people call it, such as "office0".
        path: Where it is.
        ids: Of the frames that can be read.
        classes: What `Frame.labels` index; None if the frames have no labels.
        left_out: Frames that cannot be used, each with what it lacks, such as a depth map or a finite pose.
    """

    name: str
    path: Path
    ids: tuple[str, ...]
    classes: ClassTable | None
    left_out: Mapping[str, str]

    def __len__(self) -> int:
        """How many frames can be read."""
        return len(self.ids)

    def __iter__(self) -> Iterator[Frame]:
        """Read every frame.

        Raises:
            InputError: One cannot be used.
        """
        return map(self.read, range(len(self)))

    @abstractmethod
    def read(self, index: int) -> Frame:
        """Read one frame.

        Raises:
            InputError: It cannot be used; the message names the file.
        """

    @abstractmethod
    def pose(self, index: int) -> NDArray[np.float64]:
        """Camera to world of one frame, (4, 4), as its file has it."""

    def fingerprint(self) -> Mapping[str, Any]:
        """What tells this sequence from others, of which a run's output depends: plain values."""
        return {"path": str(self.path), "ids": list(self.ids)}

"""A run that fuses a sequence into a map: it can be killed at any point and gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from terralex.mapping.fusion import Encode, FusedFrame, fuse
from terralex.runtime.errors import TerralexError
from terralex.runtime.memory import available_memory, free_disk
from terralex.runtime.run_folder import RunFolder, run_folder

if TYPE_CHECKING:
    from terralex.mapping.frames import PosedSequence
    from terralex.mapping.voxels import MapBuilder

_SHARE = 20
"""A checkpoint that took a second is followed by this many seconds of work."""

_MEMORY = 8 << 30  # bytes, where the system does not say how much is free

Tell = Callable[[int, int, int], object]
"""Called with the frames done, those of them that failed, and those in all."""


class Fusion:
    """Frames that are added to a map one after the other.

    Attributes:
        failed: The frames that cannot be used, with the reasons.

    Args:
        sequence: The frames.
        encode: What is seen in them.
        builder: The map in the making, with what an earlier run left.
        work: Where the run stands.
    """

    def __init__(
        self, sequence: PosedSequence, encode: Encode | None, builder: MapBuilder, work: RunFolder
    ) -> None:
        self._sequence, self._encode, self._builder, self._work = sequence, encode, builder, work
        self._done = int(builder.note.get("done", 0))
        self.failed: list[tuple[str, str]] = [(name, why) for name, why in builder.note.get("failed", [])]
        self._due = 0.0

    def run(self, least_confidence: float, tell: Tell | None) -> None:
        """Add what is left of the frames.

        Raises:
            TerralexError: None of the frames can be used.
            OSError: The disk is full.
        """
        total = len(self._sequence)
        found = fuse(
            self._sequence,
            self._encode,
            self._builder,
            start=self._done,
            least_confidence=least_confidence,
        )
        try:
            if tell:
                tell(self._done, len(self.failed), total)
            for frame in found:
                self._count(frame)
                if tell:
                    tell(self._done, len(self.failed), total)
                if time.monotonic() >= self._due:
                    self._checkpoint()
        except BaseException:
            with suppress(OSError):  # what the last checkpoint holds is not lost
                if self._builder.is_whole:
                    self._checkpoint()
            raise
        if len(self.failed) == total:
            name, reason = self.failed[0]
            raise TerralexError(
                f"{self._sequence.path}: none of the {total} frames can be used, such as {name}: {reason}"
            )
        self._builder.info = replace(self._builder.info, frames=total - len(self.failed))
        self._checkpoint()

    def _count(self, frame: FusedFrame) -> None:
        self._done = frame.index + 1
        if frame.error is not None:
            self.failed.append((frame.id, frame.error))

    def _checkpoint(self) -> None:
        began = time.monotonic()
        self._builder.checkpoint({"done": self._done, "failed": self.failed})
        self._work.chunk_done(0, 0)
        self._due = time.monotonic() + _SHARE * (time.monotonic() - began)


def room(path: Path, given: int | None) -> tuple[int, int]:
    """Bytes of memory for a map in the making, and bytes of disk, with what an unfinished run has taken.

    Args:
        path: The output.
        given: Bytes of memory, if they are chosen.
    """
    taken = sum(file.stat().st_size for file in run_folder(path).glob("*"))
    return given or (available_memory() or _MEMORY) // 2, free_disk(path) + taken

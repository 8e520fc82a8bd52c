"""Where a conversion works, and how its files come about: each in one step, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from terralex.runtime.files import cannot_write
from terralex.runtime.resume import digest
from terralex.training.treeoflife.metadata import SETTINGS
from terralex.training.treeoflife.parts import Part
from terralex.training.treeoflife.plan import Wanted


@dataclass(frozen=True)
class Workshop:
    """The places of a conversion.

    Attributes:
        source: TreeOfLife-10M.
        output: The folder to make.
        folder: What is needed while it is made; it goes when all is done.
        size: Of the pictures, in pixels a side.
        sharded: Whether pictures wait in `folder` for shards, or go to the folders of their species.
    """

    source: Path
    output: Path
    folder: Path
    size: int
    sharded: bool

    @property
    def plan(self) -> Path:
        """What is to be made."""
        return self.folder / "plan.sqlite"

    @property
    def settings(self) -> Path:
        """What the result depends on. It is there once the plan is made and what was there before is gone."""
        return self.folder / SETTINGS

    def record(self, part: Part) -> Path:
        """What came of a part."""
        return self.folder / "done" / f"{digest([part.path])}.json"

    def picture(self, wanted: Wanted) -> Path:
        """Where a picture goes."""
        if self.sharded:
            return self.waiting(wanted.id)
        return self.output / wanted.folder / f"{wanted.id}.jpg"

    def waiting(self, identifier: str) -> Path:
        """Where a picture waits for its shard: in one of a few thousand folders, as a single one is slow."""
        return self.folder / "pictures" / identifier[:3] / f"{identifier}.jpg"

    @contextmanager
    def draft(self, path: Path) -> Iterator[Path]:
        """A file to write, which takes its place when the block ends without an error.

        Until then it is among the drafts, so that what a killed run leaves is never beside whole files.

        Raises:
            TerralexError: It cannot be written.
        """
        draft = self.folder / "drafts" / f"{os.getpid()}-{path.name}"
        try:
            for file in (draft, path):
                file.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            draft.replace(path)
        except OSError as error:
            raise cannot_write(path, error, "put that right and go on with --resume") from None

"""What a run needs so that it can be killed at any point and gone on with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.files import lock
from terralex.runtime.resume import RunState, as_settings, differences

_PROGRESS = "progress"
_LOCK = "lock"

SIDE_FILES = (".aux.xml", ".ovr")
"""What GDAL keeps beside a raster."""


def work_folder(output: Path) -> Path:
    """The folder beside an output where a run under way keeps what it has done."""
    return output.with_name(output.name + ".unfinished")


def check_outputs(products: Sequence[Path], *, resume: bool, overwrite: bool) -> None:
    """See that the flags say what to do with what is there. If not, raises `UsageError`. Touches nothing.

    Args:
        products: All files to make, the map first.
        resume: Go on with a run that was broken off.
        overwrite: Start again.
    """
    for product in products:
        if product.is_dir() and product.suffix != ".zarr":
            raise UsageError(
                f"{product} is a folder: name a file in it, such as {product / products[0].name}"
            )
    if len({product.resolve() for product in products}) < len(products):
        raise UsageError(f"two outputs have one name: {', '.join(map(str, products))}")
    if overwrite:
        return
    unfinished = _unfinished(work_folder(products[0])) is not None
    if unfinished and not resume:
        raise UsageError(
            f"{products[0]} is unfinished: pass --resume to go on, or --overwrite to start again"
        )
    there = [product for product in products if product.exists()]
    if there and not unfinished:
        flags = "pass --overwrite to make it again" if resume else "pass --overwrite to replace it"
        raise UsageError(f"{there[0]} {'is finished, nothing to resume' if resume else 'exists'}: {flags}")


class Work:
    """A folder for a run under way.

    Attributes:
        folder: Where drafts are kept.
        state: How far the run is: `chunks` rows of windows, `rows` windows labelled, `failed` windows without
            data.
    """

    def __init__(self, folder: Path, state: RunState) -> None:
        self.folder = folder
        self.state = state

    def row_done(self, labelled: int, empty: int) -> None:
        """Record a row of windows, whose part of the map is on disk."""
        self.state = self.state.after(labelled, empty, 0)
        self.state.save(self.folder / _PROGRESS)

    def publish(self, drafts: Mapping[Path, Path]) -> None:
        """Move finished drafts to where they belong, and remove the rest."""
        for draft, final in drafts.items():
            final.parent.mkdir(parents=True, exist_ok=True)
            for side in SIDE_FILES:  # those of a file that was there before would speak of another map
                final.with_name(final.name + side).unlink(missing_ok=True)
            for name in ("", *SIDE_FILES):
                part = draft.with_name(draft.name + name)
                if part.exists():
                    arriving = final.with_name(f"{final.name}{name}.tmp")
                    shutil.move(part, arriving)  # it may be on another disk
                    arriving.replace(final.with_name(final.name + name))
        _remove(self.folder)


@contextmanager
def open_work(output: Path, settings: Mapping[str, object], *, overwrite: bool) -> Iterator[Work]:
    """Start a run, or go on with the one that was broken off; `check_outputs` has said that this is meant.

    Raises:
        UsageError: Another run is at work on the output, or it was begun with other settings.
        OSError: The folder cannot be written.
    """
    folder = work_folder(output)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock(descriptor, output)
        work = Work(folder, _begin(folder, output, as_settings(settings), overwrite))
        try:
            yield work
        finally:
            if work.state.chunks == 0:  # nothing to go on with
                _remove(folder)
    finally:
        os.close(descriptor)


def _unfinished(folder: Path) -> RunState | None:
    """The run that was broken off, if it has anything to go on with."""
    record = folder / _PROGRESS
    if not record.exists():
        return None
    state = RunState.load(record)
    return state if state.chunks else None


def _begin(folder: Path, output: Path, settings: Mapping[str, object], overwrite: bool) -> RunState:
    state = None if overwrite else _unfinished(folder)
    if state is not None:
        changed = differences(state.settings, settings)
        if changed:
            advice = "repeat them, or pass --overwrite to start again"
            raise UsageError(f"{output} was begun with other settings ({changed}): {advice}")
        return state
    _clear(folder, (_LOCK,))
    state = RunState(settings)
    state.save(folder / _PROGRESS)
    return state


def _remove(folder: Path) -> None:
    _clear(folder, ())
    folder.rmdir()


def _clear(folder: Path, keep: Iterable[str]) -> None:
    """Remove the files of a folder, the record first: without it what is left counts as nothing."""
    names = sorted((name for name in os.listdir(folder) if name not in keep), key=lambda n: n != _PROGRESS)
    for name in names:
        (folder / name).unlink()

"""A folder beside the output of a run, from which a run that was cut short can be resumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.files import lock
from terralex.runtime.resume import RunState, as_settings, check_flags, check_settings

_PROGRESS = "progress"
_LOCK = "lock"


def run_folder(output: Path) -> Path:
    """The folder of an unfinished run, beside its output."""
    return output.with_name(output.name + ".unfinished")


def check_outputs(products: Sequence[Path], *, resume: bool, overwrite: bool) -> None:
    """See that the flags say what to do with what is there. Changes nothing.

    Args:
        products: All files to make; the run folder stands beside the first.
        resume: Go on with a run that was cut short.
        overwrite: Start again.

    Raises:
        UsageError: They do not, or a product is a folder, or two are one file.
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
    unfinished = _unfinished(run_folder(products[0])) is not None
    present = [product for product in products if product.exists()]
    output = products[0] if unfinished or not present else present[0]
    check_flags(output, unfinished=unfinished, exists=bool(present), resume=resume, overwrite=overwrite)


class RunFolder:
    """The folder of a run under way.

    Attributes:
        folder: Its path; drafts of the output belong into it.
        state: How far the run is.
    """

    def __init__(self, folder: Path, state: RunState) -> None:
        self.folder = folder
        self.state = state

    def chunk_done(self, rows: int, failed: int) -> None:
        """Record a chunk whose results are on disk; see `RunState` for the counts."""
        self.state = self.state.after(rows, failed, 0)
        self.state.save(self.folder / _PROGRESS)

    def publish(self, drafts: Mapping[Path, Path], side_files: Sequence[str] = ()) -> None:
        """Move finished drafts to their final paths, and remove the folder.

        Args:
            drafts: The final path of each draft.
            side_files: Endings of files that may stand beside a draft and move with it. Those that an older
                output left are removed: they would describe another file.
        """
        for draft, final in drafts.items():
            final.parent.mkdir(parents=True, exist_ok=True)
            for side in side_files:
                final.with_name(final.name + side).unlink(missing_ok=True)
            for name in ("", *side_files):
                part = draft.with_name(draft.name + name)
                if part.exists():
                    arriving = final.with_name(f"{final.name}{name}.tmp")
                    shutil.move(part, arriving)  # it may be on another disk
                    arriving.replace(final.with_name(final.name + name))
        _remove(self.folder)


@contextmanager
def open_run(output: Path, settings: Mapping[str, object], *, overwrite: bool) -> Iterator[RunFolder]:
    """Start a run, or resume the one that was cut short, after `check_outputs`.

    Raises:
        UsageError: Another run is at work on the output, or it was begun with other settings.
        OSError: The folder cannot be written.
    """
    folder = run_folder(output)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock(descriptor, output)
        run = RunFolder(folder, _begin(folder, output, as_settings(settings), overwrite))
        try:
            yield run
        finally:
            if run.state.chunks == 0:  # there is nothing to resume
                _remove(folder)
    finally:
        os.close(descriptor)


def _unfinished(folder: Path) -> RunState | None:
    """The state of a run that was cut short, if any of its chunks is done."""
    record = folder / _PROGRESS
    if not record.exists():
        return None
    state = RunState.load(record)
    return state if state.chunks else None


def _begin(folder: Path, output: Path, settings: Mapping[str, object], overwrite: bool) -> RunState:
    state = None if overwrite else _unfinished(folder)
    if state is not None:
        check_settings(output, state.settings, settings)
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

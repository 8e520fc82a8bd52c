"""How a verb runs over many inputs, and what is said when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

from terralex.cli.messages import INTERRUPTED, say
from terralex.cli.output import Target
from terralex.runtime import InputError, ProgressBar, Row, RowSink, digest, progress

if TYPE_CHECKING:
    from terralex.models import Model
    from terralex.recognition import Encoder, Hit, Item, Search

_REASONS = 5  # failures whose reasons are also printed


class Record(Protocol):
    """What every task gives back."""

    @property
    def path(self) -> str:
        """The input."""

    @property
    def error(self) -> str | None:
        """Why it could not be used."""


class Reading(Protocol):
    """What inputs go through, such as an `Encoder`."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def batch_size(self) -> int:
        """Inputs a chunk."""

    @property
    def waited(self) -> float:
        """Seconds that the model has waited for files."""

    @property
    def remarks(self) -> Mapping[str, None]:
        """What holds for many inputs and so is in no note of a row; the keys."""


R = TypeVar("R", bound=Record)


def run_settings(encoder: Encoder, items: Sequence[Item], **others: object) -> dict[str, object]:
    """What the rows of a run depend on: a run is only resumed with the same."""
    return {
        "model": encoder.model.key,
        "inputs": f"{len(items)} inputs, {digest(item.name for item in items)}",
        "batch size": encoder.batch_size,
        "bands": None if encoder.bands is None else str(encoder.bands),
        "units": encoder.units,
        "cache": encoder.has_cache,
        "engine": encoder.engine,
        **others,
    }


class Run:
    """A verb on its way: how far it is, while it is in a `with` block, and how it went.

    Args:
        verb: What is done.
        total: How many inputs there are.
        encoder: What they go through.
        done: How many were done before, by the run that is resumed.
        failed: How many of those failed.
        quiet: Show no bar: the results themselves appear as they come.
    """

    def __init__(
        self, verb: str, total: int, encoder: Reading, *, done: int = 0, failed: int = 0, quiet: bool = False
    ) -> None:
        self.done = done
        self._verb, self._total, self._encoder, self._quiet = verb, total, encoder, quiet
        self._before, self._failed = done, failed
        self._reasons: list[str] = []
        self._began = time.monotonic()
        self._stack = ExitStack()
        self._bar: ProgressBar | None = None

    def __enter__(self) -> Run:
        if not self._quiet:
            shown = progress(self._total, self._verb, done=self.done, failed=self._failed)
            self._bar = self._stack.enter_context(shown)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def advance(self, inputs: int, failed: Sequence[Record]) -> None:
        """Count further inputs as done, and those of them that failed."""
        self.done += inputs
        self._failed += len(failed)
        self._reasons += [
            f"{record.path}: {record.error}" for record in failed[: _REASONS - len(self._reasons)]
        ]
        if self._bar:
            self._bar.advance(inputs, len(failed))

    def interrupted(self, advice: str) -> int:
        """Say how far it came and what to do, and return the exit code."""
        say(f"interrupted after {self.done:,} of {self._total:,} inputs; {advice}")
        return INTERRUPTED

    def finished(self, target: Target) -> int:
        """Say how it went, and return the exit code: 0, or 3 if some inputs failed."""
        for reason in [] if target.is_live else self._reasons:
            say(reason)
        model = self._encoder.model
        for remark in self._encoder.remarks:
            say(remark)
        say(f"{self._summary()}; {describe_model(model)}")
        if model.card.weights.bundled:  # a demonstration, and its answers say so
            say(f"{model.name}: {' '.join(model.card.notes)}")
        return InputError.exit_code if self._failed else 0

    def _summary(self) -> str:
        seconds = time.monotonic() - self._began
        inputs = self.done - self._before
        text = f"{inputs:,} input{'s' * (inputs != 1)} in {seconds:.1f} s"
        if inputs > self._encoder.batch_size:
            text += f", {inputs / seconds:,.1f} a second"
            if self._encoder.waited > seconds / 2:
                text += " (most of it reading files)"
        return f"{text}, {self._failed:,} failed" if self._failed else text


class LateBar:
    """A bar, in a `with` block, that learns what it counts to when something is told for the first time.

    Args:
        what: What is counted.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._stack = ExitStack()
        self._bar: ProgressBar | None = None
        self._done = self._failed = 0

    def __enter__(self) -> LateBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tell(self, done: int, total: int, failed: int = 0) -> None:
        """Show that so many are done, and how many of them failed."""
        if self._bar is None:
            shown = progress(total, self._what, done=done, failed=failed)
            self._bar = self._stack.enter_context(shown)
        else:
            self._bar.advance(done - self._done, failed - self._failed)
        self._done, self._failed = done, failed


def describe_model(model: Model) -> str:
    """The model, where it runs and how precisely."""
    return f"model {model.name} on {model.device}, {str(model.dtype).removeprefix('torch.')}"


def write_all(
    verb: str,
    chunks: Iterable[Sequence[R]],
    rows: Callable[[Sequence[R]], Sequence[Row]],
    sink: RowSink,
    target: Target,
    encoder: Reading,
    total: int,
) -> int:
    """Write the records of each chunk as they come; return the exit code.

    Args:
        verb: What is done.
        chunks: Records, chunk by chunk from `sink.chunks_done` on.
        rows: Turns the records of a chunk into rows.
        sink: Takes the rows.
        target: Where the sink leads.
        encoder: What the inputs go through.
        total: How many inputs there are.
    """
    done = min(sink.chunks_done * encoder.batch_size, total)
    run = Run(verb, total, encoder, done=done, failed=sink.failed, quiet=target.is_live)
    try:
        with sink, run:
            for records in chunks:
                failed = [record for record in records if record.error]
                sink.write_chunk(rows(records), len(failed))
                run.advance(min(encoder.batch_size, total - run.done), failed)
    except KeyboardInterrupt:
        if target.path is None:
            return run.interrupted("with -o FILE a run can be resumed")
        return run.interrupted(f"{target.path} has what is done: repeat the command with --resume to go on")
    return run.finished(target)


def search_all(
    found: Search,
    files: Sequence[str],
    images: Sequence[Item],
    rows: Callable[[Sequence[Hit]], Sequence[Row]],
    sink: RowSink,
    target: Target,
    encoder: Encoder,
) -> int:
    """Look through files of embeddings and images, then write what was found; return the exit code."""
    from terralex.recognition import count_rows, read_embeddings

    run = Run("search", sum(map(count_rows, files)) + len(images), encoder)
    try:
        with sink:
            with run:
                for file in files:
                    for block in read_embeddings(file, encoder.model):
                        found.add(block.vectors, block.places)
                        run.advance(len(block.places) + block.without, [])
                for chunk in encoder.chunks(images):
                    found.add_chunk(chunk)
                    run.advance(len(chunk), [entry for entry in chunk if entry.error])
            if sink.chunks_done == 0:  # else a run that was killed at its very end has written them
                sink.write_chunk(rows(list(found.hits())), len(found.failed))
    except KeyboardInterrupt:
        kept = "; the vectors made so far are kept for the next time" if encoder.has_cache else ""
        return run.interrupted(f"nothing is written yet{kept}")
    return run.finished(target)

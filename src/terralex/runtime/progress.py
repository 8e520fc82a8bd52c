"""How far a run is, on standard error, for whoever watches a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text


class ProgressBar:
    """What `progress` hands out. Shows nothing where nobody watches."""

    def __init__(self, bar: Progress | None, failed: int) -> None:
        self._bar = bar
        self._failed = failed

    def advance(self, n: int, failed: int = 0) -> None:
        """Count `n` further items as done, `failed` of them as unusable."""
        self._failed += failed
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], advance=n, failed=self._failed)


@contextmanager
def progress(
    total: int, description: str, *, done: int = 0, failed: int = 0, force: bool = False
) -> Iterator[ProgressBar]:
    """Show a bar with the rate, the time left and the failures while the block runs.

    Args:
        total: Items in the whole run.
        description: One word or two, such as the verb.
        done: Items that a resumed run has behind it; they do not count towards the rate.
        failed: How many of those failed.
        force: Show the bar even where standard error is not a terminal.

    Yields:
        The bar to advance.
    """
    if not (force or sys.stderr.isatty()):
        yield ProgressBar(None, failed)
        return
    counts = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), _Failures())
    console = Console(stderr=True, force_terminal=True if force else None)
    # Standard output carries data; rich would send it to standard error while the bar is shown.
    with Progress("{task.description}", *counts, console=console, redirect_stdout=False) as bar:
        bar.add_task(description, total=total, completed=done, failed=failed)
        yield ProgressBar(bar, failed)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f}/s" if speed else "", style="progress.data.speed")


class _Failures(ProgressColumn):
    def render(self, task: Task) -> Text:
        failed: int = task.fields["failed"]
        return Text(f"{failed:,} failed" if failed else "", style="red")

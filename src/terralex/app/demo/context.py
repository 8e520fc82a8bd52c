"""What every tab of the page works with."""

from __future__ import annotations

import functools
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from terralex.app.demo.examples import Examples
from terralex.app.limits import Limits
from terralex.app.pool import ModelPool
from terralex.runtime.errors import TerralexError, UsageError

P = ParamSpec("P")
R = TypeVar("R")

SESSION_SECONDS = 3600
"""After so long without a visit what a session holds is forgotten, its files included."""

_log = logging.getLogger("terralex.app")


@dataclass(frozen=True, eq=False)
class Context:
    """What every tab of the page works with.

    Attributes:
        pool: The models.
        limits: What a visitor may ask for.
        workspace: The folder for temporary files; it goes with the server.
    """

    pool: ModelPool
    limits: Limits
    workspace: Path

    @cached_property
    def examples(self) -> Examples:
        """Generated pictures to try things out with."""
        return Examples(self.workspace / "examples")

    def folder(self) -> Path:
        """A new folder for one session's files."""
        root = self.workspace / "sessions"
        root.mkdir(exist_ok=True)
        return Path(tempfile.mkdtemp(dir=root))

    def phrases(self, values: list[str] | None) -> list[str]:
        """Phrases as they were typed, split at commas and lines, each once.

        Raises:
            UsageError: There are none, or too many.
        """
        parts = (part.strip() for value in values or [] for part in re.split(r"[,;\n]", value))
        names = list(dict.fromkeys(part for part in parts if part))
        if not names:
            raise UsageError("write at least one word or phrase, and press Enter after it")
        if len(names) > self.limits.labels:
            raise UsageError(f"{len(names):,} phrases are more than the {self.limits.labels:,} allowed")
        return names


def model_title(name: str) -> str:
    """A model's name as people read it: of a folder its last part."""
    return name.rstrip("/").rsplit("/", 1)[-1]


def model_choices(pool: ModelPool) -> list[tuple[str, str]]:
    """The models to choose from, with their titles."""
    return [(model_title(name), name) for name in pool.names()]


def forget(session: Any) -> None:  # noqa: ANN401 (whatever a tab keeps)
    """Remove the files of a session, when it has ended."""
    folder = getattr(session, "folder", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def guarded(work: Callable[P, R]) -> Callable[P, R]:
    """An event handler whose failures become messages for people; what nobody foresaw is logged."""

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return work(*args, **kwargs)
        except Exception as error:
            raise _friendly(error) from error

    return run


def guarded_stream(work: Callable[P, Iterator[R]]) -> Callable[P, Iterator[R]]:
    """As `guarded`, for a handler that yields results as they come."""

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        try:
            yield from work(*args, **kwargs)
        except Exception as error:
            raise _friendly(error) from error

    return run


def _friendly(error: Exception) -> Exception:
    title, text = "A defect", f"{type(error).__name__}: the log of the server says more"
    if isinstance(error, TerralexError):
        title, text = "That did not work", without_folders(str(error))
    else:
        _log.exception("an event of the web page failed")
    shown: Exception = gr.Error(text, title=title, duration=12, print_exception=False)
    return shown


def without_folders(message: str) -> str:
    """A message with names of files only: where a server keeps its files is nobody's business."""
    temporary = re.escape(tempfile.gettempdir())
    return re.sub(rf"{temporary}/(?:[^\s:,;/]+/)*", "", message)

"""Words to the person, on standard error."""

import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terralex.taxonomy import Taxonomy

INTERRUPTED = 130


def say(message: str) -> None:
    """Print one line that is no part of the results."""
    print(f"terralex: {printable(' '.join(message.split()))}", file=sys.stderr, flush=True)


class _SayHandler(logging.Handler):
    """Says what is logged as a warning."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def say_warnings() -> None:
    """Have warnings of the models said on standard error."""
    logger = logging.getLogger("terralex.models")
    if not any(isinstance(handler, _SayHandler) for handler in logger.handlers):
        logger.addHandler(_SayHandler(logging.WARNING))
        logger.propagate = False


def say_report(taxonomy: "Taxonomy") -> None:
    """Say what was read from the source of a taxonomy, and what was left out and why."""
    if taxonomy.report:
        say(f"{taxonomy.report.source}: {taxonomy.report}")


def printable(text: str) -> str:
    """The text with control characters and undecodable bytes spelled out: a file's name may hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def fail(message: str, code: int) -> int:
    """Print in one line what went wrong, and return the exit code."""
    if debugging() and sys.exc_info()[0]:
        traceback.print_exc()
    say(f"error: {message}")
    return code


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get("TERRALEX_DEBUG", "") not in ("", "0")

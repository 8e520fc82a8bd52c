"""The command `terralex`: its verbs, and what happens when one fails."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

import terralex
from terralex.cli import (
    ask,
    classify,
    demo,
    doctor,
    embed,
    evaluate,
    fit,
    map,
    mcp,
    models,
    order,
    prepare,
    quickstart,
    search,
    segment,
    serve,
    taxa,
    train,
)
from terralex.cli.messages import INTERRUPTED, debugging, fail, say_warnings
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.memory import keep_freed_memory

app = typer.Typer(
    name="terralex",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="It works offline with the small model that comes along. `terralex VERB --help` tells more.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"terralex {terralex.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Ask images of the natural world in words."""


app.command("quickstart")(quickstart.quickstart)
app.command("classify")(classify.classify)
app.command("search")(search.search)
app.command("embed")(embed.embed)
app.command("order")(order.order)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("mcp")(mcp.mcp)
app.command("segment")(segment.segment)
app.command("fit")(fit.fit)
app.command("map")(map.map_sequence)
app.command("ask")(ask.ask)
app.add_typer(prepare.app, name="prepare")
app.command("train")(train.train)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(models.app, name="models")
app.add_typer(taxa.app, name="taxa")
app.command("doctor")(doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit: 0 done, 1 failed, 2 wrong usage, 3 some inputs failed, 130 interrupted."""
    if not sys.warnoptions and not debugging():
        warnings.simplefilter("ignore")  # those of libraries: nothing that a person at a terminal can act on
    if arguments is not None:
        sys.exit(run(arguments))
    gc.set_threshold(100_000)  # imports make many objects and hardly any garbage
    keep_freed_memory()
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End the process without taking apart all that it has imported, which is slow with torch."""
    atexit._run_exitfuncs()
    try:
        if sys.stdout and not sys.stdout.closed:  # it is None if it was closed from the start
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # as in `run`
    except OSError as error:
        code = fail(f"cannot write standard output: {error.strerror}", TerralexError.exit_code)
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command and return what to exit with; failures become one line on standard error."""
    say_warnings()
    try:
        code = app(args=list(arguments) or ["--help"], prog_name="terralex", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return fail("interrupted", INTERRUPTED)
    except TerralexError as error:
        return fail(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has had enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own: a wrong verb, option or value
            return fail(_usage(error), UsageError.exit_code)
        return fail(f"{type(error).__name__}: {error} (a defect? TERRALEX_DEBUG=1 shows where)", 1)
    return code if isinstance(code, int) else 0


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    message: str = error.format_message()  # type: ignore[attr-defined]
    message = message[:1].lower() + message[1:].rstrip(".")
    return f"{message} ({context.command_path} --help tells more)" if context else message

"""The command line: parse, call a task, show. Nothing here loads more than typer before a verb runs."""

from terralex.cli.app import main

__all__ = ["main"]

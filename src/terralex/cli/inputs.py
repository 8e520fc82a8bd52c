"""The inputs that a person names, and what was left out of folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from terralex.cli.messages import say
from terralex.runtime.inputs import describe_left_out

if TYPE_CHECKING:
    from terralex.recognition import Item


def list_inputs(arguments: Sequence[str]) -> list[Item]:
    """List the inputs that the arguments name, and say which files in folders are left out.

    Raises:
        UsageError: An argument names nothing.
    """
    from terralex.recognition import list_items

    left_out: Counter[str] = Counter()
    items = list_items(arguments, left_out)
    say_left_out(left_out)
    return items


def say_left_out(left_out: Counter[str]) -> None:
    """Say how many files of which endings were left out of folders, if any."""
    if left_out:
        say(describe_left_out(left_out))

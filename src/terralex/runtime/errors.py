"""Errors for people: one line that says what was wrong, with which file or value, and what to do."""


class TerralexError(Exception):
    """A failure that ends the run. The message is one line for people.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code = 1


class UsageError(TerralexError):
    """A wrong flag, value or name: nothing was done."""

    exit_code = 2


class InputError(TerralexError):
    """One input cannot be used (unreadable, truncated, unknown bands): it costs one error row in a batch."""

    exit_code = 3

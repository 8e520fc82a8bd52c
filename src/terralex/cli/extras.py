"""Packages that a command needs and that are not always installed."""

from importlib.util import find_spec

from terralex.runtime.errors import UsageError


def need(extra: str, *packages: str) -> None:
    """See that packages are there.

    Args:
        extra: The extra of Terralex that brings them.
        packages: Names of modules.

    Raises:
        UsageError: One is not installed; the message says how to install it.
    """
    absent = [name for name in packages if find_spec(name) is None]
    if absent:
        raise UsageError(f'{" and ".join(absent)} not installed: pip install "terralex[{extra}]"')

"""The family of a model, by the name on its card."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from terralex.models.families.names import FAMILIES

if TYPE_CHECKING:
    from terralex.models.families.family import Family


@cache
def get_family(name: str) -> Family:
    """The family of that name, a key of `FAMILIES`."""
    return cast("Family", import_module(FAMILIES[name]).FAMILY)

"""Pages of HTML from templates: everything that is filled in is escaped, and a page needs no other file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from terralex._version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: object) -> str:
    """Fill in a template that extends `terralex.runtime.html:base.html`.

    Args:
        template: "package:file".
        values: What the template names; text is escaped.
    """
    return _environment().get_template(template).render(version=__version__, **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Style sheets and scripts of the package itself, `| safe` in templates: they are not read as templates.
    environment.globals["source"] = _source
    return environment


def _source(name: str) -> str:
    package, _, file = name.partition(":")
    return files(package).joinpath(file).read_text(encoding="utf-8")

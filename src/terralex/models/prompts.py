"""Prompt templates: sentences with ``{c}`` where a label goes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from terralex.models._names import nearest
from terralex.runtime.errors import UsageError
from terralex.runtime.yaml_files import load_yaml

PLACEHOLDER = "{c}"


def template_names() -> tuple[str, ...]:
    """Names of the shipped template sets."""
    folder = files("terralex.models") / "templates"
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    )


def load_templates(name_or_path: str | Path) -> tuple[str, ...]:
    """Templates by the name of a shipped set, or from a file of one's own.

    Args:
        name_or_path: A name of `template_names`; or a ``.txt`` file with one template a line; or a ``.yaml``
            file with a list of templates, bare or under ``templates``.

    Raises:
        UsageError: No such set or file, no template in it, or a template without ``{c}``.
    """
    if (name := str(name_or_path)) in template_names():
        text = (files("terralex.models") / "templates" / f"{name}.yaml").read_text(encoding="utf-8")
        return check_templates(_listed(load_yaml(text, name)), name)
    path = Path(name_or_path)
    if not path.suffix and not path.is_file():
        raise UsageError(
            f"no prompt templates are called {name!r}{nearest(name, template_names())}; "
            f"use one of {', '.join(template_names())}, or a .txt or .yaml file"
        )
    return check_templates(_read(path), str(path))


def check_templates(templates: Sequence[Any], where: str) -> tuple[str, ...]:
    """Templates each of which has a place for the label.

    Raises:
        UsageError: There are none, or one has no ``{c}``: whatever the label, it would say the same.
    """
    if not templates:
        raise UsageError(f"{where} holds no prompt templates: write one a line, or a YAML list")
    for template in templates:
        if not isinstance(template, str) or PLACEHOLDER not in template:
            raise UsageError(f"{where}: template {template!r} has no {PLACEHOLDER}, where the label goes")
    return tuple(templates)


def fill(templates: Sequence[str], label: str) -> list[str]:
    """The prompts of one label: every template with the label in place of ``{c}``."""
    return [template.replace(PLACEHOLDER, label) for template in templates]


def _read(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read prompt templates from {path}: {error}") from error
    if path.suffix.lower() not in (".yaml", ".yml"):
        return [line.strip() for line in text.splitlines() if line.strip()]
    return _listed(load_yaml(text, str(path), UsageError))


def _listed(data: object) -> list[Any]:
    listed = data.get("templates") if isinstance(data, dict) else data
    return listed if isinstance(listed, list) else []

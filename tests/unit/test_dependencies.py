"""What the package imports is what it says it needs, and nothing more."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(requirement: str) -> str:
    """The name of a requirement in its normal form, without bounds and extras."""
    return re.sub(r"[-_.]+", "-", re.split(r"[ <>=!~;\[]", requirement)[0]).lower()


CORE = {normal(requirement) for requirement in PROJECT["dependencies"]}
TRAIN = {normal(requirement) for requirement in PROJECT["optional-dependencies"]["train"]}
RAY = {normal(requirement) for requirement in PROJECT["optional-dependencies"]["ray"]}
APP = {normal(requirement) for requirement in PROJECT["optional-dependencies"]["app"]}
CHARTS = {normal(requirement) for requirement in PROJECT["optional-dependencies"]["charts"]}
EXTRAS = TRAIN | RAY | APP | CHARTS

BY_OTHERS = {"tensorboard"}
"""What a dependency imports only for us: torch writes its logs with it."""


def imports() -> Iterator[tuple[Path, str]]:
    """Every module of the package with each distribution that it imports from."""
    homes = packages_distributions()
    for path in (ROOT / "src").rglob("*.py"):
        modules = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module)
        for name in {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"terralex"}:
            candidates = {normal(home) for home in homes[name]}
            yield path, min(candidates & (CORE | EXTRAS) or candidates)


def test_the_core_imports_what_is_declared() -> None:
    assert {name for path, name in imports() if not may_need_more(path)} - CORE == set()
    assert {name for _, name in imports()} - CORE - EXTRAS == set()


def may_need_more(path: Path) -> bool:
    return not {"training", "app", "reports"}.isdisjoint(path.parts) or path.name == "cluster.py"


def test_what_is_declared_is_imported() -> None:
    assert (CORE | EXTRAS) - {name for _, name in imports()} == BY_OTHERS

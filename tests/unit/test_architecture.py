"""The layers of DESIGN's layout: imports go downward only, and no files import each other in a circle."""

import ast
from functools import cache
from pathlib import Path

import pytest

import terralex

ROOT = Path(terralex.__file__).parent

# From the bottom to the top. Of packages in one row, those further left may import those further right.
LAYERS = (
    ("geometry", "runtime"),
    ("taxonomy", "imagery"),
    ("models", "synthetic", "metrics"),
    ("training",),
    ("archive", "recognition"),
    ("mapping", "segmentation"),
    ("evaluation",),
    ("reports",),
    ("cli", "app"),
)
HEIGHT = {package: (layer, -column) for layer, row in enumerate(LAYERS) for column, package in enumerate(row)}


def _modules() -> dict[str, Path]:
    modules = {}
    for path in ROOT.rglob("*.py"):
        parts = ("terralex", *path.relative_to(ROOT).with_suffix("").parts)
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def _imports(path: Path, modules: dict[str, Path]) -> set[str]:
    """The project's modules that a file imports, for type checking too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in modules else node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names & modules.keys()


@cache  # made when a test needs it: collecting tests is work that each worker does
def _graph() -> dict[str, set[str]]:
    """The modules that each module imports."""
    modules = _modules()
    return {name: _imports(path, modules) - {name} for name, path in modules.items()}


def _package(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_package_has_a_layer() -> None:
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert packages <= HEIGHT.keys()


@pytest.mark.parametrize("package", sorted(HEIGHT))
def test_imports_go_downward(package: str) -> None:
    upward = [
        f"{module} imports {target}"
        for module, targets in _graph().items()
        if _package(module) == package
        for target in targets
        if (other := _package(target)) in HEIGHT and HEIGHT[other] > HEIGHT[package]
    ]
    assert not upward


def _reachable(start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in _graph()[waiting.pop()] - seen:
            seen.add(target)
            waiting.append(target)
    return seen


@pytest.mark.parametrize("package", sorted(HEIGHT))
def test_no_import_cycles(package: str) -> None:
    assert not sorted(
        module for module in _graph() if _package(module) == package and module in _reachable(module)
    )

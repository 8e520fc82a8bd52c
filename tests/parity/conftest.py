"""Parity cases: what published code computes on weights that are random but fixed.

A case is a folder with a ``case.json``; its ``kind`` names the module ``test_KIND.py`` that tries it, which
takes the parameter ``case``: ``folder``, ``kind``, ``settings`` (what case.json says), and ``expected()``
(the arrays of expected.npz by name). Cases are looked for in and below ``--parity-dir DIR``, else the folder
that ``TERRALEX_PARITY`` names, else ``../shared/parity``.
"""

import json
import os
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def fill_tensor(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """A weight that depends on its name, its shape and the seed alone: the rule that all cases share."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = generator.standard_normal(shape)
    if name.split(".")[-1].endswith("weight") and len(shape) >= 2:
        values /= np.sqrt(np.prod(shape[1:]))
    elif name.split(".")[-1] == "weight" and len(shape) == 1:
        values = 1.0 + 0.1 * values
    else:
        values *= 0.1
    return torch.from_numpy(values.astype(np.float32))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    root = _root(metafunc.config)
    kind = metafunc.module.__name__.rsplit(".", 1)[-1].removeprefix("test_")
    cases = [case for case in _cases(root) if _module(case.kind) == kind]
    none = pytest.mark.skip(f"no case for {kind} in {root}: see --parity-dir and TERRALEX_PARITY")
    metafunc.parametrize(
        "case",
        [pytest.param(case, id=str(case.folder.relative_to(root))) for case in cases]
        or [pytest.param(None, id="none", marks=none)],
        scope="module",
    )


def _root(config: pytest.Config) -> Path:
    chosen = config.getoption("--parity-dir") or os.environ.get("TERRALEX_PARITY")
    root = Path(chosen or REPOSITORY.parent / "shared" / "parity").absolute()
    if chosen and not any(root.rglob("case.json")):
        raise pytest.UsageError(f"no case.json in or below {root}")
    return root


@cache  # one object a case, by which pytest keeps what it made for it
def _cases(root: Path) -> list[SimpleNamespace]:
    cases = [(path.parent, json.loads(path.read_text())) for path in sorted(root.rglob("case.json"))]
    return [
        SimpleNamespace(folder=folder, kind=read["kind"], settings=read, expected=partial(_expected, folder))
        for folder, read in cases
    ]


def _expected(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "expected.npz") as arrays:
        return dict(arrays)


def _module(kind: str) -> str:
    """The name, without ``test_``, of the module that tries cases of a kind."""
    return kind if (HERE / f"test_{kind}.py").is_file() else "other_kinds"


@pytest.fixture(scope="session")
def fill() -> Callable[[str, tuple[int, ...], int], torch.Tensor]:
    """`fill_tensor`, for modules, which cannot import it from here."""
    return fill_tensor

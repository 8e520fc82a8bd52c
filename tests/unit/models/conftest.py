"""Small CLIP models, and a Hugging Face cache of a test's own."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from terralex.models import ModelCard
from terralex.models.model import Model


@pytest.fixture(scope="session")
def model(rgb_card: ModelCard, make_model: Callable[..., Model]) -> Model:
    return make_model(rgb_card)


@pytest.fixture(scope="session")
def ms_model(ms_card: ModelCard, make_model: Callable[..., Model]) -> Model:
    return make_model(ms_card)


@pytest.fixture
def rgb() -> np.ndarray:
    """A colour picture, uint8 (40, 56, 3)."""
    return np.random.default_rng(3).integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.fixture
def put_in_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Lays files into a Hugging Face cache of its own, the way its client does."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))

    def put(repo: str, files: dict[str, bytes], commit: str = "a" * 40, ref: str | None = "main") -> Path:
        folder = tmp_path / "hf" / "hub" / f"models--{repo.replace('/', '--')}"
        for name, content in files.items():
            blob = folder / "blobs" / f"{name.replace('/', '-')}-{commit[:4]}"
            link = folder / "snapshots" / commit / name
            for path in (blob, link):
                path.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
        if ref:
            (folder / "refs").mkdir(exist_ok=True)
            (folder / "refs" / ref).write_text(commit)
        return folder / "snapshots" / commit

    return put

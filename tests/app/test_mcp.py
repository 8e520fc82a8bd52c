"""The MCP server: its tools answer, and read nothing outside of the folders named at start."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from mcp import Client

from terralex import UsageError
from terralex.app.mcp import Folders, mcp_server
from terralex.app.pool import ModelPool

LABELS = ["water", "forest"]


@pytest.fixture(scope="module")
def pool(tiny_model: str) -> ModelPool:
    return ModelPool(tiny_model, offline=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    PIL.Image.fromarray(pixels).save(tmp_path / "private.png")
    (folder / "link.png").symlink_to(tmp_path / "private.png")
    return folder


def call(pool: ModelPool, folder: Path, tool: str, **arguments: Any) -> Any:  # noqa: ANN401
    async def ask() -> Any:  # noqa: ANN401
        async with Client(mcp_server(pool, Folders.of([folder]))) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(ask())


def result(pool: ModelPool, folder: Path, tool: str, **arguments: Any) -> Any:  # noqa: ANN401
    answer = call(pool, folder, tool, **arguments)
    assert not answer.is_error, answer.content
    content = answer.structured_content
    return content.get("result", content)


def test_the_verbs(pool: ModelPool, folder: Path) -> None:
    rows = result(pool, folder, "classify", path=".", labels=LABELS, top_k=1)
    assert [Path(row["path"]).name for row in rows] == ["0.png", "1.png", "2.png"]
    assert {row["label"] for row in rows} <= set(LABELS)
    hits = result(pool, folder, "search", path=str(folder), queries=["a lake"], top_k=2)
    assert hits[0]["score"] >= hits[1]["score"]
    assert result(pool, folder, "segment", path="0.png", labels=LABELS)["path"] == "0.png"
    assert "regions" in result(pool, folder, "detect", path="0.png", labels=LABELS)
    assert len(result(pool, folder, "embed", texts=["a lake"])[0]) == pool.get().embed_dim
    assert "pocket" in [model["name"] for model in result(pool, folder, "models")]


@pytest.mark.parametrize("path", ["../private.png", "link.png", "/etc/hostname", "no such.png"])
def test_nothing_else_is_read(pool: ModelPool, folder: Path, path: str) -> None:
    for tool in ("classify", "segment"):
        answer = call(pool, folder, tool, path=path, labels=LABELS)
        assert answer.is_error
        assert "no such file or folder below" in answer.content[0].text


def test_folders_have_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one folder"):
        Folders.of([])
    with pytest.raises(UsageError, match="no such folder"):
        Folders.of([tmp_path / "absent"])

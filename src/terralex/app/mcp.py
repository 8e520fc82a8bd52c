"""The tasks for assistants, over the Model Context Protocol, on files below folders named at start."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

import terralex
from terralex.app.pool import ModelPool
from terralex.models import get_card
from terralex.recognition import list_items
from terralex.runtime.errors import TerralexError, UsageError
from terralex.segmentation.photos import find_photo_regions

P = ParamSpec("P")
R = TypeVar("R")

_INSTRUCTIONS = (
    "Terralex names what images show among labels that you choose, finds images by words, and says where "
    "things are in them. Paths are of files and folders below: {folders}. Say in plain words what to tell "
    "apart; a model answers among the labels that it is given, also where none of them is there."
)
_FILES = 2000
_REGIONS = 200


@dataclass(frozen=True)
class Folders:
    """Folders that requests may read.

    Attributes:
        roots: The folders, resolved.
    """

    roots: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> Folders:
        """Folders as named.

        Raises:
            UsageError: There are none, or one is no folder.
        """
        if not folders:
            raise UsageError("name at least one folder that assistants may read: terralex mcp FOLDER")
        if absent := [str(folder) for folder in folders if not folder.is_dir()]:
            raise UsageError(f"no such folder: {', '.join(absent)}")
        return cls(tuple(folder.resolve() for folder in folders))

    def files(self, path: str) -> list[str]:
        """The images that a path names: a file, or all in a folder; links do not lead out of the folders.

        Raises:
            UsageError: The path is not below the folders, or names nothing, or too much.
        """
        named = self._resolved(path)
        items = list_items([str(named)])
        inside = [item.name for item in items if self._holds(Path(item.name).resolve())]
        if not inside or len(inside) > _FILES:
            raise UsageError(f"{path} names {len(inside):,} images: name 1 to {_FILES:,}")
        return inside

    def file(self, path: str) -> str:
        """The file that a path names. Raises `UsageError` if it is not below the folders."""
        return str(self._resolved(path))

    def _resolved(self, path: str) -> Path:
        candidates = [Path(path)] if Path(path).is_absolute() else [root / path for root in self.roots]
        for candidate in candidates:
            resolved = candidate.resolve()
            if self._holds(resolved) and resolved.exists():
                return resolved
        raise UsageError(f"{path}: no such file or folder below {', '.join(map(str, self.roots))}")

    def _holds(self, resolved: Path) -> bool:
        return any(resolved.is_relative_to(root) for root in self.roots)


def mcp_server(pool: ModelPool, folders: Folders) -> MCPServer:
    """The server with its tools."""
    where = ", ".join(map(str, folders.roots))
    server = MCPServer(
        "terralex",
        title="Terralex",
        instructions=_INSTRUCTIONS.format(folders=where),
        version=terralex.__version__,
    )

    @server.tool()
    @_in_words
    def classify(
        path: str, labels: list[str], top_k: int = 3, model: str | None = None
    ) -> list[dict[str, Any]]:
        """Name what images show, among labels: the best labels of each image with their probabilities.

        Args:
            path: An image, or a folder of images.
            labels: What there is to tell apart, in words.
            top_k: Labels for each image.
            model: One of `models`; the server's default if left out.
        """
        found = terralex.classify(folders.files(path), labels, model=pool.get(model), top_k=top_k)
        return [_without_empty(asdict(row)) for row in found]

    @server.tool()
    @_in_words
    def search(
        path: str, queries: list[str], top_k: int = 5, model: str | None = None
    ) -> list[dict[str, Any]]:
        """Find the images that words describe, the best first.

        Args:
            path: A folder of images.
            queries: What to look for, in words.
            top_k: Images for each query.
            model: One of `models`; the server's default if left out.
        """
        hits = terralex.search(folders.files(path), queries, model=pool.get(model), top_k=top_k)
        return [_without_empty(asdict(hit)) for hit in hits]

    @server.tool()
    @_in_words
    def segment(path: str, labels: list[str], model: str | None = None) -> dict[str, Any]:
        """Say which part of an image each label covers.

        Args:
            path: An image.
            labels: What there is to tell apart, in words.
            model: One of `models`; the server's default if left out.
        """
        result = _segmented(path, labels, model)
        return {"path": path, "classes": [asdict(share) for share in result.classes], "notes": result.notes}

    @server.tool()
    @_in_words
    def detect(path: str, labels: list[str], model: str | None = None) -> dict[str, Any]:
        """Find connected regions of labels in an image, with boxes in pixels, the largest first.

        Args:
            path: An image.
            labels: What to look for, in words.
            model: One of `models`; the server's default if left out.
        """
        regions = find_photo_regions(_segmented(path, labels, model), smallest=16)
        return {"path": path, "regions": [region.row() for region in regions[:_REGIONS]]}

    @server.tool()
    @_in_words
    def embed(texts: list[str], model: str | None = None) -> list[list[float]]:
        """Turn texts into vectors of the model, which are compared with those of images.

        Args:
            texts: The texts.
            model: One of `models`; the server's default if left out.
        """
        vectors: list[list[float]] = pool.get(model).encode_texts(texts).cpu().tolist()
        return vectors

    @server.tool()
    @_in_words
    def models() -> list[dict[str, Any]]:
        """The models that can be named, and what each is for."""
        cards = {card.name: card for card in terralex.list_cards()}
        known = [(name, get_card(name)) for name in pool.names() if name in cards]
        return [{"name": name, "for": card.domain, "bands": card.input.bands} for name, card in known]

    def _segmented(path: str, labels: list[str], model: str | None) -> terralex.Segmentation:
        (result,) = terralex.segment(folders.file(path), labels, model=pool.get(model))
        if result.labels is None:
            raise UsageError(f"{path}: {result.error}")
        return result

    return server


def _in_words(tool: Callable[P, R]) -> Callable[P, R]:
    """A tool whose errors for people reach the assistant; of any other only that there was one."""

    @functools.wraps(tool)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return tool(*args, **kwargs)
        except TerralexError as error:
            raise ToolError(str(error)) from error

    return run


def _without_empty(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value not in (None, "", {})}

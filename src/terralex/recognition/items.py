"""What there is to look at: files and images in memory, whole or a window of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np
import PIL.Image

from terralex.imagery import IMAGE_EXTENSIONS, Image, is_scene_folder
from terralex.recognition.records import Window
from terralex.runtime.inputs import expand_inputs


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One input.

    Attributes:
        name: Its path; or a name such as `array 0` if it is in memory.
        source: What `read_image` takes.
        window: The part to look at; None is all of it.
    """

    name: str
    source: Any
    window: Window | None = None


def list_items(arguments: Sequence[str], left_out: Counter[str] | None = None) -> list[Item]:
    """The items that files, folders, globs and lists name, as `expand_inputs` finds them.

    Args:
        arguments: Files, folders, globs and lists.
        left_out: Counts, by ending, the files in folders that are left out for their ending.

    Raises:
        UsageError: An argument names nothing.
    """
    paths = expand_inputs(arguments, IMAGE_EXTENSIONS, is_scene_folder, left_out) if arguments else []
    return [Item(path, path) for path in paths]


def as_items(inputs: object) -> Iterator[Item]:
    """The items that a Python caller passes: paths, images, arrays, and `(source, window)` of any of them.

    Folders and globs become the files in them. What has no file is called `array 0`, `image 1` and so on, by
    its place.

    Raises:
        UsageError: A folder or glob names nothing.
    """
    entries: Iterable[Any] = inputs if isinstance(inputs, Iterable) and not _is_one(inputs) else [inputs]
    for position, entry in enumerate(entries):
        source, window = entry if _has_window(entry) else (entry, None)
        if not isinstance(source, str | PathLike):
            yield Item(_name(source, position), source, window)
        elif window is None:
            yield from list_items([fspath(source)])
        else:
            yield Item(fspath(source), fspath(source), window)


def _is_one(value: object) -> bool:
    """Whether a value that can perhaps be iterated is a single input."""
    return isinstance(value, str | PathLike | np.ndarray | Image | PIL.Image.Image) or _has_window(value)


def _has_window(value: object) -> bool:
    if not (isinstance(value, tuple) and len(value) == 2):
        return False
    return isinstance(value[1], Sequence) and len(value[1]) == 4


def _name(source: object, position: int) -> str:
    if isinstance(source, Image) and source.source:
        return source.source
    kind = "array" if isinstance(source, np.ndarray) else "image"
    return getattr(source, "filename", "") or f"{kind} {position}"

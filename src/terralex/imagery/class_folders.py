"""The layout of labelled pictures: one folder a class, pictures inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from terralex.imagery.read import IMAGE_EXTENSIONS, is_scene_folder
from terralex.runtime.errors import UsageError
from terralex.runtime.inputs import expand_inputs


def class_folders(folder: Path) -> dict[str, list[str]]:
    """Class name to its files in natural order, classes in alphabetical order.

    Raises:
        UsageError: there is no such folder, or it has no class folders, or one of them is empty.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}: expected one folder a class there, pictures inside")
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        raise UsageError(
            f"{folder} has no class folders: one folder a class, pictures inside, is what is read"
        )
    return {entry.name: expand_inputs([str(entry)], IMAGE_EXTENSIONS, is_scene_folder) for entry in classes}


def split_fold(files: Sequence[str], fold: int, folds: int) -> tuple[list[str], list[str]]:
    """Splits files into the others and the fold: every ``folds``-th file, beginning with number ``fold``."""
    if not 0 <= fold < folds:
        raise UsageError(f"fold {fold} of {folds}: the fold is a number from 0 to {folds - 1}")
    others = [file for i, file in enumerate(files) if i % folds != fold]
    return others, list(files[fold::folds])

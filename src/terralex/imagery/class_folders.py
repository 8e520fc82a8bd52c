"""The layout of labelled pictures: one folder a class, pictures inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from terralex.imagery.read import IMAGE_EXTENSIONS, is_scene_folder
from terralex.runtime.errors import UsageError
from terralex.runtime.inputs import expand_inputs, is_system_name


def class_folders(folder: Path, left_out: Counter[str] | None = None) -> dict[str, list[str]]:
    """Class name to its files in natural order, classes in alphabetical order.

    Args:
        folder: Holds one folder a class. Hidden folders and those that systems leave behind are no classes.
        left_out: Counts, by ending, the files that are left out for their ending.

    Raises:
        UsageError: There is no such folder, or it has no class folders, or one of them is empty.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}: expected one folder a class there, pictures inside")
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not is_system_name(entry.name))
    if not classes:
        raise UsageError(
            f"{folder} has no class folders: one folder a class, pictures inside, is what is read"
        )
    return {
        entry.name: expand_inputs([str(entry)], IMAGE_EXTENSIONS, is_scene_folder, left_out)
        for entry in classes
    }


def split_fold(files: Sequence[str], fold: int, folds: int) -> tuple[list[str], list[str]]:
    """Split files into the others and one fold: every `folds`-th file, beginning with number `fold`."""
    if not 0 <= fold < folds:
        raise UsageError(f"fold {fold} of {folds}: the fold is a number from 0 to {folds - 1}")
    others = [file for i, file in enumerate(files) if i % folds != fold]
    return others, list(files[fold::folds])


def split_block(files: Sequence[str], block: int, blocks: int) -> tuple[list[str], list[str]]:
    """Splits files into the others and one of ``blocks`` blocks of neighbours, number ``block`` from 0.

    Neighbouring numbers often come from one scene: what every n-th file measures is then too good.
    """
    if not 0 <= block < blocks:
        raise UsageError(f"block {block} of {blocks}: the block is a number from 0 to {blocks - 1}")
    first, last = (len(files) * number // blocks for number in (block, block + 1))
    return [*files[:first], *files[last:]], list(files[first:last])

"""Maps and truths that are kept between runs, called by what they depend on."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from terralex.evaluation.mapping.votes import LabelledVoxels
from terralex.mapping.voxels import VoxelMap, load_map, save_map
from terralex.runtime import cannot_write, digest, write_atomically
from terralex.runtime.errors import UsageError

_FORMAT = 1  # of what is kept: a new number makes all of it anew


class Kept:
    """A folder of maps and truths; what cannot be read is made again.

    Args:
        folder: None: nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def map(self, scene: str, about: Mapping[str, Any]) -> VoxelMap | None:
        """The map of a scene that depends on this, if it is there."""
        path = self._path(scene, about)
        if path is None or not path.is_file():
            return None
        try:
            return load_map(path)
        except UsageError:
            return None

    def keep_map(self, scene: str, about: Mapping[str, Any], voxels: VoxelMap) -> None:
        """Keep a map.

        Raises:
            TerralexError: It cannot be written.
        """
        if path := self._path(scene, about):
            try:
                save_map(voxels, path)
            except OSError as error:
                raise cannot_write(path, error) from error

    def truth(
        self, scene: str, about: Mapping[str, Any], make: Callable[[], LabelledVoxels]
    ) -> LabelledVoxels:
        """The truth of a scene that depends on this, made if it is not there.

        Raises:
            TerralexError: It cannot be written, or `make` raises it.
        """
        path = self._path(scene, about)
        if path is None:
            return make()
        try:
            with np.load(path, allow_pickle=False) as content:
                return LabelledVoxels(content["keys"], content["labels"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass
        truth = make()
        buffer = io.BytesIO()
        np.savez_compressed(buffer, keys=truth.keys, labels=truth.labels)
        try:
            write_atomically(path, buffer.getvalue())
        except OSError as error:
            raise cannot_write(path, error) from error
        return truth

    def _path(self, scene: str, about: Mapping[str, Any]) -> Path | None:
        if self._folder is None:
            return None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        name = digest([json.dumps({"format": _FORMAT, **about}, sort_keys=True)])
        return self._folder / f"{scene.replace('/', '_')}-{name}.npz"

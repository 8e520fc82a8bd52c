"""The pictures of a request, on disk for as long as it takes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fastapi import UploadFile

from terralex.app.limits import Limits
from terralex.app.service.work import Picture
from terralex.runtime.errors import UsageError

_NAME = 200  # letters of a file's name that are repeated in answers


@contextmanager
def stored(uploads: Sequence[UploadFile], limits: Limits) -> Iterator[list[Picture]]:
    """Write uploads to a folder of their own, which is removed at the end.

    Names of files are only repeated in answers: on disk they are numbered.

    Raises:
        UsageError: There are too many.
    """
    if len(uploads) > limits.files:
        raise UsageError(f"{len(uploads):,} pictures are more than the {limits.files:,} allowed")
    with tempfile.TemporaryDirectory(prefix="terralex-serve-") as folder:
        pictures = []
        for number, upload in enumerate(uploads):
            path = Path(folder, str(number))
            with path.open("wb") as file:
                shutil.copyfileobj(upload.file, file)
            name = PurePosixPath((upload.filename or "").replace("\\", "/")).name
            pictures.append(Picture(name[-_NAME:] or f"picture {number}", path))
        yield pictures

"""What one visitor may ask of a server."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image as Pictures

from terralex.imagery import WindowReader
from terralex.runtime.errors import InputError, UsageError

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one visitor may ask of a server.

    Attributes:
        upload_mb: Megabytes of an uploaded file, and of the content of an archive.
        pixels: Pixels (width x height) of a picture.
        files: Pictures in one request.
        queue: Requests that wait; further ones are refused.
        seconds: How long a request may take.
        labels: Labels or phrases in one request.
    """

    upload_mb: int = 200
    pixels: int = 100_000_000
    files: int = 500
    queue: int = 32
    seconds: float = 120.0
    labels: int = 1000

    def check_picture(self, path: str | Path, name: str | None = None) -> None:
        """See that a picture is small enough, from its header alone.

        Raises:
            InputError: It is too large or cannot be read.
        """
        name = name or Path(path).name
        width, height = picture_size(path, name)
        if width * height > self.pixels:
            raise InputError(
                f"{name}: {width:,} x {height:,} pixels are more than the {self.pixels:,} that this server "
                "takes; cut it into tiles, or run terralex on your own machine"
            )

    def unpack(self, archive: str | Path, folder: Path) -> list[Path]:
        """Unpack a ZIP archive, no more than the limits allow.

        Args:
            archive: The archive.
            folder: Where its files go; nothing is written outside of it.

        Returns:
            The files, in the order of the archive.

        Raises:
            InputError: It is no archive, or holds too much, or a path that leaves the folder.
        """
        name = Path(archive).name
        try:
            with zipfile.ZipFile(archive) as opened:
                return self._unpack(opened, folder, name)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise InputError(f"{name}: cannot be unpacked: {error}") from error

    def _unpack(self, archive: zipfile.ZipFile, folder: Path, name: str) -> list[Path]:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > 20 * self.files:
            raise InputError(f"{name}: {len(members):,} files are more than the {20 * self.files:,} allowed")
        left = self.upload_mb * MB
        unpacked = []
        for member in members:
            parts = PurePosixPath(member.filename.replace("\\", "/")).parts
            if not parts or ".." in parts or member.filename.startswith(("/", "\\")) or ":" in parts[0]:
                raise InputError(f"{name}: {member.filename!r} would be written outside of its folder")
            if parts[0] == "__MACOSX" or parts[-1].startswith("."):
                continue
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as copy:
                while block := source.read(1 << 20):  # sizes in the archive's index may be false
                    left -= len(block)
                    if left < 0:
                        raise InputError(f"{name}: holds more than {self.upload_mb:,} MB")
                    copy.write(block)
            unpacked.append(target)
        return unpacked


def picture_size(path: str | Path, name: str) -> tuple[int, int]:
    """Width and height of a picture, from its header where it has one.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with warnings.catch_warnings(), Pictures.open(path) as picture:
            warnings.simplefilter("ignore", Pictures.DecompressionBombWarning)
            return picture.size
    except Pictures.DecompressionBombError as error:
        raise InputError(f"{name}: {error}") from None
    except OSError:
        pass  # not a format of Pillow's: JPEG 2000 of many bands, TIFF of 32 bits, arrays
    try:
        with WindowReader(path) as reader:
            return reader.width, reader.height
    except UsageError as error:
        raise InputError(f"{name}: {error}") from None

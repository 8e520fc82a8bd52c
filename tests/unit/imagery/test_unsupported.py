"""What is no image to us says what it is, and what to do."""

from pathlib import Path

import PIL.Image
import pytest

from terralex.imagery import WindowReader, read_image
from terralex.runtime.errors import InputError


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tif", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a Git LFS pointer"),
        ("a.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(200), "a HEIC picture.*convert it to JPEG"),
        ("a.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(200), "a HEIC picture"),
        ("a.CR3", b"\0\0\0\x18ftypcrx " + bytes(200), "a camera's raw file"),
        ("a.png", b"\n<!DOCTYPE html><html>Please log in</html>", "a web page, not an image"),
    ],
)
def test_the_reason_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_image(tmp_path / name)


def test_the_thumbnail_in_a_raw_file_is_not_read_for_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "DSC_0004.NEF"
    PIL.Image.new("RGB", (16, 12), (90, 80, 70)).save(path, format="TIFF")
    with pytest.raises(InputError, match=r"raw file, which is not read; export it as JPEG or TIFF"):
        read_image(path)
    with pytest.raises(InputError, match="raw file"), WindowReader(path):
        pass

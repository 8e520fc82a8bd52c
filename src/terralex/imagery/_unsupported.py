"""Files that are met among images and are not read: what they are, and what to do."""

from pathlib import Path

# Raw files of cameras are TIFF files inside, whose first page is only a thumbnail.
_RAW_ENDINGS = frozenset(
    {".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".dng", ".orf", ".rw2", ".raf", ".pef"}
    | {".srw", ".3fr", ".iiq", ".erf", ".kdc", ".mrw", ".x3f", ".rwl", ".raw"}
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def reason_not_read(path: Path, head: bytes) -> str:
    """Return why a file is not read as an image, with what to do; "" if it may be one.

    Args:
        path: Of the file.
        head: Its first bytes.
    """
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the image itself; run git lfs pull"
    if path.suffix.lower() in _RAW_ENDINGS:
        return "a camera's raw file, which is not read; export it as JPEG or TIFF"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS and b"avif" not in head:
        return "a HEIC picture, which is not read; convert it to JPEG or AVIF"
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image: was the download refused?"
    return ""

"""Files that are text where weights should be: pointers to files elsewhere, and web pages."""

from __future__ import annotations

from pathlib import Path

_BEGINNING = 512  # bytes that are looked at
_SHOWN = 60  # characters of an unknown text in a message


def text_instead_of_weights(path: Path) -> str | None:
    """What a file is if it is a text and not weights, and what to do; None for any other file.

    Files of weights begin with a zip or pickle header, or with the length of a safetensors header: with bytes
    that no text has.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return None
    if not beginning:
        return "it is empty: download it again"
    try:
        text = beginning.decode("utf-8-sig" if len(beginning) < _BEGINNING else "utf-8").strip()
    except UnicodeDecodeError:
        return None
    if not all(character.isprintable() or character in "\r\n\t" for character in text):
        return None
    lowered = text.casefold()
    if lowered.startswith("version https://git-lfs.github.com/") or "oid sha256:" in lowered:
        return "it is a Git LFS pointer, and the file itself was not downloaded: run `git lfs pull` there"
    if lowered.startswith(("<!doctype", "<html", "<head", "<?xml")):
        return (
            "it is a web page (HTML), as servers send instead of a file that they refuse: download it again"
        )
    shown = " ".join(text.split())[:_SHOWN]
    return f"it is a text, which begins {shown!r}, and not a file of weights: download it again"

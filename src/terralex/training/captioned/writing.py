"""Captions where nobody wrote any: from label maps, from tags of a map, or from a function that looks."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from terralex.imagery import Image, Units, read_image
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.files import cannot_write, write_atomically

LEAST = 0.04
"""The part of a label map that a class must cover to be worth a word."""

_IGNORED = 255  # the customary value of pixels without a class
_MOST = 3  # things that a caption names


def caption_labels(
    labels: NDArray[np.integer[Any]],
    names: Sequence[str] | Mapping[str, Sequence[str]],
    rng: random.Random,
) -> str:
    """A caption of a label map: its commonest class, and others that cover at least `LEAST` of it.

    Args:
        labels: (H, W), each an index into ``names``; negative values and 255 are no class.
        names: Names of the classes; or for each the words that may stand for it, of which one is drawn.
        rng: Draws the words and the sentence.

    Raises:
        InputError: No pixel is of a class, or a value is beyond the names.
    """
    words = list(names.values()) if isinstance(names, Mapping) else [(name,) for name in names]
    known = labels[(labels >= 0) & (labels != _IGNORED)]
    if known.size and (highest := int(known.max())) >= len(words):
        raise InputError(
            f"a label map has the value {highest}, and there are {len(words)} classes, numbered from 0: "
            f"{_IGNORED} is for none; were colours of a palette saved as grey?"
        )
    if not known.size:
        raise InputError("a label map without a single class: there is nothing to say of it")
    shares = np.bincount(known.ravel(), minlength=len(words)) / labels.size
    largest = np.argsort(-shares, kind="stable")
    told = [k for k in largest[:_MOST].tolist() if shares[k] >= LEAST] or largest[:1].tolist()
    return _sentence([rng.choice(list(words[k])) for k in told], rng)


def caption_tags(tags: Iterable[str], rng: random.Random) -> str | None:
    """A caption of what a map says is there.

    Args:
        tags: `key=value` as in OpenStreetMap, the most important first, such as "landuse=forest".
        rng: Draws the sentence.

    Returns:
        The caption; None if no tag is known (``words.yaml`` beside this file has those that are).
    """
    known = _words()["tags"]
    found = [known.get(tag) or known.get(f"{tag.partition('=')[0]}=*") for tag in tags]
    told = list(dict.fromkeys(word for word in found if word))[:_MOST]
    return _sentence(told, rng) if told else None


def caption_with(
    describe: Callable[[Image], str],
    pictures: Iterable[str | Path],
    table: str | Path,
    *,
    bands: str | None = None,
    units: Units | None = None,
) -> list[tuple[str, str]]:
    """Have a function describe pictures, and write a table that the source ``captions`` trains on.

    The function is yours, such as one around a captioning model: nothing is loaded by name here.

        look = transformers.pipeline("image-to-text", model=...)
        picture = lambda image: PIL.Image.fromarray(to_rgb8(image))
        caption_with(lambda image: look(picture(image))[0]["generated_text"], tiles, "tiles/captions.csv")

    Args:
        describe: Gets an image with its bands and units (`terralex.imagery.to_rgb8` makes a picture of it)
            and returns one or two sentences. It may raise `InputError` for a picture that it cannot describe.
        pictures: Files in the table's folder or below.
        table: The `.csv` to write, with `path` and `caption`; replaced if it is there.
        bands: Of files that do not say.
        units: Of files that do not say.

    Returns:
        The pictures that have no caption, and why.

    Raises:
        UsageError: A picture is outside the table's folder.
        TerralexError: The table cannot be written.
    """
    table, rows, failed = Path(table), [], []
    for picture in map(Path, pictures):
        try:
            path = picture.resolve().relative_to(table.parent.resolve()).as_posix()
        except ValueError:
            raise UsageError(f"{picture} is not in the folder of {table}: write the table above it") from None
        try:
            caption = " ".join(describe(read_image(picture, bands=bands, units=units)).split())
            if not caption:
                raise InputError(f"{picture}: its description is empty")
            rows.append((path, caption))
        except InputError as error:
            failed.append((os.fspath(picture), str(error)))
    write_captions(table, rows)
    return failed


def write_captions(table: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write paths, relative to the table's folder, and captions as a table.

    Raises:
        TerralexError: It cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "caption"))
    writer.writerows(rows)
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(table, text.getvalue().encode())
    except OSError as error:
        raise cannot_write(table, error) from error


def _sentence(told: Sequence[str], rng: random.Random) -> str:
    main, *others = told
    template: str = rng.choice(_words()["together" if others else "alone"])
    return template.replace("{main}", main).replace("{rest}", " and ".join(others))


@cache
def _words() -> dict[str, Any]:
    text = (files("terralex.training.captioned") / "words.yaml").read_text("utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words

"""The first batch of a run: checked, and drawn with its captions, so that wrong data is seen at once."""

from __future__ import annotations

import textwrap
from io import BytesIO

import torch
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from torch import Tensor

from terralex.models.card import InputSpec
from terralex.runtime.errors import TerralexError
from terralex.training.batches import Batch
from terralex.training.concepts import FALSE, HOLDS
from terralex.training.sources import find_rgb_channels

_MOST, _COLUMNS, _SIDE, _CAPTION = 24, 6, 160, 62


def check_batch(batch: Batch) -> None:
    """Stop before hours are spent on pictures or words that cannot teach anything.

    Raises:
        TerralexError: a pixel is no number, all pictures are blank, no text holds for a picture, or none is
            false for any.
    """
    pixels, relation = batch.pixels, batch.captions.relation
    if not pixels.isfinite().all():
        raise TerralexError("the first batch has pixels that are no finite numbers: check data and card")
    if len(pixels) and float(pixels.flatten(1).std(dim=1).max()) < 1e-3:
        raise TerralexError("every picture of the first batch is blank: check the data and the card")
    if without := int((relation != HOLDS).all(dim=1).sum()):
        raise TerralexError(f"{without} pictures of the first batch have no text that holds for them")
    if len(pixels) and not (relation == FALSE).any():
        advice = "raise batch_size or add classes"
        raise TerralexError(f"every text of the first batch holds for all its pictures: {advice}")


def draw_batch(batch: Batch, spec: InputSpec) -> bytes:
    """A PNG of pictures of a batch as the network gets them, each above a text that holds for it."""
    count = min(len(batch.pixels), _MOST)
    step = max(1, len(batch.pixels) // count)
    shown = list(range(0, count * step, step))
    rows = -(-count // _COLUMNS)
    sheet = Picture.new("RGB", (_COLUMNS * _SIDE, rows * (_SIDE + _CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, place in enumerate(shown):
        left, top = number % _COLUMNS * _SIDE, number // _COLUMNS * (_SIDE + _CAPTION)
        sheet.paste(_picture(batch.pixels[place], spec), (left + 4, top + 4))
        column = int((batch.captions.relation[place] == HOLDS).int().argmax())
        lines = textwrap.wrap(batch.captions.texts[column], 26)[-4:]
        draw.multiline_text((left + 5, top + _SIDE), "\n".join(lines), fill="black", font=font, spacing=2)
    content = BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def _picture(pixels: Tensor, spec: InputSpec) -> Picture.Image:
    """Normalised pixels (C, S, S) as they would look."""
    # Without red, green and blue, the first bands in false colours show at least shapes.
    false_colours = [min(channel, len(spec.bands) - 1) for channel in range(3)]
    channels = list(find_rgb_channels(spec) or false_colours)
    mean, std = (torch.tensor(values)[channels, None, None] for values in (spec.mean, spec.std))
    rgb = pixels[channels] * std + mean
    white = 1.0 if spec.units == "8bit" else spec.rgb_max_dn
    array = (rgb / white * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return Picture.fromarray(array).resize((_SIDE - 8, _SIDE - 8))

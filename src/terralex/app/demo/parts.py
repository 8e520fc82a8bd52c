"""Pieces that several tabs have: uploads with examples, words, buttons, downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image as Pictures

from terralex.app.demo import html
from terralex.imagery import Units, parse_units

BANDS_HELP = (
    "Only for files that do not say: names in file order (B02,B03,B04,B08), or a sensor such as "
    "sentinel-2-l2a."
)
UNITS = [("as the file says", ""), "dn", "dn+1000", "reflectance", "8bit", "landsat-c2"]
_CHOOSE = """element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-index]');
  if (button) trigger('click', {index: Number(button.dataset.index)});
});"""
GROUP = "model"
"""Events that use a model share one queue."""


def words(label: str, info: str, value: Sequence[str], *, elem_id: str) -> gr.Dropdown:
    """A field for words and phrases, which become coloured chips."""
    return gr.Dropdown(
        list(value),
        value=list(value),
        multiselect=True,
        allow_custom_value=True,
        label=label,
        info=info,
        elem_id=elem_id,
        elem_classes="tx-words",
    )


def examples(label: str, pictures: Sequence[tuple[Path, str]], *, elem_id: str) -> gr.HTML:
    """Pictures to choose one of: a click carries its `index`."""
    buttons = "".join(
        f'<button type="button" data-index="{index}">'
        f'<img src="{html.data_uri(Pictures.open(path), 160)}" alt=""><span>{escape(caption)}</span></button>'
        for index, (path, caption) in enumerate(pictures)
    )
    return gr.HTML(
        f'<div class="tx-examples" role="group" aria-label="{escape(label)}">'
        f"<p>{escape(label)}</p>{buttons}</div>",
        js_on_load=_CHOOSE,
        elem_id=elem_id,
    )


def chosen(sources: Sequence[Path]) -> Callable[[gr.EventData], str]:
    """A handler that gives the file of the example that was clicked."""

    def choose(event: gr.EventData) -> str:
        return str(sources[int(event.index)])

    return choose


def bands_and_units() -> tuple[gr.Textbox, gr.Dropdown]:
    """What a file with more than three bands may have to be told."""
    bands = gr.Textbox("", label="Bands", info=BANDS_HELP, max_lines=1)
    units = gr.Dropdown(UNITS, value="", label="Units")
    return bands, units


def stated(text: str | None) -> str | None:
    """What was written in a field; None if it was left empty."""
    return (text or "").strip() or None


def stated_units(text: str | None) -> Units | None:
    """The units that were chosen; None if the file says them."""
    return parse_units(text) if text else None


def status(text: str) -> gr.HTML:
    """A line that says what is going on."""
    return gr.HTML(html.message(text))


def run_and_stop(label: str, *, elem_id: str) -> tuple[gr.Button, gr.Button]:
    """A button that starts, and one that stops what was started."""
    with gr.Row():
        run = gr.Button(label, variant="primary", elem_id=elem_id, scale=3, min_width=120)
        stop = gr.Button("Stop", elem_id=f"{elem_id}-stop", scale=1, min_width=80)
    return run, stop


def download(label: str, make: Callable[..., Any], inputs: Sequence[Any], *, elem_id: str) -> gr.Button:
    """A button whose file is made when it is pressed, and then saved by the browser.

    Args:
        label: What it says.
        make: Gives the path of the file.
        inputs: What it is given.
        elem_id: Its name in the page.
    """
    button = gr.Button(label, size="sm", elem_id=elem_id, min_width=110)
    file = gr.DownloadButton(elem_id=f"{elem_id}-file", elem_classes="tx-hidden-download")
    target = f"#{elem_id}-file a, a#{elem_id}-file, #{elem_id}-file"
    saved = f"() => setTimeout(() => document.querySelector('{target}').click(), 150)"
    made = button.click(make, inputs, file, api_visibility="private", show_progress="minimal")
    made.success(None, js=saved)
    return button

"""The tab Models: what there is, what is on this machine, and how to get more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from terralex import ModelCard, UsageError, list_cards
from terralex.app.demo import html
from terralex.app.demo.context import Context, guarded, guarded_stream, model_choices
from terralex.models import get_card, hub, loading

_TICK = 0.5  # seconds between two looks at a download


def build(context: Context, model: gr.Dropdown) -> None:
    """Draw the tab."""
    names = [card.name for card in list_cards()]
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            chosen = gr.Dropdown(names, value=names[0], label="Card", elem_id="models-card")
            with gr.Row():
                use = gr.Button("Use this model", variant="primary", elem_id="models-use", min_width=140)
                fetch = gr.Button("Download its weights", elem_id="models-fetch", min_width=140)
                stop = gr.Button("Stop", elem_id="models-stop", min_width=80)
            told = gr.HTML(html.message("Weights are downloaded once, to the machine that serves this page."))
            show = gr.HTML(_card(names[0]), elem_id="models-shown")
        with gr.Column(scale=3, min_width=300):
            table = gr.HTML(_table())

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}

    def switch(name: str) -> tuple[Any, str]:
        if name not in context.pool.names():
            raise UsageError(f"the weights of {name} are not on this machine: download them first")
        return gr.Dropdown(choices=model_choices(context.pool), value=name), html.message(
            f"You now use {name}.", "done"
        )

    def download(name: str) -> Iterator[Any]:
        card = get_card(name)
        if context.pool.offline or hub.is_offline():
            raise UsageError("this server works offline: run `terralex models pull` where there is a network")
        done = _Download(card)
        while done.running:
            time.sleep(_TICK)
            yield html.message(done.progress(), "busy"), gr.skip(), gr.skip()
        if done.error:
            raise done.error
        said = html.message(f"The weights of {name} are here.", "done")
        yield said, gr.Dropdown(choices=model_choices(context.pool)), _table()

    chosen.change(guarded(_card), chosen, show, **quiet)
    use.click(guarded(switch), chosen, [model, told], **quiet)
    fetching = fetch.click(guarded_stream(download), chosen, [told, model, table], **quiet)
    stop.click(
        lambda: html.message("No longer watched; what was begun goes on in the background."),
        None, told, cancels=fetching, api_visibility="private",
    )  # fmt: skip


class _Download:
    """Weights on their way to this machine, on a thread of their own.

    Attributes:
        error: Why it failed, at the end.
    """

    def __init__(self, card: ModelCard) -> None:
        self.error: Exception | None = None
        self._card = card
        self._began = time.monotonic()
        self._before = _incomplete_bytes()
        self._thread = threading.Thread(target=self._pull, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def progress(self) -> str:
        """How far it is, for people."""
        here = max(0, _incomplete_bytes() - self._before) / 1e6
        whole = f" of about {self._card.weights.size_mb:,.0f}" if self._card.weights.size_mb else ""
        return f"{self._card.name}: {here:,.0f}{whole} MB in {time.monotonic() - self._began:.0f} s"

    def _pull(self) -> None:
        try:
            loading.pull(self._card)
        except Exception as error:  # it is raised again where the visitor sees it
            self.error = error


def _incomplete_bytes() -> int:
    """Bytes of downloads that have not ended, in the cache of the Hub."""
    return sum(_size(path) for path in hub.hub_cache().glob("models--*/blobs/*.incomplete"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it has just got its final name
        return 0


def _is_here(card: ModelCard) -> bool:
    return hub.find(card.weights, card.name) is not None


def _card(name: str) -> str:
    card = get_card(name)
    size = f"{card.weights.size_mb:,.0f} MB" if card.weights.size_mb else "size not known"
    facts = {
        "For": card.domain,
        "Input": f"{', '.join(card.input.bands)} at {card.input.size} × {card.input.size} pixels",
        "Weights": f"{size}, {'on this machine' if _is_here(card) else 'not on this machine'}",
        "Trained on": card.trained_on,
        "Licence": card.licence,
        "Source": card.url,
        "Citation": card.citation,
    }
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items() if value)
    return (
        f'<article class="tx-card tx-model"><div><h3>{escape(card.title)}</h3>'
        f"<small>{escape(card.name)}</small><p>{escape(card.description)}</p><dl>{rows}</dl>{html.notes(card.notes)}</div></article>"
    )


def _table() -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(card.name)}</th><td>{escape(card.domain.partition('. ')[0])}</td>"
        f"<td>{'RGB' if card.input.sensor == 'rgb' else f'{len(card.input.bands)} bands'}</td>"
        f"<td>{f'{card.weights.size_mb:,.0f} MB' if card.weights.size_mb else ''}</td>"
        f"<td>{'here' if _is_here(card) else ''}</td></tr>"
        for card in list_cards()
    )
    heads = "".join(f"<th scope='col'>{head}</th>" for head in ("Model", "For", "Input", "Size", "Weights"))
    return f"<div class='tx-table'><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"

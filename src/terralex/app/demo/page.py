"""The page: its head, its tabs and what they share."""

from __future__ import annotations

import threading
from functools import partial
from importlib.resources import files

import gradio as gr

import terralex
from terralex.app.demo import find, identify, models, scene, space, teach
from terralex.app.demo.context import Context, model_choices

_HEAD = """<header class="tx-head">{logo}<div><h1>Terralex</h1>
<p>Ask images of the natural world in words.</p></div></header>"""
_FOOT = """<div class="tx-foot">Terralex {version}. Everything runs on the machine that serves this page;
uploads are deleted after an hour. Examples are generated pictures.</div>"""


def build_page(context: Context) -> gr.Blocks:
    """The page with all its tabs."""
    logo = files("terralex.app.demo").joinpath("favicon.svg").read_text(encoding="utf-8")
    logo = logo.replace("<svg ", '<svg role="img" aria-hidden="true" ')
    with gr.Blocks(title="Terralex", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        with gr.Row(elem_classes="tx-top"):
            gr.HTML(_HEAD.format(logo=logo))
            model = gr.Dropdown(
                model_choices(context.pool),
                value=context.pool.default,
                label="Model",
                elem_id="model",
                min_width=220,
                scale=0,
            )
        taught = gr.State(None)
        with gr.Tabs():
            for title, build in (
                ("Identify", partial(identify.build, taught=taught)),
                ("Teach", partial(teach.build, taught=taught)),
                ("Map", scene.build),
                ("Find", find.build),
                ("Space", space.build),
                ("Models", models.build),
            ):
                with gr.Tab(title, id=title.lower()):
                    build(context, model)
        gr.HTML(_FOOT.format(version=terralex.__version__))
        page.load(
            lambda: gr.Dropdown(choices=model_choices(context.pool)), None, model, api_visibility="private"
        )
    threading.Thread(target=_warm, args=(context,), daemon=True).start()
    return page


def _warm(context: Context) -> None:
    """Load the default model before the first visitor asks for it."""
    try:
        context.pool.get()
    except Exception:  # the first question says why
        return

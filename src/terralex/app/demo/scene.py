"""The tab Map: where things are in a photo or a scene, drawn over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from terralex.app.demo import drawing, html, parts
from terralex.app.demo.context import SESSION_SECONDS, Context, forget, guarded, guarded_stream, model_title
from terralex.app.demo.examples import WORDS
from terralex.app.demo.looking import SIDE, Look, Settings
from terralex.runtime.errors import UsageError

_OPACITY = "(v) => { document.documentElement.style.setProperty('--tx-opacity', v); return []; }"
_MOST_REGIONS = 100
_REGIONS = ("class", "pixels", "hectares", "column", "row", "width", "height")
_BEGIN = "Choose a picture, write what to look for, and press Draw."
_EMPTY = '<figure class="tx-figure tx-empty">Choose a picture, or press the example.</figure>'


def build(context: Context, model: gr.Dropdown) -> None:
    """Draw the tab."""
    look = gr.State(None, time_to_live=SESSION_SECONDS, delete_callback=forget)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            file = gr.File(label="A photo, or a GeoTIFF or JPEG 2000 scene", height=170, elem_id="map-file")
            shown = [(context.examples.scene_preview(), "a scene in twelve bands")]
            shown += [(path, "a specimen") for path in context.examples.specimens()[:2]]
            tried = parts.examples("Or try one of these", shown, elem_id="map-examples")
            sources = [context.examples.scene(), *(path for path, _ in shown[1:])]
            labels = parts.words(
                "What to look for", "Write a phrase and press Enter; each gets a colour.", WORDS,
                elem_id="map-words",
            )  # fmt: skip
            run, stop = parts.run_and_stop("Draw", elem_id="map-run")
            opacity = gr.Slider(0, 1, 0.6, step=0.05, label="Opacity of the classes", elem_id="map-opacity")
            threshold = gr.Slider(
                0, 1, 0, step=0.01, label="Threshold",
                info="Pixels whose best phrase is less probable stay empty.", elem_id="map-threshold",
            )  # fmt: skip
            presence = gr.Slider(
                0, 1, 0.5, step=0.01, label="Presence",
                info="Phrases that nowhere reach this probability are not there.",
            )  # fmt: skip
            with gr.Accordion("Part of the scene", open=True, visible=False) as part:
                column = gr.Slider(0, 1, 0, step=1, label="Left edge (column)")
                row = gr.Slider(0, 1, 0, step=1, label="Upper edge (row)")
            with gr.Accordion("Bands shown and read", open=False):
                with gr.Row():
                    channels = [
                        gr.Dropdown([], label=name, min_width=90, allow_custom_value=True)
                        for name in ("Red", "Green", "Blue")
                    ]
                bands, units = parts.bands_and_units()
            with gr.Accordion("Model settings", open=False):
                refine = gr.Checkbox(False, label="Sharpen outlines with SAM (its weights must be here)")
                crop = gr.Slider(0, 1024, 0, step=16, label="Window in pixels", info="0: the model's own.")
                stride = gr.Slider(0, 512, 0, step=16, label="Stride in pixels", info="0: the model's own.")
                scra = gr.Slider(1, 20, 10, step=0.5, label="SCRA scale", info="Attention within a window.")
                scga = gr.Slider(1, 20, 10, step=0.5, label="SCGA scale", info="Attention over the picture.")
                softmax = gr.Checkbox(
                    True, label="Heat maps compare phrases", info="If not: the cosine of each by itself."
                )
        with gr.Column(scale=3, min_width=300):
            told = parts.status(_BEGIN)
            figure = gr.HTML(_EMPTY)
            with gr.Tabs():
                with gr.Tab("Legend"):
                    legend = gr.HTML()
                with gr.Tab("Heat maps"):
                    heat = gr.HTML()
                with gr.Tab("Regions"):
                    regions = gr.Dataframe(
                        headers=list(_REGIONS), label="Connected regions, the largest first"
                    )
            with gr.Row():
                for ending, label in (
                    ("png", "PNG mask"),
                    ("jpg", "Picture with legend"),
                    ("tif", "GeoTIFF"),
                    ("gpkg", "GeoPackage"),
                    ("csv", "CSV of regions"),
                ):
                    make = guarded(lambda held, ending=ending: _save(held, ending))
                    parts.download(label, make, [look], elem_id=f"map-{ending}")

    options = [
        labels,
        threshold,
        presence,
        refine,
        crop,
        stride,
        scra,
        scga,
        softmax,
        *channels,
        bands,
        units,
    ]
    outputs = [told, figure, legend, heat, regions, look]

    def open_file(
        path: str | None, band_names: str | None, unit: str | None, held: Look | None
    ) -> tuple[Any, ...]:
        if not path:  # the file was taken away
            return None, html.message(_BEGIN), _EMPTY, *(gr.skip() for _ in range(6))
        context.limits.check_picture(path)
        opened = Look.open(
            path,
            held.folder if held else context.folder(),
            parts.stated(band_names),
            parts.stated_units(unit),
        )
        choices = [gr.Dropdown(choices=opened.bands, value=name) for name in opened.channels]
        wide, high = opened.size
        column_bar, row_bar = (
            gr.Slider(maximum=max(1, side - SIDE), value=opened.window[axis], interactive=side > SIDE)
            for axis, side in ((0, wide), (1, high))
        )
        return (
            opened,
            html.message(opened.description, "done"),
            drawing.figure(opened.picture(), None, name=opened.name),
            gr.Accordion(visible=max(wide, high) > SIDE),
            column_bar,
            row_bar,
            *choices,
        )

    def draw(held: Look | None, name: str, left: float, upper: float, *values: Any) -> Iterator[Any]:  # noqa: ANN401
        if held is None:
            raise UsageError("choose a picture first, or press an example")
        settings = Settings.of(context.phrases(values[0]), *values[1:])
        held.move(int(left), int(upper), settings)
        yield html.message("Looking ...", "busy"), gr.skip(), gr.skip(), gr.skip(), gr.skip(), held
        held.draw(context.pool.get(name), settings, offline=context.pool.offline)
        text = f"{held.name} with {model_title(name)}: {held.timing}"
        picture = held.picture()
        yield (
            html.message(text, "done"),
            drawing.figure(picture, held.result, name=held.name),
            drawing.legend(held.result) + html.notes(held.notes),
            drawing.heat_maps(held.heat, compared=settings.softmax),
            _regions(held),
            held,
        )

    opened = [look, told, figure, part, column, row, *channels]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    grouped: dict[str, Any] = {**quiet, "concurrency_id": parts.GROUP}
    tried.click(parts.chosen(sources), None, file, **quiet)
    gr.on([file.upload, file.change], guarded(open_file), [file, bands, units, look], opened, **quiet)
    drawing_now = run.click(guarded_stream(draw), [look, model, column, row, *options], outputs, **grouped)
    opacity.input(None, opacity, None, js=_OPACITY)
    for slider in (threshold, presence, scga, scra, crop, stride, column, row):
        slider.release(
            guarded_stream(_if_drawn(draw)), [look, model, column, row, *options], outputs,
            trigger_mode="always_last", **grouped,
        )  # fmt: skip
    stop.click(
        lambda: html.message("Stopped.", "done"), None, told, cancels=drawing_now, api_visibility="private"
    )


def _if_drawn(draw: Any) -> Any:  # noqa: ANN401
    """Sliders change what is drawn; they do not draw what was never asked for."""

    def redraw(held: Look | None, *rest: Any) -> Iterator[Any]:  # noqa: ANN401
        if held is None or held.result is None:
            yield tuple(gr.skip() for _ in range(6))
        else:
            yield from draw(held, *rest)

    return redraw


def _regions(held: Look) -> str:
    found = held.regions()
    more = len(found) - _MOST_REGIONS
    rows = [list(region.row().values()) for region in found[:_MOST_REGIONS]]
    table = html.table(_REGIONS, rows, label="Connected regions, the largest first")
    return table + (html.notes([f"{more:,} smaller regions are in the CSV file"]) if more > 0 else "")


def _save(held: Look | None, ending: str) -> str:
    if held is None or held.result is None:
        raise UsageError("there is nothing to download yet: press Draw first")
    return str(held.save(ending))

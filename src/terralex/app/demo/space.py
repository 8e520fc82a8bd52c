"""The tab Space: a 3D map that is asked in words and turned by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from terralex import MapAnswer, UsageError, ask, build_map
from terralex.app.demo import html, parts
from terralex.app.demo.context import SESSION_SECONDS, Context, forget, guarded, guarded_stream, model_title
from terralex.mapping.frames import open_sequence
from terralex.mapping.outputs import write_answer
from terralex.mapping.records import PLACE_COLUMNS, place_row
from terralex.mapping.voxels import VoxelMap, load_map

_PLACES = ("phrase", "score", "x", "y", "z", "size (m)", "volume (m³)")
_WORDS = ("trees", "grass", "a path", "water")


@dataclass(eq=False)
class Space:
    """The map that a session asks."""

    folder: Path
    voxels: VoxelMap
    name: str
    answer: MapAnswer | None = None


def build(context: Context, model: gr.Dropdown) -> None:
    """Draw the tab."""
    held = gr.State(None, time_to_live=SESSION_SECONDS, delete_callback=forget)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            file = gr.File(
                label="A map (.npz of terralex map), or a ZIP archive of a posed RGB-D recording",
                height=170, file_types=[".npz", ".zip"], elem_id="space-file",
            )  # fmt: skip
            voxel = gr.Slider(0.02, 0.5, 0.1, step=0.01, label="Voxels of a recording's map, metres")
            example = gr.Button("Use the example: a made forest plot", size="sm", elem_id="space-example")
            phrases = parts.words(
                "What to look for", "Write a phrase and press Enter.", _WORDS, elem_id="space-words"
            )
            threshold = gr.Slider(
                0, 1, 0.3, step=0.01, label="Threshold",
                info="How probable a phrase must be in a voxel, against what anything could be.",
                elem_id="space-threshold",
            )  # fmt: skip
            run, stop = parts.run_and_stop("Ask", elem_id="space-run")
        with gr.Column(scale=3, min_width=300):
            told = parts.status("Open a map, or press the example; then ask.")
            view = gr.HTML(
                '<figure class="tx-figure tx-empty">The map appears here: drag to turn it.</figure>'
            )
            table = gr.HTML()
            with gr.Row():
                for ending, label in (("html", "Page to keep"), ("ply", "PLY"), ("csv", "CSV of places")):
                    make = guarded(lambda kept, ending=ending: _save(kept, ending))
                    parts.download(label, make, [held], elem_id=f"space-{ending}")

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    grouped: dict[str, Any] = {**quiet, "concurrency_id": parts.GROUP}

    def opened(path: str | None, size: float, name: str, old: Space | None) -> Iterator[Any]:
        if not path:
            raise UsageError("choose a map or a recording")
        forget(old)
        yield html.message("Opening ...", "busy"), gr.skip(), None
        yield from _open(context, Path(path), size, name)

    def tried(size: float, name: str, old: Space | None) -> Iterator[Any]:
        forget(old)
        yield html.message("Making an example recording ...", "busy"), gr.skip(), None
        yield from _open(context, context.examples.recording(), size, name)

    def answer(kept: Space | None, name: str, typed: list[str], least: float) -> Iterator[Any]:
        if kept is None:
            raise UsageError("open a map first, or press the example")
        yield html.message("Looking ...", "busy"), gr.skip(), gr.skip(), kept
        own = kept.voxels.info.model
        chosen = context.pool.get(own if own in context.pool.names() else name)
        kept.answer = ask(
            kept.voxels, context.phrases(typed), model=chosen, threshold=least, presence=least,
            offline=context.pool.offline,
        )  # fmt: skip
        places = kept.answer.places
        text = f"{len(places)} places in {kept.name}, with {chosen.name}."
        cells = [_place(place_row(place)) for place in places]
        rows = html.table(_PLACES, cells, label="Places, the best first")
        yield html.message(text, "done"), _view(kept) + html.notes(kept.answer.notes), rows, kept

    starting = file.upload(guarded_stream(opened), [file, voxel, model, held], [told, view, held], **grouped)
    trying = example.click(guarded_stream(tried), [voxel, model, held], [told, view, held], **grouped)
    running = run.click(
        guarded_stream(answer), [held, model, phrases, threshold], [told, view, table, held], **grouped
    )
    stop.click(
        lambda: html.message("Stopped.", "done"), None, told,
        cancels=[starting, trying, running], api_visibility="private",
    )  # fmt: skip


def _open(context: Context, path: Path, size: float, name: str) -> Iterator[Any]:
    """Open a map, or make one of a recording."""
    folder = context.folder()
    title = path.stem
    if path.suffix.lower() == ".npz":
        voxels = load_map(path)
    else:
        recording = path
        if path.suffix.lower() == ".zip":
            recording = folder / "recording"
            context.limits.unpack(path, recording)
        yield html.message(f"Getting {model_title(name)} ready ...", "busy"), gr.skip(), None
        loaded = context.pool.get(name)
        yield html.message("Fusing the recording into a map ...", "busy"), gr.skip(), None
        target = folder / "map.npz"
        build_map(open_sequence(recording), target, model=loaded, voxel_size=size)
        voxels = load_map(target)
        title = voxels.info.sequence
    kept = Space(folder, voxels, title)
    kept.answer = None
    said = html.message(
        f"{title}: {len(voxels):,} voxels of {voxels.voxel_size:g} m. Ask it something.", "done"
    )
    yield said, _view(kept), kept


def _view(kept: Space) -> str:
    """The viewer's page in a frame of its own, which can neither reach this page nor the network."""
    path = _write(kept, "html")
    page = path.read_text(encoding="utf-8")
    return (
        f'<div class="tx-space"><iframe title="3D map of {escape(kept.name)}" sandbox="allow-scripts" '
        f'srcdoc="{escape(page)}"></iframe></div>'
    )


def _write(kept: Space, ending: str) -> Path:
    path = kept.folder / f"{kept.name}.{ending}"
    if kept.answer is not None:
        write_answer(path, kept.answer)
    else:
        from terralex.mapping.viewer import write_viewer

        write_viewer(path, kept.voxels)
    return path


def _save(kept: Space | None, ending: str) -> str:
    if kept is None or kept.answer is None:
        raise UsageError("there is nothing to download yet: press Ask first")
    if ending != "csv":
        return str(_write(kept, ending))
    path = kept.folder / f"{kept.name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(PLACE_COLUMNS))
        writer.writeheader()
        writer.writerows(place_row(place) for place in kept.answer.places)
    return str(path)


def _place(row: dict[str, Any]) -> list[Any]:
    size = " × ".join(f"{row[f'size_{axis}']:.1f}" for axis in "xyz")
    centre = [f"{row[axis]:.2f}" for axis in "xyz"]
    return [row["phrase"], f"{row['score']:.2f}", *centre, size, f"{row['volume']:.2f}"]

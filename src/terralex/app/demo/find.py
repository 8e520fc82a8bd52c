"""The tab Find: pictures by words, by pictures, by place and by day."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from terralex.app.demo import html, parts
from terralex.app.demo.collection import Box, Collection, pictures_among
from terralex.app.demo.context import SESSION_SECONDS, Context, forget, guarded, guarded_stream, model_title
from terralex.runtime.errors import UsageError

_TOP = 24


def build(context: Context, model: gr.Dropdown) -> None:
    """Draw the tab."""
    held = gr.State(None, time_to_live=SESSION_SECONDS, delete_callback=forget)
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    grouped: dict[str, Any] = {**quiet, "concurrency_id": parts.GROUP}
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            files = gr.File(
                label="Pictures, or a ZIP archive of them",
                file_count="multiple",
                height=170,
                elem_id="find-files",
            )
            example = gr.Button("Use the example pictures", size="sm", elem_id="find-example")
            query = gr.Textbox(label="Look for", placeholder="a lake", max_lines=1, elem_id="find-query")
            unlike = gr.Textbox(label="But not", placeholder="snow", max_lines=1, elem_id="find-unlike")
            run, stop = parts.run_and_stop("Find", elem_id="find-run")
            with gr.Accordion("Place and day", open=False):
                sketch = gr.HTML()
                with gr.Row():
                    box = [
                        gr.Number(None, label=label, min_width=90, elem_id=f"find-{label.lower()}")
                        for label in ("West", "South", "East", "North")
                    ]
                with gr.Row():
                    first = gr.Textbox(label="From day", placeholder="2024-05-01", max_lines=1, min_width=120)
                    last = gr.Textbox(label="To day", placeholder="2024-09-30", max_lines=1, min_width=120)
        with gr.Column(scale=3, min_width=300):
            told = parts.status("Add pictures, write what to look for, and press Find.")
            gallery = gr.Gallery(
                label="Found, the best first", columns=3, height="auto", object_fit="cover",
                buttons=["fullscreen"], elem_id="find-gallery", interactive=False,
            )  # fmt: skip
            with gr.Row():
                more = gr.Button("More like this", size="sm", elem_id="find-more", min_width=120)
                less = gr.Button("Less like this", size="sm", elem_id="find-less", min_width=120)
                clear = gr.Button("Forget likes", size="sm", elem_id="find-clear", min_width=120)
                parts.download("Download as CSV", guarded(_save), [held], elem_id="find-csv")
            likes = gr.HTML()

    asked = [query, unlike, *box, first, last]
    outputs = [told, gallery, likes, sketch, held]

    def add(uploads: list[str] | None, name: str, old: Collection | None) -> Iterator[Any]:
        if not uploads:
            yield gr.skip(), gr.skip()
            return
        if old:
            forget(old)
        fresh = Collection(context.folder())
        paths: list[Path] = []
        for upload in map(Path, uploads):
            is_archive = upload.suffix.lower() == ".zip"
            paths += context.limits.unpack(upload, fresh.folder / "files") if is_archive else [upload]
        pictures = pictures_among(paths)[: context.limits.files]
        if not pictures:
            raise UsageError("there are no pictures among these files")
        yield html.message(f"Getting {model_title(name)} ready ...", "busy"), fresh
        for done in fresh.add(pictures, context.pool.get(name), context.limits):
            yield html.message(f"{done:,} of {len(pictures):,} pictures read ...", "busy"), fresh
        failed = "".join(f" {name}: {why}." for name, why in list(fresh.failed.items())[:3])
        yield html.message(f"{len(fresh.entries):,} pictures can be searched.{failed}", "done"), fresh

    def find(kept: Collection | None, name: str, *values: Any) -> Iterator[Any]:  # noqa: ANN401
        if kept is None:
            raise UsageError("there is nothing to search in: add pictures first, or press the example")
        wanted, unwanted, west, south, east, north, start, end = values
        area = _box(west, south, east, north)
        yield html.message("Searching ...", "busy"), gr.skip(), gr.skip(), gr.skip(), kept
        kept.search(
            context.pool.get(name), _phrases(wanted), _phrases(unwanted),
            box=area, days=(_day(start), _day(end)), top_k=_TOP,
        )  # fmt: skip
        shown = [
            (str(kept.entries[i].picture), f"{kept.entries[i].path.name} · {score:.2f}")
            for i, score in kept.hits
        ]
        text = (
            f"{len(shown)} of {len(kept.entries):,} pictures, the best first."
            if shown
            else "No picture is there and then."
        )
        yield (
            html.message(text, "done"),
            gr.Gallery(shown, selected_index=None),
            _likes(kept),
            _sketch(kept, area),
            kept,
        )

    def choose(kept: Collection | None, event: gr.SelectData) -> Collection | None:
        if kept and event.index < len(kept.hits):
            kept.selected = kept.hits[event.index][0]
        return kept

    def judge(kept: Collection | None, good: bool) -> Collection:
        if kept is None or kept.selected is None:
            raise UsageError("press one of the pictures that were found first")
        for pictures in (kept.liked, kept.disliked):
            if kept.selected in pictures:
                pictures.remove(kept.selected)
        (kept.liked if good else kept.disliked).append(kept.selected)
        return kept

    def forget_likes(kept: Collection | None) -> tuple[Collection | None, str]:
        if kept:
            kept.liked, kept.disliked = [], []
        return kept, ""

    example.click(guarded(lambda: [str(path) for path in context.examples.gallery()]), None, files, **quiet)
    files.change(guarded_stream(add), [files, model, held], [told, held], **grouped)
    running = gr.on(
        [run.click, query.submit, unlike.submit],
        guarded_stream(find),
        [held, model, *asked],
        outputs,
        **grouped,
    )
    stop.click(
        lambda: html.message("Stopped.", "done"), None, told, cancels=running, api_visibility="private"
    )
    gallery.select(guarded(choose), held, held, **quiet)
    for button, good in ((more, True), (less, False)):
        judged = button.click(guarded(lambda kept, good=good: judge(kept, good)), held, held, **quiet)
        judged.success(guarded_stream(find), [held, model, *asked], outputs, **grouped)
    clear.click(guarded(forget_likes), held, [held, likes], **quiet)


def _phrases(text: str | None) -> list[str]:
    return [text.strip()] if text and text.strip() else []


def _day(text: str | None) -> date | None:
    if not text or not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text!r} is not a day: write it as 2024-05-01") from None


def _box(*sides: float | None) -> Box | None:
    given = [side for side in sides if side is not None]
    if not given:
        return None
    if len(given) < 4:
        raise UsageError("give all four sides of the box in degrees, or none")
    west, south, east, north = given
    if south > north:
        raise UsageError(f"the south of the box ({south:g}) lies north of its north ({north:g})")
    return west, south, east, north


def _likes(kept: Collection) -> str:
    def row(title: str, chosen: list[int]) -> str:
        if not chosen:
            return ""
        names = ", ".join(escape(kept.entries[i].path.name) for i in chosen)
        return f"<li>{title}: {names}</li>"

    rows = row("Like", kept.liked) + row("Not like", kept.disliked)
    return f'<ul class="tx-notes">{rows}</ul>' if rows else ""


def _sketch(kept: Collection, box: Box | None) -> str:
    """Where the pictures were taken, in degrees, with the box."""
    places = {i: entry.place for i, entry in enumerate(kept.entries) if entry.place}
    if not places:
        return '<p class="tx-lead">None of these pictures says where it was taken.</p>'
    found = {i for i, _ in kept.hits}
    xs, ys = zip(*places.values(), strict=True)
    margin = 0.08 * max(max(xs) - min(xs), max(ys) - min(ys), 0.02)
    low, high = (min(xs) - margin, min(ys) - margin), (max(xs) + margin, max(ys) + margin)
    wide, tall = high[0] - low[0], high[1] - low[1]
    radius = max(wide, tall) / 70
    dots = "".join(
        f'<circle cx="{x}" cy="{-y}" r="{radius}" fill="{"#d55e00" if i in found else "#76837b"}"/>'
        for i, (x, y) in places.items()
    )
    frame = ""
    if box:
        frame = (
            f'<rect x="{box[0]}" y="{-box[3]}" width="{max(box[2] - box[0], 0)}" height="{box[3] - box[1]}" '
            f'fill="none" stroke="#2c6e4e" stroke-width="{radius / 2}"/>'
        )
    return (
        f'<svg class="tx-place" role="img" aria-label="Where the pictures were taken" '
        f'viewBox="{low[0]} {-high[1]} {wide} {tall}">{frame}{dots}</svg>'
        f'<p class="tx-lead">{min(xs):.3f} to {max(xs):.3f} ° east, {min(ys):.3f} to {max(ys):.3f} ° north; '
        "orange: found.</p>"
    )


def _save(kept: Collection | None) -> str:
    if kept is None or not kept.hits:
        raise UsageError("there is nothing to download yet: press Find first")
    path = kept.folder / "found.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("position", "picture", "score", "longitude", "latitude", "day"))
        for position, (i, score) in enumerate(kept.hits, 1):
            entry = kept.entries[i]
            longitude, latitude = entry.place or ("", "")
            writer.writerow((position, entry.path.name, f"{score:.4f}", longitude, latitude, entry.day or ""))
    return str(path)

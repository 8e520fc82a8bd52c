"""The tab Teach: classes learned from examples, for the tab Identify."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from terralex import Fit, UsageError, fit, read_image
from terralex.app.demo import html, parts
from terralex.app.demo.collection import pictures_among
from terralex.app.demo.context import SESSION_SECONDS, Context, forget, guarded, guarded_stream, model_title
from terralex.imagery import to_rgb8

_DOUBTS = 12
_BEGIN = "Name a class, choose pictures of it, and add them; with two classes or more, press Learn."


@dataclass(eq=False)
class Lesson:
    """What a session teaches.

    Attributes:
        folder: Where the session's files go.
        examples: The pictures of each class.
        fit: What was learned.
    """

    folder: Path
    examples: dict[str, list[Path]] = field(default_factory=dict)
    fit: Fit | None = None

    @property
    def count(self) -> int:
        """All pictures."""
        return sum(map(len, self.examples.values()))


def build(context: Context, model: gr.Dropdown, taught: gr.State) -> None:
    """Draw the tab; `taught` gets the `Fit` that was learned."""
    lesson = gr.State(None, time_to_live=SESSION_SECONDS, delete_callback=forget)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            name = gr.Textbox("", label="Class", placeholder="oak", max_lines=1, elem_id="teach-class")
            files = gr.File(
                label="Pictures of it; or a ZIP archive with one folder for each class",
                file_count="multiple",
                height=170,
                elem_id="teach-files",
            )
            with gr.Row():
                add = gr.Button("Add to this class", elem_id="teach-add", size="sm", min_width=140)
                example = gr.Button("Use the example", elem_id="teach-example", size="sm", min_width=140)
                clear = gr.Button("Start again", elem_id="teach-clear", size="sm", min_width=110)
            classes = gr.HTML()
            run, stop = parts.run_and_stop("Learn", elem_id="teach-run")
        with gr.Column(scale=3, min_width=300):
            told = parts.status(_BEGIN)
            report = gr.HTML()
            with gr.Row():
                parts.download("Download the fit", guarded(_save), [lesson], elem_id="teach-fit")

    def added(title: str | None, uploads: list[str] | None, old: Lesson | None) -> tuple[Any, ...]:
        kept = old or Lesson(context.folder())
        if not uploads:
            raise UsageError("choose pictures first")
        for upload in map(Path, uploads):
            if upload.suffix.lower() == ".zip":
                _add_archive(context, kept, upload)
            elif parts.stated(title) is None:
                raise UsageError("write the name of the class that these pictures show")
            else:
                _add(context, kept, str(parts.stated(title)), [upload])
        return kept, _classes(kept), html.message(f"{kept.count:,} examples.", "done"), None

    def tried(old: Lesson | None) -> tuple[Any, ...]:
        forget(old)
        kept = Lesson(context.folder())
        for title, pictures in context.examples.lessons().items():
            _add(context, kept, title, pictures)
        return kept, _classes(kept), html.message(f"{kept.count:,} examples.", "done"), None

    def learn(kept: Lesson | None, chosen: str) -> Iterator[Any]:
        if kept is None or len(kept.examples) < 2:
            raise UsageError("give examples of at least two classes first")
        yield html.message(f"Learning {len(kept.examples)} classes ...", "busy"), gr.skip(), kept, gr.skip()
        paths = [str(path) for pictures in kept.examples.values() for path in pictures]
        labels = [title for title, pictures in kept.examples.items() for _ in pictures]
        kept.fit = fit(paths, labels, model=context.pool.get(chosen), cache=False).fit_
        said = f"Learned with {model_title(chosen)}. In the tab Identify choose among “Taught classes”."
        yield html.message(said, "done"), _report(kept.fit), kept, kept.fit

    def restart(old: Lesson | None) -> tuple[Any, ...]:
        forget(old)
        return None, "", html.message(_BEGIN), "", None

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    add.click(guarded(added), [name, files, lesson], [lesson, classes, told, files], **quiet)
    example.click(guarded(tried), lesson, [lesson, classes, told, files], **quiet)
    clear.click(guarded(restart), lesson, [lesson, classes, told, report, taught], **quiet)
    learning = run.click(
        guarded_stream(learn),
        [lesson, model],
        [told, report, lesson, taught],
        concurrency_id=parts.GROUP,
        **quiet,
    )
    stop.click(
        lambda: html.message("Stopped.", "done"), None, told, cancels=learning, api_visibility="private"
    )


def _add(context: Context, lesson: Lesson, title: str, pictures: Sequence[Path]) -> None:
    if lesson.count + len(pictures) > context.limits.files:
        raise UsageError(f"more than {context.limits.files:,} examples: take fewer, or run `terralex fit`")
    for picture in pictures:
        context.limits.check_picture(picture)
    kept = lesson.examples.setdefault(title, [])
    kept += [picture for picture in pictures if picture not in kept]


def _add_archive(context: Context, lesson: Lesson, archive: Path) -> None:
    folder = lesson.folder / f"archive {len(list(lesson.folder.iterdir()))}"
    pictures = pictures_among(context.limits.unpack(archive, folder))
    loose = [picture.name for picture in pictures if picture.parent == folder]
    if loose or not pictures:
        what = f"{loose[0]} lies in none" if loose else "it holds no pictures"
        raise UsageError(f"{archive.name}: an archive has one folder for each class, and {what}")
    for picture in pictures:
        _add(context, lesson, picture.parent.name, [picture])


def _classes(lesson: Lesson) -> str:
    rows = "".join(
        f"<li>{escape(title)}: {len(pictures):,}</li>" for title, pictures in lesson.examples.items()
    )
    return f'<ul class="tx-notes" aria-label="Classes and their examples">{rows}</ul>'


def _report(learned: Fit) -> str:
    """How well each class is recognised, what it is taken for, and the examples that are in doubt."""
    validation = learned.summary.validation
    if validation is None:
        return html.notes(["too few examples to say how well it works: give at least a few of each class"])
    body = ""
    accuracy = validation.accuracy
    if accuracy.value is not None:
        interval = (
            "" if accuracy.low is None else f" (95 % interval {accuracy.low:.0%} to {accuracy.high:.0%})"
        )
        said = f"named rightly of {validation.examples:,} examples, in {validation.folds} parts{interval}"
        body += html.bar(said, accuracy.value)
    heads = "".join(f"<th scope='col'>{escape(label)}</th>" for label in learned.labels)
    rows = "".join(
        f"<tr><th scope='row'>{escape(label)}</th>"
        + "".join(_cell(count, sum(counts), i == j) for j, count in enumerate(counts))
        + "</tr>"
        for i, (label, counts) in enumerate(zip(learned.labels, validation.confusion, strict=True))
    )
    body += (
        f"<div class='tx-table'><table><caption>Examples of the row's class, and what they are called when "
        f"they were not learned from</caption><thead><tr><th></th>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )
    return body + _doubts(learned)


def _cell(count: int, whole: int, right: bool) -> str:
    share = count / whole if whole else 0.0
    colour = "86, 166, 125" if right else "213, 94, 0"
    return f"<td style='background: rgb({colour} / {share:.2f})'>{count:,}</td>"


def _doubts(learned: Fit) -> str:
    doubts = learned.summary.doubts[:_DOUBTS]
    if not doubts:
        return html.notes(["no label of an example is in doubt"])
    cards = [
        html.card(
            html.data_uri(to_rgb8(read_image(doubt.path)), 320),
            f"{doubt.predicted}, not {doubt.label}?",
            html.bar(doubt.predicted, doubt.score) + html.bar(doubt.label, doubt.given, kind="tx-beyond"),
            alt=Path(doubt.path).name,
            subtitle=Path(doubt.path).name,
        )
        for doubt in doubts
    ]
    return "<h3>Labels in doubt</h3>" + html.cards(cards, label="Labels in doubt")


def _save(lesson: Lesson | None) -> str:
    if lesson is None or lesson.fit is None:
        raise UsageError("there is nothing to download yet: press Learn first")
    path = lesson.folder / "classes.fit"
    lesson.fit.save(path)
    return str(path)

"""How `map` and `ask` run, and what they say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from terralex.cli import tables
from terralex.cli.messages import INTERRUPTED, say
from terralex.cli.output import Target
from terralex.cli.running import LateBar
from terralex.runtime import FORMS, InputError, UsageError

if TYPE_CHECKING:
    from terralex.mapping.frames import PosedSequence
    from terralex.mapping.records import MapAnswer

_Number = TypeVar("_Number", int, float)

_REASONS = 5  # frames that failed whose reasons are printed


def pair(text: str, between: str, kind: Callable[[str], _Number], example: str) -> tuple[_Number, _Number]:
    """Two numbers as typed. Raises `UsageError` if they are not two."""
    try:
        first, second = map(kind, text.lower().split(between))
    except ValueError:
        raise UsageError(f"{text!r} is not two numbers: write {example}") from None
    return first, second


def build(recording: PosedSequence, outputs: Sequence[Path], **settings: Any) -> int:  # noqa: ANN401
    """Make a map and say how that went; return the exit code.

    Args:
        recording: The frames.
        outputs: The files to make.
        settings: As of `terralex.build_map`.
    """
    from terralex.mapping.build import build_map

    began = time.monotonic()
    try:
        with LateBar("frames") as frames:
            report = build_map(
                recording,
                outputs,
                tell=say,
                on_progress=lambda done, failed, total: frames.tell(done, total, failed),
                **settings,
            )
    except KeyboardInterrupt:
        say("interrupted: what is done is kept, repeat the command with --resume to go on")
        return INTERRUPTED
    for name, reason in report.failed[:_REASONS]:
        say(f"left out frame {name}: {reason}")
    failed = f", {len(report.failed):,} left out" if report.failed else ""
    made = ", ".join(map(str, report.outputs))
    seconds = time.monotonic() - began
    say(f"{made}: {report.voxels:,} voxels of {report.frames:,} frames{failed}, in {seconds:.1f} s")
    return InputError.exit_code if report.failed else 0


class Answering:
    """Asks a map, with the outputs looked at before any work.

    Args:
        outputs: Where to write.
        overwrite: Replace what is there.

    Raises:
        UsageError: An output exists, its ending is unknown, two are tables, or Rerun is not installed.
    """

    def __init__(self, outputs: Sequence[Path], *, overwrite: bool) -> None:
        from terralex.mapping.outputs import ENDINGS
        from terralex.mapping.rerun import check_rerun

        known = (*(f".{form}" for form in FORMS), *ENDINGS)
        for path in outputs:
            if path.suffix.lower() not in known:
                raise UsageError(f"{path}: end it in {', '.join(known)}")
        rows = [path for path in outputs if path.suffix.lower().removeprefix(".") in FORMS]
        if len(rows) > 1:
            raise UsageError(f"places go to one table, not to {len(rows)}: {', '.join(map(str, rows))}")
        self._pictures = [path for path in outputs if path not in rows]
        for path in self._pictures:
            if path.exists() and not overwrite:
                raise UsageError(f"{path} exists: pass --overwrite to replace it")
        if any(path.suffix.lower() == ".rrd" for path in self._pictures):
            check_rerun()
        self._target = Target(rows[0] if rows else None, None, resume=False, overwrite=overwrite)

    def run(
        self,
        voxels: Path,
        phrases: Sequence[str],
        against: Sequence[str] | None,
        **settings: Any,  # noqa: ANN401
    ) -> int:
        """Ask, write and print; return the exit code.

        Args:
            voxels: The file of the map.
            phrases: What to find, as typed.
            against: What it could be instead, as typed.
            settings: As of `terralex.ask`.
        """
        from terralex import recognition
        from terralex.mapping.ask import ask
        from terralex.mapping.outputs import write_answer
        from terralex.mapping.records import PLACE_COLUMNS, place_row

        found = ask(
            voxels,
            recognition.labels_from_arguments(phrases) if phrases else None,
            against=recognition.labels_from_arguments(against) if against else None,
            **settings,
        )
        for path in self._pictures:
            write_answer(path, found)
        sink = self._target.open(PLACE_COLUMNS, {}, lambda: tables.place_table(found.phrases))
        with sink:
            sink.write_chunk([place_row(place) for place in found.places])
        for note in found.notes:
            say(note)
        self._tell(found)
        return 0

    def _tell(self, found: MapAnswer) -> None:
        info = found.voxels.info
        written = f"; {', '.join(map(str, self._pictures))}" if self._pictures else ""
        many = len(found.places)
        say(f"{many:,} place{'s' * (many != 1)} in {info.sequence}: {len(found.voxels):,} voxels{written}")

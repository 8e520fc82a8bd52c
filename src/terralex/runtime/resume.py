"""Where a run stands: a small file beside its output, replaced in one step after every chunk.

While a run is unfinished, `results.csv.progress` says how many chunks are done and where in the output the
last of them ends. Whatever stands after that point was cut short, and a resumed run overwrites it. The file
goes when the run is finished.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.files import write_atomically


@dataclass(frozen=True)
class RunState:
    """How far a run has come.

    Attributes:
        settings: What the results depend on, as JSON values. A run is only resumed with the same settings.
        chunks: Chunks done.
        rows: Items done: rows of a table, windows of a scene.
        failed: Of these, items that could not be used.
        offset: Bytes of the output that are good.
    """

    settings: Mapping[str, object]
    chunks: int = 0
    rows: int = 0
    failed: int = 0
    offset: int = 0

    def after(self, rows: int, failed: int, size: int) -> "RunState":
        """The state once a further chunk of so many rows, failed inputs and bytes is written."""
        rows, failed, offset = self.rows + rows, self.failed + failed, self.offset + size
        return RunState(self.settings, self.chunks + 1, rows, failed, offset)

    def save(self, path: Path) -> None:
        """Replace the progress file. Raises `OSError`, and leaves the old file, if it cannot be written."""
        write_atomically(path, json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> "RunState":
        """Read a progress file. Raises `UsageError` if it is not one."""
        try:
            state = cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"cannot read {path}: pass --overwrite to start the run again") from error
        return state


def as_settings(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings as they will read back from JSON (tuples become lists); `TypeError` if they cannot."""
    result: dict[str, object] = json.loads(json.dumps(settings))
    return result


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """Name the settings that differ, in one line: `model: "bioclip", now "pocket"`; empty if none does."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(f"{name}: {_brief(old.get(name))}, now {_brief(new.get(name))}" for name in names)


def check_flags(output: Path, *, unfinished: bool, exists: bool, resume: bool, overwrite: bool) -> None:
    """See that the flags say what to do with what is there.

    Args:
        output: What the run makes.
        unfinished: Whether a run was cut short that can be resumed.
        exists: Whether the output, or a part of it, is there.
        resume: Go on with the run that was cut short.
        overwrite: Start again.

    Raises:
        UsageError: They do not; the message says which flag to pass.
    """
    if overwrite:
        return
    if unfinished:
        if not resume:
            raise UsageError(f"{output} is unfinished: pass --resume to go on, or --overwrite to start again")
    elif exists:
        if resume:
            raise UsageError(f"{output} is finished, nothing to resume: pass --overwrite to make it again")
        raise UsageError(
            f"{output} exists: pass --overwrite to replace it (--resume is for an unfinished run)"
        )


def check_settings(output: Path, begun: Mapping[str, object], now: Mapping[str, object]) -> None:
    """See that a run is resumed with the settings that it was begun with.

    Raises:
        UsageError: They differ; the message names those that do.
    """
    if changed := differences(begun, now):
        advice = "repeat them, or pass --overwrite to start again"
        raise UsageError(f"{output} was begun with other settings ({changed}): {advice}")


def digest(items: Iterable[str]) -> str:
    """A short fingerprint of a list of names in order: to put all inputs or labels among the settings."""
    total = hashlib.blake2b(digest_size=12)
    for item in items:
        total.update(item.encode("utf-8", "surrogatepass") + b"\0")
    return total.hexdigest()


def _brief(value: object, limit: int = 40) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"

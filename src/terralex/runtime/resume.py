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
        rows: Rows written.
        failed: Inputs that could not be used.
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


def digest(items: Iterable[str]) -> str:
    """A short fingerprint of a list of names in order: to put all inputs or labels among the settings."""
    total = hashlib.blake2b(digest_size=12)
    for item in items:
        total.update(item.encode("utf-8", "surrogatepass") + b"\0")
    return total.hexdigest()


def _brief(value: object, limit: int = 40) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"

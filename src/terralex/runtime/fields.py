"""Reading a mapping field by field, with messages that name the file and the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from terralex.runtime.errors import TerralexError

_REQUIRED: Any = object()


class Fields:
    """A mapping from YAML whose fields are taken one by one, and all of which must be taken."""

    def __init__(self, data: object, where: str, path: str = "") -> None:
        self._where = where
        self._path = path
        if not isinstance(data, Mapping):
            raise TerralexError(f"{where}: {path.rstrip('.') or 'the content'} must be a mapping of fields")
        self._data: Mapping[Any, Any] = data
        self._taken: set[str] = set()

    def error(self, name: str, problem: str) -> TerralexError:
        """The error to raise about field ``name``."""
        return TerralexError(f"{self._where}: {self._path}{name} {problem}")

    def finish(self) -> None:
        """Complain of fields that nothing read: most are misspelt."""
        unknown = [str(name) for name in self._data if name not in self._taken]
        if unknown:
            raise self.error(unknown[0], f"is not a field here (fields: {', '.join(sorted(self._taken))})")

    def optional(self, name: str) -> object:
        """Whatever the field holds; None if it is not there."""
        return self._take(name, None)

    def text(self, name: str) -> str:
        """A text that must be there."""
        return str(self._one(name, str, "a text", _REQUIRED)).strip()

    def optional_text(self, name: str) -> str | None:
        """A text, or None."""
        value = self._one(name, str, "a text", None)
        return None if value is None else value.strip()

    def texts(self, name: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        """A list of texts; it must be there if it has no default."""
        return self._list(name, str, "a list of texts", default)

    def number(self, name: str, default: float = _REQUIRED) -> float:
        """A number; it must be there if it has no default."""
        return float(self._one(name, (int, float), "a number", default))

    def optional_number(self, name: str) -> float | None:
        """A number, or None."""
        value = self._one(name, (int, float), "a number", None)
        return None if value is None else float(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of numbers that must be there."""
        return tuple(float(value) for value in self._list(name, (int, float), "a list of numbers", _REQUIRED))

    def count(self, name: str) -> int:
        """A whole number above 0 that must be there."""
        value = self._one(name, int, "a whole number", _REQUIRED)
        if value < 1:
            raise self.error(name, f"must be at least 1, not {value}")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self.error(name, f"must be true or false, not {value!r}")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str = _REQUIRED) -> str:
        """One of some words; it must be there if it has no default."""
        value = self._one(name, str, f"one of {', '.join(choices)}", default)
        if value not in choices:
            raise self.error(name, f"must be one of {', '.join(choices)}, not {value!r}")
        return str(value)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A mapping that must be there."""
        value = self._one(name, Mapping, "a mapping", _REQUIRED)
        return {str(key): item for key, item in value.items()}

    def section(self, name: str) -> Fields:
        """A mapping that must be there, to be read field by field."""
        return Fields(self._take(name, _REQUIRED), self._where, f"{self._path}{name}.")

    def sections(self, name: str) -> list[Fields]:
        """A list of mappings, to be read field by field; () if it is not there."""
        entries = self._list(name, Mapping, "a list of mappings", ())
        return [Fields(entry, self._where, f"{self._path}{name}[{i}].") for i, entry in enumerate(entries)]

    def _take(self, name: str, default: Any) -> Any:  # noqa: ANN401 (any YAML value)
        self._taken.add(name)
        if name in self._data:
            return self._data[name]
        if default is _REQUIRED:
            raise self.error(name, "is missing")
        return default

    def _one(self, name: str, kind: Any, meaning: str, default: Any) -> Any:  # noqa: ANN401
        value = self._take(name, default)
        if value is default and default is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(name, f"must be {meaning}, not {value!r}")
        return value

    def _list(self, name: str, kind: Any, meaning: str, default: Any) -> tuple[Any, ...]:  # noqa: ANN401
        value = self._take(name, default)
        if not isinstance(value, list | tuple):
            raise self.error(name, f"must be {meaning}, not {value!r}")
        for item in value:
            if not isinstance(item, kind) or isinstance(item, bool):
                raise self.error(name, f"must be {meaning}, but holds {item!r}")
        return tuple(value)

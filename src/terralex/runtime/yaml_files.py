"""YAML files: read with one loader, and validated against the type that describes them.

A type is a plain (frozen) dataclass, or anything else that pydantic understands. Its annotations say what is
allowed: ``Literal`` for choices, ``Annotated[int, Field(gt=0)]`` for ranges. What depends on several fields
is checked in ``__post_init__``, which raises a `ValueError` that begins with the name of the field.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Mapping
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import yaml

from terralex.runtime.errors import TerralexError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def read_yaml(
    source: Path | Traversable, kind: type[T], name: str = "", error: type[TerralexError] = TerralexError
) -> T:
    """Read a YAML file as a value of one type.

    Args:
        source: The file.
        kind: The type, usually a dataclass.
        name: What messages call the file; by default its path.
        error: The class of the error to raise.

    Raises:
        TerralexError: The file cannot be read, is not YAML, or does not fit the type; the message names the
            file, the key and what is allowed there.
    """
    name = name or str(source)
    return validate(load_yaml(read_text(source, name, error), name, error), kind, name, error)


def read_text(source: Path | Traversable, name: str = "", error: type[TerralexError] = TerralexError) -> str:
    """The text of a UTF-8 file, without a byte order mark."""
    try:
        return source.read_text(encoding="utf-8").removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"cannot read {name or source}: {reason}") from problem


def load_yaml(text: str | bytes, name: str, error: type[TerralexError] = TerralexError) -> Any:  # noqa: ANN401
    """The content of a YAML text, as YAML 1.1 except that ``1e-4`` is a number.

    Aliases are refused, since nested ones expand without bound, and so are repeated keys, of which PyYAML
    would silently keep the last.

    Raises:
        TerralexError: It is not such YAML; the message names the file.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except _RefusedError as problem:
        raise error(f"{name} {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:  # such as a 13th month, or deep nesting
        raise error(f"{name} is not valid YAML: {' '.join(str(problem).split())}") from None


def validate(data: object, kind: type[T], name: str, error: type[TerralexError] = TerralexError) -> T:
    """A value of one type from the content of a YAML or JSON file.

    Numbers in quotes are not numbers, ``yes`` is not 1, and keys that the type does not have are refused.

    Args:
        data: Mappings, lists and scalars.
        kind: The type, usually a dataclass.
        name: What messages call the file.
        error: The class of the error to raise.

    Raises:
        TerralexError: The content does not fit; the message names the file, the key and what is allowed.
    """
    from pydantic import ValidationError  # here, so that help need not wait for it

    try:
        # As JSON, because pydantic's strict mode takes lists for tuples there.
        value: T = _adapter(cast("Any", kind)).validate_json(
            json.dumps(data, default=str), strict=True, extra="forbid"
        )
    except ValidationError as problem:
        problems = problem.errors(include_url=False)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise error(f"{name}: {_message(problems[0], kind)}{more}") from None
    return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 (a type)
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


class _RefusedError(Exception):
    """YAML that this package does not take."""


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _RefusedError(f"uses an alias (*) in line {mark.line + 1}: write the value out there")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise _RefusedError(f"has these keys twice: {', '.join(repeated)}; keep one of each")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(  # YAML 1.1 asks for a point and a sign in the exponent
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _message(problem: Mapping[str, Any], kind: type) -> str:
    """What is wrong, with the path of the key and what is allowed."""
    *parents, _ = path = list(problem["loc"]) or [""]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    text = problem["msg"]
    match problem["type"]:
        case "missing":
            return f"{key} is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"{key} is not a field here (fields: {', '.join(_fields(kind, parents))})"
        case "value_error":
            text = text.removeprefix("Value error, ")
            return f"{key}: {text}" if key else text
        case "dataclass_type" | "dict_type" | "model_type":
            expected = "must be a mapping of fields"
        case "tuple_type" | "list_type":
            expected = "must be a list"
        case "string_type":
            expected = "must be a text"
        case "int_type" | "int_from_float":
            expected = "must be a whole number"
        case "bool_type":
            expected = "must be true or false"
        case _:
            expected = text.replace("Input should be", "must be").replace("a valid number", "a number")
    return f"{key or 'the content'} {expected}, not {_shortened(problem['input'])}"


def _fields(kind: Any, parents: list[int | str]) -> list[str]:  # noqa: ANN401 (a type)
    """Names of the fields of the dataclass at a path inside a type; none where there is no dataclass."""
    for part in parents:
        if isinstance(part, str) and dataclasses.is_dataclass(kind):
            kind = typing.get_type_hints(kind).get(part)
        while kind is not None and not dataclasses.is_dataclass(kind):  # tuple[T, ...], T | None
            kind = next((inner for inner in typing.get_args(kind) if inner is not type(None)), None)
    return sorted(field.name for field in dataclasses.fields(kind)) if kind is not None else []


def _shortened(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."

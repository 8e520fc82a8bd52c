"""From what a person names (files, folders, globs, lists, standard input) to a list of paths."""

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from terralex.runtime.errors import UsageError

# What systems leave in the folders of people, in lower case: thumbnails of NAS systems, resource forks of
# archives made on a Mac, recycle bins. Names that begin with a dot (.ipynb_checkpoints) are hidden anyway.
_SYSTEM_NAMES = frozenset(
    {"@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp", "@sharebin", "__macosx"}
    | {"$recycle.bin", "system volume information", "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini"}
)


def expand_inputs(
    arguments: Sequence[str],
    extensions: frozenset[str],
    is_scene: Callable[[str], bool] = lambda folder: False,
    left_out: Counter[str] | None = None,
) -> list[str]:
    """List the inputs that the arguments name, in the order given, each once.

    A folder gives the files below it that have a known ending, in natural order (`tile2` before `tile10`),
    without hidden ones and what systems leave behind (`is_system_name`). A quoted glob gives its matches with
    a known ending, or with the ending that it spells out. `@list.txt` and `-` (standard input) name one file
    or folder a line, relative to the current folder; `@list.yaml` holds a list of them or has one as
    `images`. A file that is named is kept whatever its ending and even if it does not exist, and so is a
    folder that may not be listed: reading it later costs one error row, not the run.

    Args:
        arguments: What the person typed.
        extensions: Lower-case endings to look for in folders, such as `frozenset({".jpg", ".tif"})`.
        is_scene: Says whether a folder is itself one input (a scene with one file a band).
        left_out: Counts, by ending, the files in folders that are left out for their ending.

    Returns:
        Paths, spelled as the arguments spell them.

    Raises:
        UsageError: An argument names nothing, or a list cannot be read.
    """
    inputs: dict[str, str] = {}
    for argument in arguments:
        others: Counter[str] = Counter()
        paths = list(_expand_argument(argument, extensions, is_scene, others))
        if not paths:
            raise UsageError(_nothing_found(argument, extensions, others))
        for path in paths:
            inputs.setdefault(os.path.abspath(path), path)
        if left_out is not None:
            left_out.update(others)
    if not inputs:
        raise UsageError("no inputs: name files, folders, globs, @list.txt, or - for paths on standard input")
    return list(inputs.values())


def is_system_name(name: str) -> bool:
    """Return whether a file or folder is hidden, or one that systems leave behind (`@eaDir`, `__MACOSX`)."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def describe_left_out(left_out: Mapping[str, int]) -> str:
    """Return in words what was left out of folders, by ending and number; "" if nothing was."""
    if not left_out:
        return ""
    total = sum(left_out.values())
    kinds = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{count:,} {ending or 'without an ending'}" for ending, count in kinds)
    return f"{total:,} file{'s' * (total != 1)} in folders left out, as such endings are not read: {listed}"


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key under which numbers in names count as numbers: `tile2` before `tile10`."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name.casefold())
    key = [(int(digits), digits) if digits else (sys.maxsize, text) for digits, text in parts]
    return (*key, (-1, name))


def _expand_argument(
    argument: str, extensions: frozenset[str], is_scene: Callable[[str], bool], left_out: Counter[str]
) -> Iterator[str]:
    if argument == "-":
        named: Iterable[str] = _lines(sys.stdin.buffer.read(), "standard input")
    elif argument.startswith("@") and not os.path.lexists(argument):
        named = _listed(argument[1:])
    elif glob.has_magic(argument) and not os.path.lexists(argument):
        wanted = extensions | {Path(argument).suffix.lower()}
        matches = sorted(glob.iglob(argument, recursive=True), key=natural_key)
        spelled = {*Path(argument).parts, "."}
        named = [
            path
            for path in matches
            if (os.path.isdir(path) or _ending(path) in wanted)
            and not any(
                is_system_name(part) for part in Path(path).parts if part not in {*spelled, ".", ".."}
            )
        ]
    else:
        named = [argument]
    for path in named:
        if os.path.isdir(path) and not is_scene(path):
            yield from _walk(path, extensions, is_scene, left_out, above=frozenset())
        else:
            yield path


def _walk(
    folder: str,
    extensions: frozenset[str],
    is_scene: Callable[[str], bool],
    left_out: Counter[str],
    above: frozenset[tuple[int, int]],
) -> Iterator[str]:
    """Files below a folder; `above` holds the folders on the way down, so that a loop of links ends."""
    try:
        status = os.stat(folder)
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: natural_key(entry.name))
    except OSError:
        yield folder
        return
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    for entry in entries:
        if is_system_name(entry.name):
            continue
        if _is_folder(entry):
            if is_scene(entry.path):
                yield entry.path
            else:
                yield from _walk(entry.path, extensions, is_scene, left_out, above | {identity})
        elif _ending(entry.name) in extensions:
            yield entry.path
        else:
            left_out[_ending(entry.name)] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _listed(path: str) -> list[str]:
    """What a list names: a line each, or in a `.yaml` file the items of a list or of its key `images`."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the list {path}: {error.strerror}") from error
    return _items(content, path) if _ending(path) in (".yaml", ".yml") else _lines(content, path)


def _items(content: bytes, name: str) -> list[str]:
    from terralex.runtime.yaml_files import load_yaml  # here, so that help need not wait for it

    value = load_yaml(content, name, UsageError)
    items = value.get("images") if isinstance(value, dict) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise UsageError(f"{name} is not a list of paths: write one, by itself or as 'images: [...]'")
    return items


def _lines(content: bytes, name: str) -> list[str]:
    if b"\0" in content:
        raise UsageError(f"{name} is not a list: it must be a text file (UTF-8) that names one input a line")
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    return [os.fsdecode(line) for line in lines if line.strip()]


def _nothing_found(argument: str, extensions: frozenset[str], left_out: Mapping[str, int]) -> str:
    endings = " ".join(sorted(extensions))
    if argument == "-" or argument.startswith("@"):
        name = "standard input" if argument == "-" else argument[1:]
        return f"{name} names nothing to read: give one file or folder a line (endings looked for: {endings})"
    if os.path.isdir(argument):
        others = f"; {describe_left_out(left_out)}" if left_out else ""
        return f"no readable files in the folder {argument} or below it: looked for {endings}{others}"
    return f"nothing matches {argument}: looked for {endings} and the ending in the pattern"

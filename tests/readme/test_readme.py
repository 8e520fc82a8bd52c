"""Every command and every Python example of the README runs, in order, as a reader would run them.

A ``console`` block holds commands after ``$``; what they print is left out. A comment before a block changes
what is expected of it: ``<!-- exits with 3 -->``, or ``<!-- not run: why -->``.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from terralex.models import list_cards

from ..processes import Starter

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- (?P<remark>[^>]*) -->\n+)?```(?P<kind>\w+)\n(?P<body>.*?)\n```", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One command line, or one Python block."""

    arguments: list[str]
    shown: str
    exit_code: int


def examples(text: str) -> list[Example]:
    found = []
    for block in BLOCK.finditer(text):
        remark = block["remark"] or ""
        if remark.startswith("not run: "):
            continue
        exit_code = int(remark.removeprefix("exits with ")) if remark else 0
        if block["kind"] == "python":
            found.append(
                Example([sys.executable, "-W", "error", "-c", block["body"]], block["body"], exit_code)
            )
        elif block["kind"] == "console":
            lines = block["body"].replace("\\\n", "").splitlines()
            commands = [line[2:] for line in lines if line.startswith("$ ")]
            assert commands, f"a console block without a command: {block['body']}"
            found += [
                Example(["bash", "-euo", "pipefail", "-c", as_run(line)], line, exit_code)
                for line in commands
            ]
    return found


def as_run(command: str) -> str:
    """A command as the tests run it: `make` takes the environment that is there instead of making one."""
    made = f"VENV={shlex.quote(sys.prefix)} -o {shlex.quote(sys.prefix)}/.installed"
    return f"{command} {made}" if command.startswith("make ") else command


def environment() -> dict[str, str]:
    """The environment of a reader who has installed the package and has no network."""
    scripts = str(Path(sys.executable).parent)
    return os.environ | {"PATH": scripts + os.pathsep + os.environ["PATH"], "COLUMNS": "100"}


def run(example: Example, folder: Path, start: Starter) -> None:
    if words := plain_command(example.shown):
        running = start("terralex", *words, folder=folder, environment={"COLUMNS": "100"})
        exit_code = running.wait()
        printed = f"{running.output.read_text()}\n{running.errors.read_text()}"
    else:
        exit_code, printed = run_in_shell(example, folder)
    assert exit_code == example.exit_code, (
        f"exit code {exit_code}, not {example.exit_code}, of\n{example.shown}\n{printed}"
    )


def plain_command(shown: str) -> list[str] | None:
    """The arguments of a `terralex` command that needs nothing of a shell but its quotes."""
    unquoted = re.sub(r"'[^']*'|\"[^\"$`]*\"", "", shown)
    if shown.startswith("terralex ") and not re.search(r"[|<>&;$`*?~\\\n]", unquoted):
        return shlex.split(shown)[1:]
    return None


def run_in_shell(example: Example, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        example.arguments,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, f"{done.stdout}\n{done.stderr}"


def test_every_command_of_the_readme_runs(tmp_path: Path, start: Starter) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for example in examples(README):
        run(example, tmp_path, start)


def test_every_model_is_in_the_table() -> None:
    missing = [card.name for card in list_cards() if f"`{card.name}`" not in README]
    assert not missing, f"not in the README: {', '.join(missing)}"


def test_a_command_that_fails_is_noticed(tmp_path: Path, start: Starter) -> None:
    (example,) = examples("```console\n$ terralex no-such-verb\n```")
    with pytest.raises(AssertionError, match=r"exit code 2, not 0, of\s+terralex no-such-verb"):
        run(example, tmp_path, start)
    (expected,) = examples("<!-- exits with 2 -->\n```console\n$ terralex no-such-verb\n```")
    run(expected, tmp_path, start)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make quickstart" in listed
    assert "make test" in listed

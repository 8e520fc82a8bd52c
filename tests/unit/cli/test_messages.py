"""Whatever is wrong with a command, one line says what to do, and nobody sees a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from terralex.cli.app import main, run
from terralex.cli.messages import say
from terralex.cli.tables import ReferenceTable

CASES = {
    "an unknown verb": (["clasify", "x.png"], 2, "no such command 'clasify'"),
    "an unknown option": (["classify", "{0}", "-l", "a,b", "--top", "3"], 2, "--top"),
    "a wrong number": (["classify", "{0}", "-l", "a,b", "--top-k", "0"], 2, "--top-k"),
    "an unknown form": (["classify", "{0}", "-l", "a,b", "--format", "xls"], 2, "'--format'"),
    "no inputs": (["classify", "-l", "a,b"], 2, "missing argument 'INPUT'"),
    "no labels": (["classify", "{0}"], 2, "say what to tell apart: --labels WORDS"),
    "empty labels": (["classify", "{0}", "-l", ","], 2, "no labels; pass --labels"),
    "labels given twice": (["classify", "{0}", "-l", "a,B,b"], 2, "labels given twice: B / b"),
    "no such label file": (["classify", "{0}", "-l", "none.txt"], 2, "none.txt does not exist"),
    "no such templates": (
        ["classify", "{0}", "-l", "a,b", "--templates", "nope", "-m", "{m}"],
        2,
        "'nope'",
    ),
    "no such model": (["classify", "{0}", "-l", "a,b", "-m", "bioclp"], 2, "did you mean bioclip"),
    "no such device": (
        ["classify", "{0}", "-l", "a,b", "--device", "tpu", "-m", "{m}"],
        2,
        "unknown device 'tpu'",
    ),
    "no such precision": (
        ["embed", "{0}", "--precision", "int3", "-m", "{m}"],
        2,
        "unknown precision 'int3'",
    ),
    "no such bands": (["embed", "{0}", "--bands", "B77", "-m", "{m}"], 2, "unknown bands"),
    "no such units": (["embed", "{0}", "--units", "inches", "-m", "{m}"], 2, "unknown units 'inches'"),
    "an empty folder": (["classify", "{empty}", "-l", "a,b"], 2, "no readable files in the folder"),
    "a glob without match": (["classify", "{empty}/*.png", "-l", "a,b"], 2, "nothing matches"),
    "no query": (["search", "{0}"], 2, "nothing to search for"),
    "an unreadable query": (["search", "{0}", "--like", "{4}", "-m", "{m}"], 2, "cannot search with"),
    "an unknown ending": (["classify", "{0}", "-l", "a,b", "-o", "{empty}/out.xls"], 2, "end it in .csv"),
    "a folder as output": (["classify", "{0}", "-l", "a,b", "-o", "{empty}"], 2, "is a folder"),
    "a table in a file": (
        ["classify", "{0}", "-l", "a,b", "-o", "{empty}/o.csv", "--format", "table"],
        2,
        "terminal",
    ),
    "nothing to resume": (["classify", "{0}", "-l", "a,b", "--resume"], 2, "pass -o FILE"),
    "two minds": (["embed", "{0}", "-o", "{empty}/o.csv", "--resume", "--overwrite"], 2, "one of the two"),
    "vectors on a screen": (["embed", "{0}", "--format", "table"], 2, "pass -o FILE.parquet"),
    "a folder under a file": (
        ["classify", "{0}", "-l", "a,b", "-o", "{0}/out.csv", "-m", "{m}"],
        1,
        "cannot write",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_command_gets_one_line(
    case: str, pictures: Path, tiny_model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments, code, words = CASES[case]
    empty = tmp_path / "empty"
    empty.mkdir()
    places = {
        "{0}": str(pictures / "0.png"),
        "{4}": str(pictures / "4.jpg"),
        "{empty}": str(empty),
        "{m}": tiny_model,
    }
    for name, value in places.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    assert run(arguments) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("terralex: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not list(empty.iterdir())


def test_a_directory_that_cannot_be_written(pictures: Path, tiny_model: str, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    arguments = [
        "classify",
        str(pictures / "0.png"),
        "-l",
        "a,b",
        "-m",
        tiny_model,
        "-o",
        str(tmp_path / "o.csv"),
    ]
    assert run(arguments) == 1


def test_a_traceback_can_be_asked_for(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERRALEX_DEBUG", "1")
    assert run(["classify", "x.png", "-l", "a,A"]) == 2
    assert "Traceback" in capfd.readouterr().err


def test_a_defect_is_told_in_a_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh dear")

    monkeypatch.setattr("terralex.recognition.labels_from_arguments", broken)
    assert run(["classify", "x.png", "-l", "a,b"]) == 1
    assert capfd.readouterr().err.startswith("terralex: error: ZeroDivisionError: oh dear")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["classify", "--help"], ["models", "list", "--help"]])
def test_help_goes_to_standard_output(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    out, err = capfd.readouterr()
    assert "Usage: terralex" in out
    assert err == ""


def test_the_version(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capfd.readouterr().out.startswith("terralex 0.")


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("--version", 0),
        ("nope", 2),
        ("--version >&-", 0),
        ("models list > /dev/full", 1),
    ],
)
def test_the_process_ends_with_the_code(ending: str, code: int) -> None:
    command = f"set -o pipefail; {sys.executable} -m terralex {ending}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr


VERBS = ["", "quickstart", "classify", "search", "embed", "train", "evaluate", "models", "doctor"]
HEAVY = {"torch", "numpy", "PIL", "rasterio", "pyarrow", "yaml", "open_clip", "huggingface_hub"}


@pytest.mark.parametrize("verb", VERBS)
def test_help_loads_nothing_heavy(verb: str) -> None:
    code = f"""
import sys
from terralex.cli.app import run
assert run({[verb, "--help"] if verb else ["--help"]}) == 0
heavy = {HEAVY} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_files_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b[31mred\x07.png: no such file")
    table = ReferenceTable(["Image"])
    table.write_chunk([{"Image": "a\x1b[2J\nb\udcff.png"}])
    table.close()
    shown = capsys.readouterr()
    assert shown.err == "terralex: \\x1b[31mred\\x07.png: no such file\n"
    assert "a\\x1b[2J\\nb\\udcff.png" in shown.out
    assert "\x1b[2J" not in shown.out

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import terralex
from terralex.runtime import Columns, TerralexError, UsageError, open_sink

FORMS = ("csv", "jsonl", "parquet")
COLUMNS: Columns = {"path": str, "score": float}
SETTINGS = {"model": "pocket", "labels": ("water", "forest")}


def rows(first: int, n: int = 3) -> list[dict[str, object]]:
    return [{"path": f"{i}.jpg", "score": i / 7} for i in range(first, first + n)]


def whole(path: Path, chunks: int = 3, **flags: bool) -> Path:
    with open_sink(path, COLUMNS, SETTINGS, **flags) as sink:
        for i in range(sink.chunks_done, chunks):
            sink.write_chunk(rows(3 * i))
    return path


def cut_short(path: Path, chunks: int = 2, overwrite: bool = False) -> Path:
    def fail() -> None:
        with open_sink(path, COLUMNS, SETTINGS, overwrite=overwrite) as sink:
            for i in range(chunks):
                sink.write_chunk(rows(3 * i), failed=1)
            raise RuntimeError("the model failed")

    with pytest.raises(RuntimeError, match="the model failed"):
        fail()
    return path


def count(path: Path) -> int:
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    return len(pd.read_csv(path) if path.suffix == ".csv" else pd.read_json(path, lines=True))


@pytest.fixture(params=FORMS)
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"out.{request.param}"


def test_nothing_is_left_beside_a_finished_file(output: Path) -> None:
    whole(output)
    assert list(output.parent.iterdir()) == [output]
    assert count(output) == 9


def test_a_run_that_fails_leaves_a_valid_file_and_goes_on(output: Path) -> None:
    cut_short(output)
    assert count(output) == 6
    with open_sink(output, COLUMNS, SETTINGS, resume=True) as sink:
        assert (sink.chunks_done, sink.rows_done, sink.failed) == (2, 6, 2)
        sink.write_chunk(rows(6))
        assert (sink.chunks_done, sink.rows_done, sink.failed) == (3, 9, 2)
    assert output.read_bytes() == whole(output.with_stem("same")).read_bytes()


def test_a_run_that_fails_before_its_first_chunk_leaves_nothing(output: Path) -> None:
    cut_short(output, chunks=0)
    assert list(output.parent.iterdir()) == []


def test_an_existing_file_is_left_alone_without_a_flag(output: Path) -> None:
    content = whole(output).read_bytes()
    with pytest.raises(UsageError, match=r"out\.\w+ exists: pass --overwrite .*--resume"):
        whole(output)
    with pytest.raises(UsageError, match="is finished, nothing to resume: pass --overwrite"):
        whole(output, resume=True)
    assert output.read_bytes() == content
    assert list(output.parent.iterdir()) == [output]


def test_an_unfinished_file_is_left_alone_without_a_flag(output: Path) -> None:
    cut_short(output)
    before = {path: path.read_bytes() for path in output.parent.iterdir()}
    with pytest.raises(UsageError, match="is unfinished: pass --resume to go on, or --overwrite"):
        whole(output)
    assert {path: path.read_bytes() for path in output.parent.iterdir()} == before


def test_overwrite_starts_again(output: Path) -> None:
    same = whole(output.with_stem("same")).read_bytes()
    whole(output, chunks=5)
    assert whole(output, overwrite=True).read_bytes() == same
    output.unlink()
    cut_short(output)
    assert whole(output, overwrite=True).read_bytes() == same
    output.with_name(output.name + ".progress").write_text("{broken")
    assert whole(output, overwrite=True).read_bytes() == same


def test_overwrite_that_is_cut_short_does_not_show_the_old_rows(output: Path) -> None:
    whole(output, chunks=5)
    cut_short(output, overwrite=True)
    assert count(output) == 6
    whole(output, resume=True)
    assert count(output) == 9


def test_resume_without_a_file_starts(output: Path) -> None:
    whole(output, resume=True)
    assert count(output) == 9


def test_resume_after_the_file_was_removed_starts_again(output: Path) -> None:
    cut_short(output)
    for path in (output, output.with_name(output.name + ".rows")):
        path.unlink(missing_ok=True)
    whole(output)
    assert count(output) == 9


def test_resume_with_other_settings_is_refused_and_names_them(output: Path) -> None:
    cut_short(output)
    before = {path: path.read_bytes() for path in output.parent.iterdir()}
    other = {"model": "bioclip", "labels": ["water", "forest"], "templates": "x" * 200}
    with pytest.raises(UsageError) as caught:
        open_sink(output, {"path": str}, other, resume=True)
    message = str(caught.value)
    assert 'model: "pocket", now "bioclip"' in message
    assert "columns: " in message
    assert "templates: null, now " in message
    assert "labels" not in message
    assert "--overwrite" in message
    assert "\n" not in message
    assert len(message) < 500
    assert {path: path.read_bytes() for path in output.parent.iterdir()} == before


@pytest.mark.parametrize("harm", ["shorter", "no record"])
def test_resume_of_damaged_files_is_refused(output: Path, harm: str) -> None:
    cut_short(output)
    spool = output.with_name(output.name + ".rows")
    if harm == "shorter":
        os.truncate(spool if spool.exists() else output, 10)
    else:
        output.with_name(output.name + ".progress").write_text('{"chunks": 1}')
    with pytest.raises(UsageError, match=r"(shorter than it was|cannot read .*\.progress): pass --overwrite"):
        whole(output, resume=True)


def test_damaged_rows_are_found_when_parquet_is_made(tmp_path: Path) -> None:
    output = cut_short(tmp_path / "out.parquet")
    spool = tmp_path / "out.parquet.rows"
    spool.write_bytes(bytes(spool.stat().st_size))
    with pytest.raises(TerralexError, match=r"out\.parquet\.rows is damaged .*--overwrite"):
        whole(output, resume=True)


def test_an_empty_file_holds_nothing_to_lose(output: Path) -> None:
    output.touch()
    whole(output)
    assert count(output) == 9


@pytest.mark.parametrize(
    ("path", "flags", "message"),
    [
        ("out.xlsx", {}, r"cannot tell the form of out\.xlsx .*\.csv, \.jsonl or \.parquet"),
        ("out", {}, "cannot tell the form of out"),
        ("out.csv", {"form": "xml"}, "unknown form 'xml': use one of csv, jsonl, parquet"),
        ("out.csv", {"resume": True, "overwrite": True}, "pass one of the two"),
        ("-", {"resume": True}, "--resume needs an output file"),
        (None, {"form": "parquet"}, r"parquet needs an output file: pass -o FILE\.parquet"),
        ("folder.csv", {}, "folder.csv is a folder: name a file in it"),
    ],
)
def test_wrong_use_is_refused(
    path: str | None, flags: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    with pytest.raises(UsageError, match=message):
        open_sink(path, COLUMNS, {}, **flags)  # type: ignore[arg-type]
    assert os.listdir() == ["folder.csv"]


def test_the_form_may_be_told(tmp_path: Path) -> None:
    with open_sink(tmp_path / "out.txt", COLUMNS, {}, form="jsonl") as sink:
        sink.write_chunk(rows(0, 1))
    assert json.loads((tmp_path / "out.txt").read_text()) == {"path": "0.jpg", "score": 0.0}


def test_the_folder_is_made(output: Path) -> None:
    assert count(whole(output.parent / "new" / "folder" / output.name)) == 9


def test_a_folder_that_cannot_be_written(output: Path) -> None:
    (output.parent / "file").touch()  # permissions would not stop root, who may run the tests
    with pytest.raises(TerralexError, match=r"cannot write .*file/out\.\w+: (Not a directory|File exists)"):
        whole(output.parent / "file" / output.name)


@pytest.fixture
def small_disk() -> Iterator[int]:
    """No file may grow beyond so many bytes: the n-th write fails, as on a disk that fills."""
    limit = 20_000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(path: Path, chunks: int, resume: bool = False) -> int:
    with open_sink(path, COLUMNS, SETTINGS, resume=resume) as sink:
        for i in range(sink.chunks_done, chunks):
            sink.write_chunk(rows(50 * i, 50))
    return sink.rows_done


def test_a_disk_that_fills_costs_no_finished_row(output: Path, small_disk: int) -> None:
    with pytest.raises(
        TerralexError, match=r"cannot write .*: File too large\. [\d,]+ rows are safe: .*--resume"
    ):
        fill(output, chunks=100)
    assert count(output) % 50 == 0
    assert count(output) > 100
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    fill(output, chunks=100, resume=True)
    fill(output.with_stem("same"), chunks=100)
    assert output.read_bytes() == output.with_stem("same").read_bytes()


def test_a_disk_that_is_full_at_the_start(output: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(TerralexError, match=r"cannot write .*: File too large$"):
            whole(output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    whole(output)
    assert count(output) == 9


def test_a_disk_that_fills_while_parquet_is_made_keeps_the_rows(tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fail() -> None:
        with open_sink(output, COLUMNS, SETTINGS) as sink:
            sink.write_chunk(rows(0, 20_000))
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))

    try:
        with pytest.raises(
            TerralexError, match=r"cannot write .*out\.parquet: File too large\. 20,000 rows are safe"
        ):
            fail()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet.progress", "out.parquet.rows"]
    with open_sink(output, COLUMNS, SETTINGS, resume=True) as sink:
        assert sink.chunks_done == 1
    assert count(output) == 20_000


def test_standard_output(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_sink(None, COLUMNS, {}) as sink:
        sink.write_chunk(rows(0, 1))
        assert capsysbinary.readouterr().out == b"path,score\n0.jpg,0.0\n"
        sink.write_chunk(rows(1, 1), failed=1)
    assert capsysbinary.readouterr().out == b"1.jpg,0.14285715\n"
    assert (sink.chunks_done, sink.rows_done, sink.failed) == (2, 2, 1)
    with open_sink("-", COLUMNS, {}, form="jsonl") as sink:
        sink.write_chunk(rows(0, 1))
    assert capsysbinary.readouterr().out == b'{"path":"0.jpg","score":0.0}\n'
    with open_sink("-", COLUMNS, {}):
        pass
    assert capsysbinary.readouterr().out == b"path,score\n"


TO_STDOUT = """
import sys
from terralex.runtime import TerralexError, open_sink

try:
    with open_sink("-", {"path": str}, {}) as sink:
        for i in range(100_000):
            sink.write_chunk([{"path": f"{i}.jpg"}])
    sys.exit(3 if sink.chunks_done < 100_000 else 0)
except TerralexError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def run(shell: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": str(Path(terralex.__file__).parents[1]),
        "PYTHON": sys.executable,
        "SCRIPT": TO_STDOUT,
        "PYTHONUNBUFFERED": "",  # what is left in the buffer must not fail once more at exit
    }
    return subprocess.run(["bash", "-c", shell], env=environment, capture_output=True, text=True, timeout=60)


def test_a_reader_that_stops_early_ends_the_run_quietly() -> None:
    done = run('"$PYTHON" -c "$SCRIPT" | head -n 3; echo "${PIPESTATUS[0]}"')
    assert done.stdout == "path\n0.jpg\n1.jpg\n3\n"
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_standard_output_on_a_full_disk() -> None:
    done = run('"$PYTHON" -c "$SCRIPT" > /dev/full')
    assert done.stderr == "cannot write standard output: No space left on device\n"
    assert done.returncode == 1


def test_the_limit_on_file_size_does_not_kill(small_disk: int) -> None:
    """The tests above rest on this: Python ignores the signal, so that a write fails with an error."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN

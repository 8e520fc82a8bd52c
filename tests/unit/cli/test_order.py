import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pyarrow.parquet as pq
import pytest

from terralex.cli.app import run

Run = Callable[..., tuple[int, str, str]]
TEXTS = ("--texts", "life, animal,bird,robin,plant,oak", "--root", "anything")


@pytest.fixture
def order(capfd: pytest.CaptureFixture[str], tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `terralex order` with the tiny model: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["order", *map(str, arguments), "--model", tiny_model])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_rows_of_pictures_and_phrases(order: Run, pictures: Path) -> None:
    code, out, err = order(pictures, "-q", "an  oak", *TEXTS)
    assert code == 3
    rows = rows_of(out)
    names = ["path", "window", "query", "position", "rank", "name", "radius", "score", "text", "model"]
    assert list(rows[0]) == [*names, "notes", "error"]
    assert {row["path"] for row in rows} == {
        *(str(pictures / f"{n}.png") for n in range(4)),
        str(pictures / "again" / "1.png"),
        str(pictures / "4.jpg"),
        "",
    }
    assert {row["query"] for row in rows if not row["path"]} == {"an oak"}
    assert [row["path"] for row in rows if row["error"]] == [str(pictures / "4.jpg")]
    assert "7 inputs in" in err
    assert "1 failed" in err


def test_phrases_alone_in_batches(order: Run) -> None:
    phrases = [value for n in range(5) for value in ("-q", f"phrase {n}")]
    code, out, err = order(*phrases, *TEXTS, "--batch-size", 2)
    assert code == 0
    assert list(dict.fromkeys(row["query"] for row in rows_of(out))) == [f"phrase {n}" for n in range(5)]
    assert "5 inputs in" in err


def test_the_table_has_both(order: Run, pictures: Path) -> None:
    code, out, _ = order(pictures / "0.png", "-q", "an oak", *TEXTS, "--format", "table")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["of", "name", "radius", "score"]
    assert any("0.png" in line for line in lines)
    assert any(line.startswith("an oak") for line in lines)


def test_a_taxonomy_and_a_picture_of_it(order: Run, pictures: Path, tmp_path: Path) -> None:
    taxonomy, drawn, table = tmp_path / "taxa.csv", tmp_path / "new" / "chain.png", tmp_path / "rows.parquet"
    taxonomy.write_text("kingdom,genus,species\nAnimalia,Canis,lupus\nPlantae,Morus,alba\n")
    arguments = (pictures, "--taxonomy", taxonomy, "--root", "Eukarya", "--picture", drawn, "-o", table)
    code, out, err = order(*arguments)
    assert (code, out) == (3, "")
    assert f"{drawn} shows 5 of 6 chains" in err
    with PIL.Image.open(drawn) as picture:
        assert picture.format == "PNG"
    assert set(pq.read_table(table)["rank"].to_pylist()) <= {"kingdom", "genus", "species", None}
    code, _, err = order(*arguments, "--overwrite")
    assert code == 3
    before = drawn.read_bytes()
    table.unlink()
    code, _, err = order(*arguments)
    assert code == 2
    assert "chain.png exists: pass --overwrite" in err
    assert drawn.read_bytes() == before
    assert not table.exists()


def test_an_unfinished_run_goes_on(
    order: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short between pictures and phrases, and among the phrases."""
    phrases = [value for n in range(5) for value in ("-q", f"phrase {n}")]
    arguments = (pictures, *phrases, *TEXTS, "--batch-size", 2, "--no-cache")
    whole = tmp_path / "whole.csv"
    assert order(*arguments, "-o", whole)[0] == 3

    from terralex.recognition import Orderer

    describe = Orderer.describe_phrases
    for last in (0, 1, 2):
        calls = iter(range(100))

        def stop(self: Orderer, given: list[str], calls=calls, last=last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if next(calls) == last:
                raise KeyboardInterrupt
            return describe(self, given)

        part = tmp_path / f"part{last}.csv"
        monkeypatch.setattr(Orderer, "describe_phrases", stop)
        assert order(*arguments, "-o", part)[0] == 130
        assert part.read_bytes() != whole.read_bytes()
        monkeypatch.setattr(Orderer, "describe_phrases", describe)
        assert order(*arguments, "-o", part, "--resume")[0] == 3
        assert part.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (TEXTS, "nothing to describe"),
        (("-q", "oak"), "which texts should be put in order?"),
        (("-q", " ", *TEXTS), "a query is empty"),
        (("-q", "oak", "--texts", ",,", "--root", "x"), "which texts should be put in order?"),
        (("-q", "oak", "--texts", "a,b"), "tiny has no root"),
        (("-q", "oak", *TEXTS, "--steps", "1"), "steps"),
        (("-q", "oak", *TEXTS, "--format", "msclip"), "leave out --format msclip"),
        (("-q", "oak", *TEXTS, "--picture", "chain.jpg"), "end chain.jpg in .png"),
        (("-q", "oak", "--captions", "absent.csv"), "absent.csv does not exist"),
    ],
)
def test_wrong_usage(order: Run, arguments: tuple[object, ...], message: str) -> None:
    code, out, err = order(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_picture_that_cannot_be_written(order: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = order("-q", "oak", *TEXTS, "--picture", tmp_path / "file" / "chain.png")
    assert code == 1
    assert "cannot write" in err
    assert rows_of(out), "the rows are there all the same"
    shutil.rmtree(tmp_path)

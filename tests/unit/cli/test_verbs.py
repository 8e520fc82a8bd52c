import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer

from terralex.cli.app import app, run

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def terralex(capfd: pytest.CaptureFixture[str], tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a verb with the tiny model: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object, model: str | None = tiny_model) -> tuple[int, str, str]:
        chosen = [] if model is None else ["--model", model]
        code = run([*map(str, arguments), *chosen])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_classify_writes_csv_to_a_pipe(terralex: Run, pictures: Path) -> None:
    code, out, err = terralex("classify", pictures, "--labels", "water,forest", "-l", "town")
    assert code == 3
    rows = table(out)
    assert list(rows[0]) == [
        "path",
        "window",
        "label",
        "position",
        "score",
        "in_domain",
        "model",
        "notes",
        "error",
    ]
    assert len(rows) == 6
    assert rows[0]["label"] in ("water", "forest", "town")
    assert 1 / 3 < float(rows[0]["score"]) <= 1
    assert [row["path"] for row in rows if row["error"]] == [str(pictures / "4.jpg")]
    assert f"terralex: {pictures / '4.jpg'}: " in err
    assert "6 inputs in" in err
    assert "1 failed; model tiny on cpu, float32" in err


def test_classify_gives_every_score_and_label_on_request(
    terralex: Run, pictures: Path, tmp_path: Path
) -> None:
    output = tmp_path / "new" / "folder" / "out.jsonl"
    arguments = (
        "classify",
        pictures / "0.png",
        "-l",
        "water,forest,town",
        "--scores",
        "--top-k",
        "5",
        "-o",
        output,
    )
    code, out, _ = terralex(*arguments)
    assert (code, out) == (0, "")
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["position"] for row in rows] == [1, 2, 3]
    for row in rows:
        scores = {label: row[f"score:{label}"] for label in ("water", "forest", "town")}
        assert sum(scores.values()) == pytest.approx(1, abs=1e-6)
        assert row["score"] == scores[row["label"]]


def test_classify_can_write_the_reference_columns(terralex: Run, pictures: Path) -> None:
    code, out, err = terralex(
        "classify", pictures, "-l", "water,town", "--format", "msclip", "--batch-size", "2"
    )
    assert code == 3
    lines = out.splitlines()
    assert lines[0] == ",Image,Class,water,town"
    rows = list(csv.reader(lines[1:]))
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert [row[1] for row in rows] == ["0.png", "1.png", "2.png", "3.png", "4.jpg", "1.png"]
    assert rows[4][2:] == ["", "", ""]
    for row in rows[:4]:
        scores = {"water": float(row[3]), "town": float(row[4])}
        assert row[2] == max(scores, key=scores.__getitem__)
    assert "4.jpg: " in err


def test_classify_shows_a_table(terralex: Run, pictures: Path) -> None:
    arguments = (
        "classify",
        pictures,
        "-l",
        "water,forest,town",
        "--format",
        "table",
        "--top-k",
        "2",
        "--scores",
    )
    code, out, err = terralex(*arguments, "--batch-size", "4")
    assert code == 3
    lines = out.splitlines()
    assert lines[0].split() == ["image", "position", "label", "score", "water", "forest", "town"]
    assert set(lines[1]) == {"─"}
    data = [line for line in lines if ".png" in line]
    assert len(data) == 10
    start = lines[0].index("label")
    for line in data:
        assert line[start : start + 7].strip() in ("water", "forest", "town")
        assert all(cell.startswith("0.") for cell in line.split()[-4:])
    assert sum("filled with the mean" in line for line in lines) == 1, "a note that all rows share comes once"
    assert "…" in data[0]
    assert data[0].split()[0].endswith("/0.png")
    assert "4.jpg: " not in err, "the table has shown it"


def test_one_label_is_remarked_upon(terralex: Run, pictures: Path) -> None:
    code, out, err = terralex("classify", pictures / "0.png", "-l", "water")
    assert code == 0
    assert table(out)[0]["score"] == "1.0"
    assert "with one label every score is 1" in err


def test_embed_writes_parquet_that_search_reads(terralex: Run, pictures: Path, tmp_path: Path) -> None:
    output = tmp_path / "embeddings.parquet"
    code, _, _ = terralex("embed", pictures, "-o", output)
    assert code == 3
    embedded = pq.read_table(output)
    names = ["path", "window", "vector", "bands", "notes", "model", "revision", "space", "error"]
    assert embedded.schema.names == names
    vectors = np.stack([row for row in embedded["vector"].to_pylist() if row is not None])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert embedded["vector"].null_count == 1

    asked = ("-q", "a river", "--like", pictures / "3.png", "--top-k", "2")
    code, out, _ = terralex("search", output, *asked)
    assert code == 0
    rows = table(out)
    assert [(row["query"], row["position"]) for row in rows] == [
        *(("a river", "1"), ("a river", "2")),
        *((str(pictures / "3.png"), "1"), (str(pictures / "3.png"), "2")),
    ]
    assert str(pictures / "3.png") not in [row["path"] for row in rows[2:]], "the image itself is no result"
    _, direct, _ = terralex("search", pictures, *asked)
    assert [row["path"] for row in table(direct)][:4] == [row["path"] for row in rows]


def test_embed_writes_json_lines_to_a_pipe(terralex: Run, pictures: Path) -> None:
    code, out, _ = terralex("embed", pictures / "0.png")
    assert code == 0
    assert len(json.loads(out)["vector"]) == 256


def test_search_takes_queries_from_a_file(terralex: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text("a town\n")
    code, out, _ = terralex(
        *("search", pictures / "0.png", pictures / "1.png"),
        *("-q", "a river", "--queries", tmp_path / "queries.txt", "--format", "msclip"),
    )
    assert code == 0
    rows = table(out)
    assert list(rows[0]) == ["Query", "Rank", "Image", "Similarity"]
    assert [(row["Query"], row["Rank"]) for row in rows] == [
        *(("a river", "1"), ("a river", "2"), ("a town", "1"), ("a town", "2"))
    ]


def test_search_shows_a_table(terralex: Run, pictures: Path) -> None:
    code, out, _ = terralex("search", pictures, "-q", "a river", "--top-k", "2", "--format", "table")
    assert code == 3
    lines = out.splitlines()
    assert lines[0].split() == ["query", "position", "score", "image"]
    assert [line.split()[:3] for line in lines[2:4]] == [["a", "river", "1"], ["a", "river", "2"]]
    assert "4.jpg" in lines[4]


def test_a_list_and_standard_input_name_files(
    terralex: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "files.txt").write_text(f"{pictures / '0.png'}\n{pictures / '1.png'}\n")
    code, out, _ = terralex("classify", f"@{tmp_path / 'files.txt'}", "-l", "water,town")
    assert (code, len(table(out))) == (0, 2)
    with (tmp_path / "files.txt").open() as listed:
        monkeypatch.setattr("sys.stdin", listed)
        code, out, _ = terralex("classify", "-", "-l", "water,town")
    assert (code, len(table(out))) == (0, 2)


def test_a_second_run_loses_nothing(terralex: Run, pictures: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    arguments = ("classify", pictures / "0.png", "-l", "water,town", "-o", output)
    assert terralex(*arguments)[0] == 0
    before = output.read_bytes()
    code, _, err = terralex(*arguments)
    assert code == 2
    assert "--overwrite" in err
    assert output.read_bytes() == before
    assert terralex(*arguments, "--resume")[0] == 2
    assert terralex(*arguments, "--overwrite")[0] == 0
    assert output.read_bytes() == before


def test_doctor_tells_what_is_there(terralex: Run) -> None:
    code, out, _ = terralex("doctor", model=None)
    assert code == 0
    for word in (
        "terralex",
        "python",
        "torch",
        "cpu",
        "auto",
        "cache",
        "Hugging Face",
        "pocket",
        "bioclip-2",
    ):
        assert f"\n  {word} " in out
    assert "cores" in out


@pytest.mark.parametrize(
    ("verb", "name"), [("quickstart", "inputs"), ("classify", "inputs"), ("map", "sequence")]
)
def test_what_a_verb_works_on_is_an_argument(verb: str, name: str) -> None:
    parameters = typer.main.get_command(app).commands[verb].params  # type: ignore[attr-defined]
    assert [each.name for each in parameters if each.param_type_name == "argument"] == [name]

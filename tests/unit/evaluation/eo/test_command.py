"""`terralex evaluate eo` as a user meets it."""

import csv
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq

from terralex.evaluation.eo import load_dataset

from ....processes import Starter
from .conftest import Run
from .make_datasets import L2A, planes, write_raster

COLUMNS = [
    *("dataset", "split", "model", "revision", "templates", "metric", "label"),
    *("value", "low", "high", "n", "seconds", "path", "error"),
]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_table_a_run(evaluate: Run, made: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    names = ("--datasets", "METERML_MS,ForestNet_RGB", "--datasets", "BigEarthNet_MS")
    code, out, err = evaluate("--data", made / "official", *names, "--templates", "plain", "-o", output)
    assert (code, err) == (0, "")
    found = rows(output)
    assert list(found[0]) == COLUMNS
    assert {row["dataset"] for row in found} == {"METERML_MS", "ForestNet_RGB", "BigEarthNet_MS"}
    assert {(row["split"], row["model"], row["templates"]) for row in found} == {("test", "tiny", "plain")}
    value = {(row["dataset"], row["metric"]): row for row in found if not row["label"]}
    top1 = value["METERML_MS", "top1"]
    assert (top1["n"], float(top1["low"]) <= float(top1["value"]) <= float(top1["high"])) == ("14", True)
    assert f"{100 * float(top1['value']):.1f}" in out
    for metric in ("top5", "macro_recall", "map@100", "map@100_published", "text_to_image_r@10"):
        assert ("METERML_MS", metric) in value
    assert {("BigEarthNet_MS", "multilabel_accuracy"), ("BigEarthNet_MS", "map")} <= set(value)
    assert len([row for row in found if (row["dataset"], row["metric"]) == ("METERML_MS", "recall")]) == 7
    assert "Beside published figures" in out
    assert "| Llama3-MS-CLIP | 48.1 | 59.6 |" in output.with_suffix(".md").read_text()
    assert "~44.7" in output.with_suffix(".html").read_text()
    with PIL.Image.open(output.with_suffix(".png")) as picture:
        assert picture.format == "PNG"
    assert output.with_suffix(".vectors.parquet").is_file()


def test_what_is_there_is_not_replaced(evaluate: Run, made: Path, tmp_path: Path) -> None:
    arguments = ("--data", made / "msclip", "--datasets", "RSICD", "-o", tmp_path / "out.csv")
    assert evaluate(*arguments)[0] == 0
    code, _, err = evaluate(*arguments)
    assert (code, "--overwrite" in err) == (2, True)
    assert evaluate(*arguments, "--overwrite")[0] == 0
    assert evaluate(*arguments, "--resume")[0] == 2, "it is finished"


def test_a_bad_picture_is_an_error_row(evaluate: Run, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "msclip" / "ForestNet_RGB", tmp_path / "ForestNet_RGB")
    bad = tmp_path / "ForestNet_RGB" / "examples" / "0.2_110.5" / "images" / "visible" / "composite.png"
    bad.write_text("no picture")
    output = tmp_path / "out.csv"
    code, out, err = evaluate("--data", tmp_path, "--datasets", "ForestNet_RGB", "-o", output)
    assert code == 3
    assert f"terralex: {bad}: its content is no image" in err
    assert "3 of 4" in out
    (error,) = [row for row in rows(output) if row["metric"] == "error"]
    assert (error["path"], error["dataset"]) == (str(bad), "ForestNet_RGB")
    assert {row["n"] for row in rows(output) if row["metric"] == "top1"} == {"3"}


def test_as_published_says_so(evaluate: Run, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "msclip" / "EuroSAT_MS_sequential", tmp_path / "EuroSAT_MS")
    arguments = ("--data", tmp_path, "--datasets", "EuroSAT_MS")
    code, _, err = evaluate(*arguments)
    assert (code, "pass --datasets EuroSAT_MS_sequential" in err) == (2, True)
    code, out, _ = evaluate(*arguments, "--as-published")
    assert (code, "as published: bands are taken in sequential order" in out) == (0, True)
    assert "Prompt templates: msclip" in out


def test_an_rgb_model_gets_clipped_pictures_and_wrapped_ones_as_published(
    evaluate: Run, tmp_path: Path, rgb_model: str
) -> None:
    """What is brighter than 2000 is white to it, and all of it alike; as published the bright ones differ."""
    bright = {"Landfills": 2600, "Mines": 5200}  # that much reflectance, x 10000
    for name, dn in bright.items():
        write_raster(tmp_path / "METERML_RGB" / name / "1.tif", np.full((12, 24, 24), dn, np.uint16))
        write_raster(tmp_path / "METERML_MS" / name / "1.tif", np.full((12, 24, 24), dn, np.uint16))
    vectors = {}
    for flag in ((), ("--as-published",)):
        output = tmp_path / f"out{len(flag)}.csv"
        code, out, _ = evaluate("--data", tmp_path, "--model", rgb_model, "-o", output, *flag)
        assert code == 0
        assert {row["dataset"] for row in rows(output)} == {"METERML_RGB"}, "it is no multispectral model"
        table = pq.read_table(output.with_suffix(".vectors.parquet"))
        first, second = (np.array(vector) for vector in table["vector"].to_pylist())
        vectors[flag] = float(np.abs(first - second).max())
        assert ("values above 2000 start again at 0" in out) == bool(flag)
    assert vectors[()] == 0
    assert vectors["--as-published",] > 1e-4


def test_wrong_use(evaluate: Run, made: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (("--data", tmp_path / "none"), "no folder"),
        (("--data", tmp_path), "no data set that suits the model is in"),
        (("--data", made, "--datasets", "EuroSAT"), "did you mean EuroSAT_MS"),
        (
            ("--data", made, "--datasets", "AID_RGB"),
            "AID_RGB is not there: looked for AID_RGB/<class>/<picture>",
        ),
        (("--data", made / "msclip", "--datasets", "AID_RGB", "--split", "val"), "no list of the split val"),
        (("--data", made / "msclip", "--datasets", "AID_RGB", "--templates", "none"), "no prompt templates"),
        (("--data", made / "msclip", "-o", tmp_path / "out.txt"), "end it in .csv"),
        (("--data", made / "msclip", "--resume"), "--resume needs an output file"),
    ):
        code, out, err = evaluate(*arguments)
        assert (code, out) == (2, ""), arguments
        assert message in err
    assert not list(tmp_path.iterdir())


def test_the_example_in_the_documents(evaluate: Run, tmp_path: Path) -> None:
    """What CONTRIBUTING shows is ten lines, and a user's own data runs with it."""
    text = (Path(__file__).parents[4] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(title: .*?)```", text, flags=re.DOTALL)
    assert len(example.splitlines()) <= 10
    description = tmp_path / "my" / "parcels.yaml"
    description.parent.mkdir()
    description.write_text(example)
    for k, name in enumerate(("wheat", "vineyard", "fallow")):
        for i in range(3):
            write_raster(tmp_path / "data" / "parcels" / name / f"{name}{i}.tif", planes(L2A, k, i))
    (tmp_path / "data" / "parcels-test.txt").write_text("wheat0.tif\nvineyard1.tif\nfallow2.tif\n")
    output = tmp_path / "out.csv"
    code, out, _ = evaluate("--data", tmp_path / "data", "--datasets", description, "-o", output)
    assert code == 0
    assert "Beside published figures" not in out, "there are none"
    (top1,) = [row for row in rows(output) if row["metric"] == "top1"]
    assert (top1["dataset"], top1["split"], top1["n"]) == ("parcels", "test", "3")
    assert load_dataset(str(description)).classes == {
        "wheat": "a field of wheat",
        "vineyard": "a vineyard",
        "fallow": "bare soil",
    }


def test_a_table_of_ones_own(evaluate: Run, tmp_path: Path) -> None:
    """Several labels in a cell, a column that tells the split, and pictures in red, green and blue."""
    (tmp_path / "roofs.yaml").write_text(
        "title: Roofs\nlabels: several\nclasses: [tiles, solar panels, snow]\nlayouts:\n"
        '  - {table: roofs.csv, image: "pictures/{name}.png", label: shows, separator: ";", split: part}\n'
    )
    (tmp_path / "pictures").mkdir()
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / "pictures" / f"{i}.png")
    table = "name,shows,part\n0,tiles,train\n1,tiles; snow,test\n2,solar panels,test\n3,snow,val\n"
    (tmp_path / "roofs.csv").write_text(table)
    output = tmp_path / "out.csv"
    code, _, _ = evaluate("--data", tmp_path, "--datasets", tmp_path / "roofs.yaml", "-o", output)
    assert code == 0
    values = {(row["metric"], row["label"]): row for row in rows(output)}
    assert values["multilabel_accuracy", ""]["n"] == "2"
    assert values["ap", "snow"]["n"] == "1"


def test_a_killed_run_goes_on(
    evaluate: Run, made: Path, tmp_path: Path, tiny_model: str, start: Starter
) -> None:
    """SIGKILL after the first batches; --resume ends with the figures of a run that was left alone."""
    names = ("--datasets", "EuroSAT_MS", "--batch-size", "1", "--workers", "1")
    output = tmp_path / "out.csv"
    run = start(
        "terralex", "evaluate", "eo", "--data", made / "msclip", *names, "--model", tiny_model, "-o", output
    )
    record = output.with_suffix(".vectors.parquet.progress")
    run.wait_until(lambda: record.exists() and b'"chunks": 0' not in record.read_bytes())
    assert run.send(signal.SIGKILL) == -signal.SIGKILL
    data = ("--data", made / "msclip", *names)
    code, _, err = evaluate(*data, "-o", output)
    assert (code, "is unfinished: pass --resume to go on" in err) == (2, True)
    assert evaluate(*data, "-o", output, "--resume")[0] == 0
    assert evaluate(*data, "-o", tmp_path / "whole.csv")[0] == 0
    without_time = [
        [{key: value for key, value in row.items() if key != "seconds"} for row in rows(path)]
        for path in (output, tmp_path / "whole.csv")
    ]
    assert without_time[0] == without_time[1]

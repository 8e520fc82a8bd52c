"""Whole benchmarks: pictures and tables in, figures out."""

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest
import torch

from terralex.evaluation import evaluate_ordering, evaluate_taxonomy, published_table
from terralex.geometry import Lorentz
from terralex.metrics.curves import STOPPING, Curve, make_curves
from terralex.metrics.ordering import measure_ordering, number_texts
from terralex.models import Model
from terralex.models.networks import build
from terralex.reports.curve_chart import draw_curves
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions
from terralex.taxonomy import make_taxonomy

from .conftest import LINEAGES, PICTURES


@pytest.fixture
def ordered(inat: Path, tmp_path: Path) -> Path:
    """The pictures with their lineages as chains, the first with two, and a file that is no picture."""
    table = tmp_path / "order_dataset.csv"
    with table.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["img_fn", "captions"])
        for folder, names in zip(sorted((inat / "val").iterdir()), LINEAGES, strict=True):
            for path in sorted(folder.iterdir()):
                out.writerow([path, " => ".join(" ".join(names[:end]) for end in range(1, 8))])
        out.writerow([sorted((inat / "val").rglob("*.png"))[0], "life => bird => black bird"])
        out.writerow([table, "nothing => at all"])
    return table


def lorentz_of(model: Model) -> Model:
    card = replace(model.card, geometry="lorentz", root=None)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Model(card, *build(card))


UNCACHED = RunOptions(cache=False)  # models of one name and different weights


@pytest.mark.parametrize("hyperbolic", [False, True])
def test_ordering_is_measured_with_the_models_geometry(model: Model, ordered: Path, hyperbolic: bool) -> None:
    used = lorentz_of(model) if hyperbolic else model
    run = evaluate_ordering(
        used, ordered, root=None if hyperbolic else "life", steps=20, resamples=50, run=UNCACHED
    )
    assert (run.layout, run.root) == ("rcme", None if hyperbolic else "life")
    assert (run.report.images, run.report.references) == (4 * PICTURES, 4 * PICTURES + 1)
    ((path, reason),) = run.errors
    assert (path, reason[:22]) == (str(ordered), "its content is no imag")

    with ordered.open(newline="") as file:
        rows = [(row["img_fn"], row["captions"].split(" => ")) for row in csv.DictReader(file)][:-1]
    files = list(dict.fromkeys(name for name, _ in rows))
    texts, references = number_texts([names for _, names in rows])
    points, images = used.encode_texts(texts), used.encode_images(files)
    if hyperbolic:
        space = used.geometry
        assert isinstance(space, Lorentz)
        depths, queries, keys = space.depth(points), space.queries(images), space.keys(points)
    else:
        depths = torch.linalg.vector_norm(points - used.encode_texts(["life"]), dim=1)
        queries, keys = images, points
    image_of = torch.tensor([files.index(name) for name, _ in rows])
    expected = measure_ordering(queries, keys, depths, references, image_of, steps=20, resamples=50)
    for name in ("tau", "precision", "recall", "f1"):
        assert getattr(run.report, name) == pytest.approx(getattr(expected, name)), name
    assert [row["n"] for row in run.rows()] == [25, 24, 24, 24]


def test_the_root_is_the_benchmarks_where_the_model_has_none(model: Model, ordered: Path, inat: Path) -> None:
    flat = Model(replace(model.card, geometry="cosine", root=None), model.network, model.tokenizer)
    assert evaluate_ordering(flat, ordered, resamples=1).root == "Eukarya"
    table = ordered.with_name("hierarcaps_test.csv")
    table.write_text("image_url,captions\nx/0.png,food => cake\nx/1.png,food => tea\n")
    images = inat / "val" / sorted(path.name for path in (inat / "val").iterdir())[0]
    run = evaluate_ordering(flat, table, images=images, resamples=1)
    assert (run.layout, run.root, run.texts) == ("hierarcaps", "", 3)
    round_ = Model(replace(model.card, geometry="radial", root="life"), model.network, model.tokenizer)
    assert evaluate_ordering(round_, table, images=images, resamples=1).root == "life"
    with pytest.raises(UsageError, match="--root"):
        evaluate_ordering(lorentz_of(model), table, images=images, root="life")


def test_a_benchmark_whose_pictures_are_mostly_missing_is_refused(
    model: Model, inat: Path, rare: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "o.csv").write_text("img_fn,captions\na.jpg,x => y\nb.jpg,x\nc.jpg,x\n")
    with pytest.raises(UsageError, match=r"2 of 3 pictures are missing, the first being .*b\.jpg; --images"):
        evaluate_ordering(model, tmp_path / "o.csv", root="")
    with pytest.raises(UsageError, match=r"24 of 24 pictures are missing, .*--images"):
        evaluate_taxonomy(model, rare)
    (tmp_path / "o.csv").write_text("img_fn,captions\na.jpg,x => y\n")
    with pytest.raises(UsageError, match=r"only 0 of 1 pictures can be read; .*a\.jpg: an empty file"):
        evaluate_ordering(model, tmp_path / "o.csv", root="")


def test_layouts_give_the_same_figures(model: Model, inat: Path, rare: Path) -> None:
    run = evaluate_taxonomy(model, inat)
    assert (run.layout, run.report.images, run.report.errors) == ("inat21", 4 * PICTURES, ())
    other = evaluate_taxonomy(model, rare, images=inat)
    assert (other.layout, other.report) == ("rare-species", run.report)
    kingdom = run.report.ranks[0]
    weights = model.encode_texts(["Animalia", "Plantae"])
    files = sorted((inat / "val").rglob("*.png"))
    told = (model.geometry.queries(model.encode_images(files)) @ model.geometry.keys(weights).T).argmax(dim=1)
    truth = torch.tensor([int(path.parent.name.startswith("00003")) for path in files])
    assert kingdom.top1 == pytest.approx(float((told == truth).double().mean()))


def test_bad_pictures_cost_themselves(model: Model, inat: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(inat / "val", data)
    bad = sorted(data.rglob("*.png"))[3]
    bad.write_text("no picture")
    run = evaluate_taxonomy(model, data)
    assert run.report.images == 4 * PICTURES - 1
    assert [path for path, _ in run.report.errors] == [str(bad)]
    assert run.notes == ("Measured on 23 of 24 pictures: not comparable with figures of all of them.",)
    for path in data.rglob("*.png"):
        path.write_text("no picture")
    with pytest.raises(UsageError, match="only 0 of 24 pictures can be read"):
        evaluate_taxonomy(model, data)


def test_calibration_knows_what_it_is_of(model: Model, inat: Path) -> None:
    wider = make_taxonomy([*LINEAGES, ("Fungi", "Basidiomycota", "A", "B", "C", "D", "e")])
    run = evaluate_taxonomy(model, inat, taxonomy=wider, templates="plain")
    learned = run.calibrate()
    assert (learned.model, learned.revision, learned.ranks) == (model.name, model.revision, wider.ranks)
    assert (learned.taxonomy, learned.templates) == (wider.digest, run.templates)
    assert learned.count == 2 * PICTURES
    with pytest.raises(UsageError, match="needs the labels prefix, not name"):
        replace(run, style="name").calibrate()


def test_curves_end_with_all_pictures_answered(model: Model, inat: Path, tmp_path: Path) -> None:
    run = evaluate_taxonomy(model, inat)
    curves = make_curves(run.report.answers, run.taxonomy.ranks, run.calibrate())
    assert [curve.name for curve in curves] == [*run.taxonomy.ranks, STOPPING]
    for curve, rank in zip(curves, run.report.ranks, strict=False):
        assert curve.coverage[-1] == 1
        assert curve.risk[-1] == pytest.approx(1 - rank.rolled_up)
        assert list(curve.coverage) == sorted(set(curve.coverage))
        assert list(curve.thresholds) == sorted(set(curve.thresholds), reverse=True)
        for row in curve.rows():
            confidence = run.report.answers.confidence[:, run.taxonomy.ranks.index(curve.name)]
            assert float((confidence >= row["threshold"]).double().mean()) == pytest.approx(row["coverage"])
            assert row["risk"] <= row["bound"] <= 1  # type: ignore[operator]
    picture = PIL.Image.open(io.BytesIO(draw_curves(curves, "model on data", "some pictures")))
    assert picture.convert("RGB").getcolors(100) is None, "lines in many colours are on it"


@pytest.mark.parametrize("risk", [0.0, 0.004, 0.5, 1.0])
def test_any_curve_can_be_drawn(risk: float) -> None:
    single = Curve("species", (0.5,), (1.0,), (risk,), (1.0,))
    for curves in ([single], []):
        assert PIL.Image.open(io.BytesIO(draw_curves(curves, "title", ""))).width > 1000


def test_long_curves_are_thinned() -> None:
    from terralex.metrics.calibration import calibrate
    from terralex.metrics.taxa import Answers

    confidence = torch.rand(5000, 2, generator=torch.Generator().manual_seed(0))
    correct, known = torch.rand(5000, 2) < confidence, torch.ones(5000, 2, dtype=torch.bool)
    known[:, 1] = False
    first, stopping = make_curves(
        Answers(confidence, correct, known), ("genus", "species"), calibrate(confidence, correct, ("g", "s"))
    )
    assert first.name == "genus", "no picture says which species it shows"
    assert len(first.risk) == 200
    assert first.coverage[0] == pytest.approx(1 / 200)
    assert stopping.name == STOPPING


def test_published_tables_are_whole() -> None:
    for name in ("ordering-rcme", "ordering-hierarcaps", "taxonomy-inat21"):
        table = published_table(name)
        assert table.source
        assert all(len(row) == len(table.columns) for row in table.rows.values())
        assert all(v is None or -1 <= v <= 1 for row in table.rows.values() for v in row)
    for name in ("ordering-rcme", "ordering-hierarcaps"):
        for _, precision, recall, f1 in published_table(name).rows.values():
            assert f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=0.0015)  # type: ignore[operator]

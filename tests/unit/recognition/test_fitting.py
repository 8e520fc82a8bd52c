"""Classes learned from labelled examples: the maths on small worlds, and the whole on small pictures."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.linear_model import Ridge

import terralex
from terralex.cli.app import run
from terralex.recognition.fitting import learn as learning
from terralex.recognition.fitting.build import Samples, advice, build_fit
from terralex.recognition.fitting.examples import Example, gather
from terralex.recognition.fitting.fitfile import Fit, Origin, load_fit
from terralex.recognition.fitting.folds import make_folds, near_duplicates
from terralex.recognition.fitting.logistic import LogisticRegression, cross_entropy
from terralex.recognition.fitting.novelty import threshold
from terralex.recognition.fitting.reading import read_examples
from terralex.recognition.fitting.ridge import PENALTIES, RidgeSums
from terralex.recognition.fitting.space import Space
from terralex.recognition.fitting.suggest import suggest
from terralex.recognition.fitting.suspects import find_suspects
from terralex.recognition.fitting.validation import validate
from terralex.recognition.items import Item

ORIGIN = Origin("images", "tiny", "0", (("red", "green", "blue"),))


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, np.ndarray]:
    """120 unit vectors of three classes that overlap a little."""
    generator = np.random.default_rng(0)
    targets = np.arange(120) % 3
    centres = generator.normal(size=(3, 8))
    vectors = centres[targets] + 0.8 * generator.normal(size=(120, 8)) + 3
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), targets


def samples(world: tuple[np.ndarray, np.ndarray]) -> Samples:
    vectors, targets = world
    names = [(f"{index}.png", None) for index in range(len(targets))]
    return Samples(vectors, targets, ("a", "b", "c"), names, None, None, "made")


@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_logistic_regression_minimises_what_scikit_learn_does(
    world: tuple[np.ndarray, np.ndarray], strength: float
) -> None:
    vectors, targets = world
    x = Space.of(vectors)(vectors)
    extended = np.hstack([x, np.ones((len(x), 1))])
    reference = Reference(C=strength, fit_intercept=False, tol=1e-6).fit(extended, targets).coef_
    found = LogisticRegression(x, targets, np.zeros((len(x), 3))).solve(strength)

    def objective(weights: np.ndarray) -> float:
        return strength * cross_entropy(extended @ weights.T, targets) + np.square(weights).sum() / 2

    assert objective(found) == pytest.approx(objective(reference), rel=1e-3)


def test_a_strong_penalty_leaves_the_known_logits(world: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, targets = world
    x = Space.of(vectors)(vectors)
    known = np.random.default_rng(1).normal(size=(len(x), 3)).astype(np.float32)
    assert np.abs(LogisticRegression(x, targets, known).solve(1e-6)).max() < 1e-3


def test_ridge_from_sums_is_ridge(world: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, targets = world
    x = vectors.astype(np.float64)
    folds = np.arange(len(x)) % 4
    sums = RidgeSums(8, 3, 4)
    for rows in (slice(0, 50), slice(50, 120)):
        sums.add(x[rows], targets[rows], folds[rows])
    rest, held_out = folds != 2, folds == 2
    alpha = PENALTIES[3] * np.cov(x[rest].T, bias=True).trace() / 8 * rest.sum()
    reference = Ridge(alpha=alpha).fit(x[rest], np.eye(3)[targets[rest]])
    weights = sums.solve(2)[3]
    np.testing.assert_allclose(weights[:, :-1], reference.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(weights[:, -1], reference.intercept_, rtol=1e-6, atol=1e-9)
    errors = np.eye(3)[targets[held_out]] - reference.predict(x[held_out])
    assert sums.squared_error(2, weights) == pytest.approx(np.square(errors).sum(), rel=1e-6)


def test_many_examples_are_learned_by_ridge(
    world: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "RIDGE_ROWS", 100)
    fit = build_fit(samples(world), ORIGIN)
    assert fit.summary.method == "ridge"
    assert fit.summary.validation is not None
    assert (fit.summary.validation.accuracy.value or 0) > 0.7
    predicted = fit.probabilities(world[0]).argmax(axis=1)
    assert (predicted == world[1]).mean() > 0.7


def test_folds_keep_groups_and_classes_together() -> None:
    targets = np.repeat([0, 1, 2], 20)
    groups = np.arange(60) // 4
    folds = make_folds(targets, groups)
    assert folds is not None
    assert all(len(np.unique(folds[groups == group])) == 1 for group in range(15))
    plain = make_folds(targets, None)
    assert plain is not None
    assert (np.bincount(plain * 3 + targets) == 4).all()
    assert make_folds(np.array([0, 1]), None) is None
    assert make_folds(targets, np.zeros(60, np.int64)) is None


def test_near_duplicates_in_different_parts_are_reported(world: tuple[np.ndarray, np.ndarray]) -> None:
    vectors = world[0].copy()
    vectors[7] = vectors[3] + 1e-5
    vectors[8] = vectors[4] + 1e-5
    folds = np.zeros(120, np.int64)
    folds[7] = 1
    pairs, compared = near_duplicates(vectors, folds)
    assert [(pair.first, pair.second) for pair in pairs if pair.correlation > 0.9999] == [(3, 7)]
    assert compared == 120


def test_validation_counts_and_has_intervals() -> None:
    targets = np.array([0] * 40 + [1] * 60)
    predicted = np.array([0] * 30 + [1] * 10 + [1] * 54 + [0] * 6)
    probabilities = np.where(np.eye(3)[predicted] > 0, 0.8, 0.1)
    found = validate(probabilities, targets, np.arange(100) % 5, np.arange(100) // 5, ("a", "b", "c"))
    assert found.confusion == ((30, 10, 0), (6, 54, 0), (0, 0, 0))
    assert found.accuracy.value == pytest.approx(0.84)
    assert found.classes[0].recall.value == pytest.approx(0.75)
    assert found.classes[0].precision.value == pytest.approx(30 / 36)
    assert found.macro_recall.value == pytest.approx((0.75 + 0.9) / 2)
    assert found.classes[2].recall.value is None
    assert found.groups == 20
    assert found.accuracy.low is not None
    assert found.accuracy.high is not None
    assert 0.6 < found.accuracy.low < 0.84 < found.accuracy.high <= 1
    assert found.calibration_error == pytest.approx(0.04)


def test_the_threshold_is_exceeded_at_the_stated_rate() -> None:
    distances = np.arange(1, 20, dtype=np.float64)
    assert threshold(distances, 0.05) == 19
    assert threshold(distances[:18], 0.05) is None
    assert threshold(np.arange(1, 100, dtype=np.float64), 0.1) == 90


def test_a_wrong_label_is_found() -> None:
    probabilities = np.full((30, 2), 0.1)
    targets = np.arange(30) % 2
    probabilities[np.arange(30), targets] = 0.9
    probabilities[4] = 0.95, 0.05
    targets[4] = 1
    suspects = find_suspects(probabilities, targets)
    assert [(one.example, one.predicted) for one in suspects] == [(4, 0)]


def test_suggestions_are_uncertain_and_differ() -> None:
    x = np.array([[1, 0], [1, 0.01], [0, 1], [-1, 0], [0.1, 0.1]], np.float64)
    probabilities = np.array([[0.5, 0.5], [0.5, 0.5], [0.55, 0.45], [1, 0], [0.5, 0.5]])
    assert suggest(probabilities, x, 2) == [1, 2]
    assert sorted(suggest(probabilities, x, 9)) == [0, 1, 2, 3, 4]


def test_words_help_where_examples_are_few() -> None:
    generator = np.random.default_rng(0)
    texts = np.linalg.qr(generator.normal(size=(32, 32)))[0][:4].astype(np.float32)
    targets = np.arange(400) % 4
    vectors = texts[targets] + 0.25 * generator.normal(size=(400, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    few = Samples(
        vectors[:8], targets[:8], tuple("abcd"), [(str(i), None) for i in range(8)], None, None, "made"
    )

    def accuracy(fit: Fit) -> float:
        return float((fit.probabilities(vectors[8:]).argmax(axis=1) == targets[8:]).mean())

    with_words = build_fit(few, ORIGIN, texts=20 * texts)
    assert with_words.summary.text_share > 0
    assert accuracy(with_words) > accuracy(build_fit(few, ORIGIN)) + 0.05


def test_a_fit_is_a_file_without_code(world: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    fit = build_fit(samples(world), ORIGIN)
    fit.save(tmp_path / "my.fit")
    again = load_fit(tmp_path / "my.fit")
    assert (again.labels, again.origin, again.summary) == (fit.labels, fit.origin, fit.summary)
    np.testing.assert_array_equal(again.probabilities(world[0]), fit.probabilities(world[0]))
    unlike = fit.is_unlike(world[0])
    np.testing.assert_array_equal(again.is_unlike(world[0]), unlike)
    assert unlike.mean() <= 0.1
    assert fit.is_unlike(-world[0]).all()
    with pytest.raises(terralex.UsageError, match=r"none\.fit does not exist"):
        load_fit(tmp_path / "none.fit")
    (tmp_path / "bad.fit").write_bytes((tmp_path / "my.fit").read_bytes()[:-9])
    with pytest.raises(terralex.TerralexError, match=r"bad\.fit is no fit"):
        load_fit(tmp_path / "bad.fit")
    later = (tmp_path / "my.fit").read_bytes().replace(b'{\\"format\\": 1,', b'{\\"format\\": 9,')
    (tmp_path / "later.fit").write_bytes(later)
    with pytest.raises(terralex.TerralexError, match="its format is 9"):
        load_fit(tmp_path / "later.fit")


def test_few_examples_are_said_to_be_few(world: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, targets = world
    fit = build_fit(samples((vectors[:3], targets[:3])), ORIGIN)
    assert fit.summary.validation is None
    assert any("neither validated nor calibrated" in line for line in advice(fit))
    with pytest.raises(terralex.UsageError, match="no example that can be used of c"):
        build_fit(samples((vectors[:2], targets[:2])), ORIGIN)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["forest", "Forest", "town"], r"'forest' \(example 0\) and 'Forest' \(example 1\) differ only in"),
        (["town", "town"], "all examples are 'town'"),
        ([None, None], "no example has a label"),
    ],
)
def test_labels_are_checked(labels: list[str | None], message: str) -> None:
    rows = [Example(Item(str(i), str(i)), label) for i, label in enumerate(labels)]
    with pytest.raises(terralex.UsageError, match=message):
        gather(rows, "made")


def test_tables_are_read_and_errors_name_the_line(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text('path,window,label,site\na.png,"0,0,8,8",town,x\na.png,,forest,y\nb.png,,,y\n')
    found = read_examples(table, group_by="site")
    assert found.labels == ("forest", "town")
    assert found.items[0].window == (0, 0, 8, 8)
    assert found.items[0].name == str(tmp_path / "a.png")
    assert [item.name for item in found.unlabelled] == [str(tmp_path / "b.png")]
    assert found.groups is not None
    assert found.groups.tolist() == [0, 1]
    same = read_examples(table, group_by="scene").groups
    assert same is not None
    assert same.tolist() == [0, 0]
    with pytest.raises(terralex.UsageError, match="no column 'place' to group by"):
        read_examples(table, group_by="place")
    with pytest.raises(terralex.UsageError, match="no column 'kind'"):
        read_examples(table, label_column="kind")
    table.write_text("path,label\na.png,town\n../b.png,forest\n")
    with pytest.raises(terralex.UsageError, match="line 3 names a file outside"):
        read_examples(table)
    table.write_text("path,window,label\na.png,nine,town\n")
    with pytest.raises(terralex.UsageError, match="line 2: the window 'nine'"):
        read_examples(table)
    with pytest.raises(terralex.UsageError, match="does not exist"):
        read_examples(tmp_path / "absent.csv")


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `red` and `green` of twelve small pictures each, one of them damaged."""
    folder = tmp_path_factory.mktemp("coloured")
    for channel, name in enumerate(("red", "green")):
        (folder / name).mkdir()
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 90, (24, 24, 3), dtype=np.uint8)
            pixels[..., channel] += 120
            PIL.Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "red" / "12.png").write_text("no picture")
    return folder


def test_fit_and_classify_on_the_command_line(
    coloured: Path, tiny_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted, model = tmp_path / "my.fit", ["--model", tiny_model]
    page = tmp_path / "fit.html"
    assert run(["fit", str(coloured), "-o", str(fitted), "--report", str(page), *model]) == 3
    assert "How well each class is recognised" in page.read_text()
    output = capsys.readouterr()
    assert "12.png" in output.err
    assert output.out.startswith("label,examples,precision,")
    assert "red,12," in output.out
    assert run(["fit", str(coloured), "-o", str(fitted), *model]) == 2
    capsys.readouterr()

    pictures = [str(coloured / "red" / "3.png"), str(coloured / "green" / "3.png")]
    assert run(["classify", *pictures, "--labels", str(fitted), *model]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["red", "green"]
    assert run(["classify", *pictures, "--labels", str(fitted), "--model", "pocket"]) == 2
    assert "was made with tiny" in capsys.readouterr().err

    found = ["search", str(coloured), "--like-class", "green", "--top-k", "3", *model]
    assert run([*found, "--labels", str(fitted)]) == 3
    hits = capsys.readouterr().out.splitlines()[1:4]
    assert all(hit.startswith("green,") and "green" in hit.split(",")[2] for hit in hits)
    assert run([*found, "--labels", str(fitted), "--like-class", "blue"]) == 2
    assert "has no class 'blue', only green, red" in capsys.readouterr().err
    assert run(found) == 2
    capsys.readouterr()

    listed = ["--suggest", "2", "--unlabelled", str(coloured / "green")]
    assert run(["fit", str(coloured), *listed, *model]) == 3
    suggestions = capsys.readouterr().out.splitlines()
    assert suggestions[0] == "position,path,window,label,score"
    assert len(suggestions) == 3


def test_fit_in_python_is_as_in_scikit_learn(coloured: Path, tiny_model: str, tmp_path: Path) -> None:
    import pandas as pd

    paths = [str(path) for name in ("red", "green") for path in sorted((coloured / name).glob("?.png"))]
    table = pd.DataFrame({"path": paths, "label": [Path(path).parent.name for path in paths]})
    classifier = terralex.fit(table, model=tiny_model)
    assert classifier.classes_.tolist() == ["green", "red"]
    probabilities = classifier.predict_proba(table)
    assert list(probabilities.columns) == ["green", "red"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (classifier.predict(paths) == table["label"]).all()
    damaged = classifier.predict_proba([paths[0], str(coloured / "red" / "12.png")])
    assert np.isnan(damaged[1]).all()
    assert np.isfinite(damaged[0]).all()

    classifier.save(tmp_path / "my.fit")
    rows = list(terralex.classify(paths[:1], tmp_path / "my.fit", model=tiny_model))
    assert rows[0].label == "red"
    ten_bands = np.random.default_rng(0).integers(300, 4000, (10, 24, 24)).astype(np.float32)
    (row,) = terralex.classify(
        terralex.Image.from_array(ten_bands, bands="msclip", units="dn"), classifier.fit_, model=tiny_model
    )
    assert row.error is not None
    assert "learned from the bands" in row.error


def test_vectors_can_be_learned_from(tiny_model: str) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(40, 256)).astype(np.float32)
    labels = np.where(vectors[:, 0] > 0, "high", "low")
    vectors[:, 0] *= 10
    classifier = terralex.fit(vectors, labels, model=tiny_model, start="none")
    assert classifier.score(vectors, labels) > 0.95

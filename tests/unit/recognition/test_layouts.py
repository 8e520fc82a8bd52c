import pytest

from terralex.recognition import Hit, Prediction, layouts
from terralex.recognition.records import window_from_text, window_text
from terralex.runtime import UsageError, Vector

SCORES = {"water": 0.75, "town": 0.25}
GOOD = Prediction("a/b.tif", (0, 1, 2, 3), "water", 1, 0.75, SCORES, "tiny", "no B01", None)
BAD = Prediction("a/c.tif", model="tiny", error="an empty file")


def test_predictions() -> None:
    columns = layouts.prediction_columns()
    assert list(columns) == [
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
    wide = layouts.prediction_columns(["water", "town"])
    assert list(wide)[4:7] == ["score", "score:water", "score:town"]
    row = layouts.prediction_row(GOOD)
    assert list(row.values()) == [
        "a/b.tif",
        "0,1,2,3",
        "water",
        1,
        0.75,
        0.75,
        0.25,
        None,
        "tiny",
        "no B01",
        None,
    ]
    assert row.keys() == wide.keys()
    assert layouts.prediction_row(BAD)["error"] == "an empty file"


def test_a_label_called_like_a_column_is_no_trouble() -> None:
    assert list(layouts.prediction_columns(["error"]))[-4:] == ["in_domain", "model", "notes", "error"]
    assert "score:error" in layouts.prediction_columns(["error"])


def test_predictions_as_the_reference_has_them() -> None:
    assert list(layouts.msclip_prediction_columns(["water", "town"])) == [
        "",
        "Image",
        "Class",
        "water",
        "town",
    ]
    second = Prediction("a/b.tif", None, "town", 2, 0.25, SCORES)
    assert layouts.msclip_prediction_rows([GOOD, second, BAD], 7) == [
        {"": 7, "Image": "b.tif", "Class": "water", "water": 0.75, "town": 0.25},
        {"": 8, "Image": "c.tif", "Class": None},
    ]
    with pytest.raises(UsageError, match="called Class"):
        layouts.msclip_prediction_columns(["Class"])


def test_hits_as_the_reference_has_them() -> None:
    hits = [
        Hit("a river", 1, "a/b.tif", None, 0.5, "tiny"),
        Hit(None, None, "a/c.tif", error="an empty file"),
    ]
    assert list(layouts.MSCLIP_HIT_COLUMNS) == ["Query", "Rank", "Image", "Similarity"]
    assert layouts.msclip_hit_rows(hits) == [
        {"Query": "a river", "Rank": 1, "Image": "b.tif", "Similarity": 0.5}
    ]
    assert layouts.hit_row(hits[1]).keys() == layouts.HIT_COLUMNS.keys()


def test_embeddings() -> None:
    columns = layouts.embedding_columns(4)
    assert columns["vector"] == Vector(4)
    assert list(columns) == [
        "path",
        "window",
        "vector",
        "bands",
        "notes",
        "model",
        "revision",
        "space",
        "error",
    ]


@pytest.mark.parametrize("window", [None, (0, 1, 20, 300)])
def test_windows_as_text(window: tuple[int, int, int, int] | None) -> None:
    assert window_from_text(window_text(window)) == window

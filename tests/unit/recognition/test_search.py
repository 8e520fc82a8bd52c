import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import terralex
from terralex.geometry import lorentz
from terralex.models import Model, load_model
from terralex.models.networks import build
from terralex.recognition import Hit, Search, count_rows, layouts, recorded_model
from terralex.recognition.gallery import Place
from terralex.recognition.search import Queries
from terralex.runtime import UsageError, open_sink


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model)


@pytest.fixture(scope="module")
def hyperbolic(model: Model) -> Model:
    """The same towers, with points of hyperbolic space."""
    network, tokenizer = build(replace(model.card, geometry="lorentz"))
    network.load_state_dict(model.network.state_dict(), strict=False)
    with torch.no_grad():
        network.get_parameter("lorentz.log_curvature").fill_(-0.5)
    return Model(replace(model.card, geometry="lorentz"), network, tokenizer)


@pytest.fixture
def embeddings(model: Model, pictures: Path, tmp_path: Path) -> Path:
    """The pictures, the bad one among them, as a file of embeddings."""
    path = tmp_path / "embeddings.parquet"
    with open_sink(path, layouts.embedding_columns(model.embed_dim), {}) as sink:
        sink.write_chunk([layouts.embedding_row(entry) for entry in terralex.embed(pictures, model=model)])
    return path


def key(hit: Hit) -> tuple[str | None, int | None, str]:
    return hit.query, hit.position, hit.path


def test_words_find_the_nearest_images(model: Model, pictures: Path) -> None:
    hits = list(terralex.search(pictures, ["a river", "a town"], model=model, top_k=2))
    paths = [str(pictures / f"{n}.png") for n in range(4)] + [str(pictures / "again" / "1.png")]
    texts, images = model.encode_texts(["a river", "a town"]), model.encode_images(paths)
    cosines = (texts.double() @ images.double().T).float().numpy()
    for query, row, own in zip(["a river", "a town"], cosines, [hits[:2], hits[2:4]], strict=True):
        best = np.argsort(-row, kind="stable")[:2]
        assert [key(hit) for hit in own] == [(query, rank, paths[n]) for rank, n in enumerate(best, 1)]
        np.testing.assert_allclose([hit.score for hit in own], row[best], atol=1e-6)
    assert [(hit.query, hit.position, Path(hit.path).name) for hit in hits[4:]] == [(None, None, "4.jpg")]
    assert hits[4].error


def test_hyperbolic_models_find_by_distance(hyperbolic: Model, pictures: Path, tmp_path: Path) -> None:
    paths = [str(pictures / f"{n}.png") for n in range(4)] + [str(pictures / "again" / "1.png")]
    texts, images = hyperbolic.encode_texts(["a river"]), hyperbolic.encode_images(paths)
    scores = -lorentz.pairwise_distance(texts, images, math.exp(-0.5))[0].numpy()
    best = np.argsort(-scores, kind="stable")
    file = tmp_path / "points.parquet"
    with open_sink(file, layouts.embedding_columns(hyperbolic.embed_dim), {}) as sink:
        rows = list(terralex.embed(pictures, model=hyperbolic))
        sink.write_chunk([layouts.embedding_row(entry) for entry in rows])
    assert {entry.space for entry in rows} == {"lorentz, curvature 0.606531"}
    for gallery in (pictures, file):
        hits = [hit for hit in terralex.search(gallery, "a river", model=hyperbolic) if not hit.error]
        assert [hit.path for hit in hits] == [paths[n] for n in best]
        np.testing.assert_allclose([hit.score for hit in hits], scores[best], rtol=1e-5)
    like = list(terralex.search(file, like=paths[4], model=hyperbolic, top_k=2))
    assert (like[0].path, like[0].score) == (paths[1], 0)
    assert like[1].path != paths[4]


def test_points_of_another_geometry_are_refused(hyperbolic: Model, embeddings: Path) -> None:
    with pytest.raises(UsageError, match="was made by tiny, revision"):
        terralex.search(embeddings, "a river", model=hyperbolic)


def test_an_image_finds_others_and_not_itself(model: Model, pictures: Path) -> None:
    path = str(pictures / "1.png")
    hits = list(terralex.search(pictures, like=path, model=model, top_k=3))
    assert key(hits[0]) == (path, 1, str(pictures / "again" / "1.png"))
    assert path not in [hit.path for hit in hits]
    assert hits[0].score == pytest.approx(1, abs=1e-6)
    assert hits[2].score is not None
    assert hits[2].score < 1


def test_more_hits_than_images_is_all_of_them(model: Model, pictures: Path) -> None:
    hits = list(terralex.search(pictures, "a river", model=model, top_k=1000))
    assert [hit.position for hit in hits] == [1, 2, 3, 4, 5, None]


def test_a_file_of_embeddings_gives_the_same_hits(model: Model, pictures: Path, embeddings: Path) -> None:
    from_images = list(terralex.search(pictures, ["a river", "x"], like=pictures / "2.png", model=model))
    from_file = list(terralex.search(embeddings, ["a river", "x"], like=pictures / "2.png", model=model))
    assert [key(hit) for hit in from_file] == [key(hit) for hit in from_images if hit.error is None]
    assert [hit.notes for hit in from_file] == [hit.notes for hit in from_images if hit.error is None]
    np.testing.assert_allclose(
        [hit.score for hit in from_file], [hit.score for hit in from_images if hit.error is None], atol=1e-6
    )
    assert recorded_model(str(embeddings)) == "tiny"
    assert count_rows(str(embeddings)) == 6


def test_files_and_images_can_be_searched_together(model: Model, pictures: Path, embeddings: Path) -> None:
    hits = list(terralex.search([embeddings, pictures / "3.png"], "a river", model=model, top_k=9))
    assert [hit.position for hit in hits] == [1, 2, 3, 4, 5, 6]


def test_embeddings_of_another_model_are_refused(model: Model, pictures: Path, embeddings: Path) -> None:
    table = pq.read_table(embeddings)
    for column, value in (("model", "other"), ("revision", "0123456789ab")):
        place = table.schema.names.index(column)
        changed = table.set_column(place, column, [[value] * table.num_rows])
        pq.write_table(changed, embeddings)
        with pytest.raises(
            UsageError, match=rf"made by .*{value}.*and this is tiny, revision {model.revision}"
        ):
            terralex.search(embeddings, "a river", model=model)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [({"path": ["a"]}, "no column vector, model, revision"), (None, "cannot be read as Parquet")],
)
def test_a_file_that_holds_no_embeddings_says_so(
    model: Model, tmp_path: Path, columns: dict[str, list[str]] | None, complaint: str
) -> None:
    import pyarrow as pa

    path = tmp_path / "table.parquet"
    if columns:
        pq.write_table(pa.table(columns), path)
    else:
        path.write_text("no table")
    with pytest.raises(UsageError, match=complaint):
        terralex.search(path, "a river", model=model)
    with pytest.raises(UsageError, match="does not exist"):
        terralex.search(tmp_path / "missing.parquet", "a river", model=model)


def test_something_must_be_asked(model: Model, pictures: Path) -> None:
    with pytest.raises(UsageError, match="nothing to search for"):
        terralex.search(pictures, model=model)
    with pytest.raises(UsageError, match="a query is empty"):
        terralex.search(pictures, ["a river", " "], model=model)
    with pytest.raises(UsageError, match=r"cannot search with .*4\.jpg"):
        terralex.search(pictures, like=pictures / "4.jpg", model=model)


def blocks(vectors: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, list[Place]]]:
    for start in range(0, len(vectors), size):
        part = vectors[start : start + size]
        yield part, [Place(str(start + n), None, "") for n in range(len(part))]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_blocks_give_what_one_sort_gives(model: Model, size: int) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.integers(-2, 3, (100, model.embed_dim)).astype(np.float32)  # with many ties
    asked = rng.integers(-1, 2, (3, model.embed_dim)).astype(np.float32)
    found = Search(model, Queries(["a", "b", "c"], asked), top_k=10)
    for part, places in blocks(vectors, size):
        found.add(part, places)
        assert len(found._places) <= 3 * 10, "places that no query needs are kept"
    for name, row in zip("abc", asked @ vectors.T, strict=True):
        expected = [str(n) for n in np.argsort(-row, kind="stable")[:10]]
        assert [hit.path for hit in found.hits() if hit.query == name] == expected


def test_embeddings_that_went_through_pandas(model: Model, pictures: Path, embeddings: Path) -> None:
    pd = pytest.importorskip("pandas")
    copy = embeddings.with_name("copy.parquet")
    pd.read_parquet(embeddings).to_parquet(copy)
    assert (
        not pq.read_schema(copy).field("vector").type.equals(pq.read_schema(embeddings).field("vector").type)
    )
    original, copied = (
        [(key(hit), hit.score) for hit in terralex.search(file, "a river", model=model)]
        for file in (embeddings, copy)
    )
    assert copied == original

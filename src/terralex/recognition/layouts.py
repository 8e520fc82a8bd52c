"""Records as rows of tables: our own columns, and those of MS-CLIP's scripts for tools that read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from terralex.recognition.records import Embedding, Hit, Link, Prediction, window_text
from terralex.runtime.errors import UsageError
from terralex.runtime.rows import Columns, ColumnType, Row, Vector

SCORE_PREFIX = "score:"

HIT_COLUMNS: Columns = {
    "query": str,
    "position": int,
    "path": str,
    "window": str,
    "score": float,
    "model": str,
    "notes": str,
    "error": str,
}

LINK_COLUMNS: Columns = {
    "path": str,
    "window": str,
    "query": str,
    "position": int,
    "rank": str,
    "name": str,
    "radius": float,
    "score": float,
    "text": str,
    "model": str,
    "notes": str,
    "error": str,
}

MSCLIP_HIT_COLUMNS: Columns = {"Query": str, "Rank": int, "Image": str, "Similarity": float}


def prediction_columns(labels: Sequence[str] = ()) -> Columns:
    """Columns of predictions; `labels` are those that get a column of scores."""
    columns: dict[str, ColumnType] = {
        "path": str,
        "window": str,
        "label": str,
        "position": int,
        "score": float,
    }
    columns |= {SCORE_PREFIX + label: float for label in labels}
    return columns | {"in_domain": bool, "model": str, "notes": str, "error": str}


def prediction_row(prediction: Prediction) -> Row:
    """One row of `prediction_columns`."""
    scores = {SCORE_PREFIX + label: score for label, score in (prediction.scores or {}).items()}
    return {
        "path": prediction.path,
        "window": window_text(prediction.window),
        "label": prediction.label,
        "position": prediction.position,
        "score": prediction.score,
        **scores,
        "in_domain": prediction.in_domain,
        "model": prediction.model,
        "notes": prediction.notes or None,
        "error": prediction.error,
    }


def embedding_columns(size: int) -> Columns:
    """Columns of embeddings of `size` numbers."""
    texts: dict[str, ColumnType] = dict.fromkeys(
        ("bands", "notes", "model", "revision", "space", "error"), str
    )
    return {"path": str, "window": str, "vector": Vector(size), **texts}


def embedding_row(embedding: Embedding) -> Row:
    """One row of `embedding_columns`."""
    return {
        "path": embedding.path,
        "window": window_text(embedding.window),
        "vector": embedding.vector,
        "bands": ",".join(embedding.bands) or None,
        "notes": embedding.notes or None,
        "model": embedding.model,
        "revision": embedding.revision,
        "space": embedding.space,
        "error": embedding.error,
    }


def hit_row(hit: Hit) -> Row:
    """One row of `HIT_COLUMNS`."""
    return {
        "query": hit.query,
        "position": hit.position,
        "path": hit.path,
        "window": window_text(hit.window),
        "score": hit.score,
        "model": hit.model,
        "notes": hit.notes or None,
        "error": hit.error,
    }


def link_row(link: Link) -> Row:
    """One row of `LINK_COLUMNS`."""
    return {
        "path": None if link.query else link.path,
        "window": window_text(link.window),
        "query": link.query,
        "position": link.position,
        "rank": link.rank,
        "name": link.name,
        "radius": link.radius,
        "score": link.score,
        "text": link.text,
        "model": link.model,
        "notes": link.notes or None,
        "error": link.error,
    }


def msclip_prediction_columns(labels: Sequence[str]) -> Columns:
    """Columns of MS-CLIP's classification: number, file name, best class, probability of each class.

    Raises:
        UsageError: A label is called as one of the other columns.
    """
    taken = [label for label in labels if label in ("Image", "Class")]
    if taken:
        raise UsageError(f"with --format msclip no label can be called {taken[0]}: a column of that table is")
    return {"": int, "Image": str, "Class": str, **dict.fromkeys(labels, float)}


def msclip_prediction_rows(predictions: Iterable[Prediction], start: int) -> list[Row]:
    """Rows of `msclip_prediction_columns`, numbered from `start`: one for each image."""
    best = [prediction for prediction in predictions if prediction.position in (1, None)]
    return [
        {"": number, "Image": PurePath(entry.path).name, "Class": entry.label, **(entry.scores or {})}
        for number, entry in enumerate(best, start)
    ]


def msclip_hit_rows(hits: Iterable[Hit]) -> list[Row]:
    """Rows of `MSCLIP_HIT_COLUMNS`; images that failed are left out, as in theirs."""
    return [
        {"Query": hit.query, "Rank": hit.position, "Image": PurePath(hit.path).name, "Similarity": hit.score}
        for hit in hits
        if hit.error is None
    ]

"""Taxa of images as rows of tables: our own columns, and those of pybioclip for tools that read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from terralex.recognition.records import Prediction, TaxonPrediction, window_text
from terralex.runtime.errors import UsageError
from terralex.runtime.rows import Columns, ColumnType, Row

SHARE_PREFIX = "p:"

PYBIOCLIP_LABEL_COLUMNS: Columns = {"file_name": str, "classification": str, "score": float}

_EPITHET = "species_epithet"


def taxon_columns(ranks: Sequence[str]) -> Columns:
    """Columns of taxa at these ranks: for each its name, and its probability.

    Raises:
        UsageError: A rank is called as one of the other columns.
    """
    first: dict[str, ColumnType] = {"path": str, "window": str, "position": int, "rank": str, "label": str}
    first |= {"common_name": str, "score": float}
    last: dict[str, ColumnType] = {"model": str, "notes": str, "error": str}
    _refuse({*first, *last}, ranks)
    return first | dict.fromkeys(ranks, str) | {SHARE_PREFIX + rank: float for rank in ranks} | last


def taxon_row(prediction: TaxonPrediction) -> Row:
    """One row of `taxon_columns`."""
    return {
        "path": prediction.path,
        "window": window_text(prediction.window),
        "position": prediction.position,
        "rank": prediction.rank,
        "label": prediction.label,
        "common_name": prediction.common_name,
        "score": prediction.score,
        **{rank: name or None for rank, name in prediction.lineage.items()},
        **{SHARE_PREFIX + rank: share for rank, share in prediction.probabilities.items()},
        "model": prediction.model,
        "notes": prediction.notes or None,
        "error": prediction.error,
    }


def pybioclip_taxon_columns(ranks: Sequence[str], rank: str) -> Columns:
    """Columns of pybioclip's predictions at a rank; at the species also the epithet and the common name.

    Raises:
        UsageError: A rank is called as one of the other columns.
    """
    _refuse({"file_name", _EPITHET, "common_name", "score"}, ranks)
    names = [*ranks[: ranks.index(rank)], *([_EPITHET, rank, "common_name"] if rank == "species" else [rank])]
    return {"file_name": str, **dict.fromkeys(names, str), "score": float}


def pybioclip_taxon_rows(predictions: Iterable[TaxonPrediction]) -> list[Row]:
    """Rows of `pybioclip_taxon_columns`; images that failed are left out, as in theirs."""
    return [_pybioclip_row(entry) for entry in predictions if entry.error is None]


def pybioclip_label_rows(predictions: Iterable[Prediction]) -> list[Row]:
    """Rows of `PYBIOCLIP_LABEL_COLUMNS`; images that failed are left out, as in theirs."""
    return [
        {"file_name": entry.path, "classification": entry.label, "score": entry.score}
        for entry in predictions
        if entry.error is None
    ]


def _pybioclip_row(entry: TaxonPrediction) -> Row:
    row = {"file_name": entry.path, **entry.lineage, "score": entry.score}
    if entry.rank == "species":
        genus, species = entry.lineage.get("genus", ""), entry.lineage["species"]
        row |= {_EPITHET: species.removeprefix(genus).strip(), "common_name": entry.common_name or ""}
    return row


def _refuse(columns: Collection[str], ranks: Sequence[str]) -> None:
    if taken := [rank for rank in ranks if rank in columns]:
        raise UsageError(f"no rank can be called {taken[0]!r}: a column of the table is")

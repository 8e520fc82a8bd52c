"""What `terralex classify` can answer with: labels, bins of them, or taxa."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from terralex import recognition
from terralex.cli import tables
from terralex.cli.messages import say, say_report
from terralex.recognition import layouts, taxon_layouts
from terralex.recognition.fitting.fitfile import is_fit_file, load_fit
from terralex.recognition.fitting.fitted import FittedClassifier, check_origin
from terralex.runtime import Columns, ProgressBar, Row, RowSink, UsageError, digest, progress

if TYPE_CHECKING:
    from terralex.metrics.calibration import Calibration

Predict = Callable[[Sequence[recognition.Encoded]], Iterator[Any]]

_EXAMPLE = '--labels "water,forest"'
_PYBIOCLIP_TAXA = 5  # taxa an image that it gives, if not told otherwise


class Answers(Protocol):
    """What becomes of images that are encoded.

    Attributes:
        columns: Columns of the rows.
        settings: What the rows depend on, besides the model and the images.
    """

    columns: Columns
    settings: dict[str, object]

    def load(self, encoder: recognition.Encoder, *, cache: bool) -> Predict:
        """What turns the images that an encoder encodes into records."""

    def rows(self, records: Sequence[Any], done: int) -> Sequence[Row]:
        """Records as rows, the first of which are numbered `done`."""

    def table(self, names: Sequence[str]) -> RowSink:
        """A table for the terminal, for images of these names."""


@dataclass(frozen=True)
class TaxonRequest:
    """What the options of `classify` say of taxa."""

    taxonomy: Path | None
    rank: str | None
    subset: Path | None
    stop_at_error: float | None
    calibration: Path | None

    def refuse(self, reason: str) -> None:
        """Refuse what only has a meaning for taxa.

        Raises:
            UsageError: Any of it is given.
        """
        names = ("rank", "subset", "stop_at_error", "calibration")
        given = [name for name in names if getattr(self, name) is not None]
        if given:
            raise UsageError(f"--{given[0].replace('_', '-')} {reason}")


def choose(
    labels: Sequence[str],
    bins: Path | None,
    request: TaxonRequest,
    *,
    templates: str | None,
    top_k: int | None,
    scores: bool,
    form: str | None,
) -> Answers:
    """What the options ask for.

    Args:
        labels: Labels as typed.
        bins: A table of bins.
        request: What is said of taxa.
        templates: A name or file of templates.
        top_k: Answers an image.
        scores: Also give every answer's score.
        form: "msclip" or "pybioclip" for the columns of these.

    Raises:
        UsageError: They do not go together, or one is wrong.
    """
    if labels and (request.taxonomy or bins):
        raise UsageError(f"pass --labels or --{'taxonomy' if request.taxonomy else 'bins'}: not both")
    if not (labels or bins or request.taxonomy):
        raise UsageError("say what to tell apart: --labels WORDS, --taxonomy FILE or --bins FILE")
    if request.taxonomy is None:
        request.refuse("needs a taxonomy: pass --taxonomy FILE")
        if any(map(is_fit_file, labels)):
            return FitAnswers(labels, templates, top_k, scores, form)
        return LabelAnswers(labels, bins, templates, top_k, scores, form)
    prompts = recognition.named_templates(templates)
    if bins:
        request.refuse("does not go with --bins, which says which taxa there are and what they are called")
        return TaxonBinAnswers(request.taxonomy, bins, prompts, top_k, scores, form)
    if scores or form == "msclip":
        raise UsageError(f"{'--scores' if scores else '--format msclip'} is for labels; taxa are too many")
    return TaxonAnswers(request, prompts, top_k, form)


class _Labelled:
    """Answers that are labels."""

    def __init__(self, labels: Sequence[str], top_k: int | None, scores: bool, form: str | None) -> None:
        self._labels, self._form, self._shown = list(labels), form, scores
        self._top_k = top_k or (len(self._labels) if form == "pybioclip" else 1)
        self._scores = scores or form == "msclip"
        self.settings: dict[str, object] = {"labels_an_image": self._top_k}
        self.columns: Columns = layouts.prediction_columns(self._labels if scores else [])
        if form == "msclip":
            self.columns = layouts.msclip_prediction_columns(self._labels)
        if form == "pybioclip":
            self.columns = taxon_layouts.PYBIOCLIP_LABEL_COLUMNS

    def rows(self, records: Sequence[recognition.Prediction], done: int) -> Sequence[Row]:
        """See `Answers`."""
        if self._form == "msclip":
            return layouts.msclip_prediction_rows(records, done)
        if self._form == "pybioclip":
            return taxon_layouts.pybioclip_label_rows(records)
        return [layouts.prediction_row(record) for record in records]

    def table(self, names: Sequence[str]) -> RowSink:
        """See `Answers`."""
        return tables.prediction_table(names, self._labels, self._top_k, self._shown)


class LabelAnswers(_Labelled):
    """The labels that are nearest, or bins of them."""

    def __init__(
        self,
        labels: Sequence[str],
        bins: Path | None,
        templates: str | None,
        top_k: int | None,
        scores: bool,
        form: str | None,
    ) -> None:
        bin_of = recognition.load_bins(bins) if bins else {}
        self._named = (
            recognition.load_labels(list(bin_of)) if bins else recognition.labels_from_arguments(labels)
        )
        names = list(dict.fromkeys(bin_of.values())) or list(self._named)
        if len(names) == 1:
            say(
                'with one label every score is 1; also give what it could be instead: --labels "water,forest"'
            )
        super().__init__(names, top_k, scores, form)
        self._prompts = _templates(templates)
        places = {name: [at for at, own in enumerate(bin_of.values()) if own == name] for name in names}
        self._bins = places if bins else None
        said = None if self._prompts is None else f"{templates}, {digest(self._prompts)}"
        phrases = digest(f"{name}: {own}" for name, own in self._named.items())
        self.settings |= {"labels": f"{len(self._named)} labels, {phrases}", "templates": said}
        if bins:
            self.settings["bins"] = digest(bin_of.values())

    def load(self, encoder: recognition.Encoder, *, cache: bool) -> Predict:
        """See `Answers`."""
        only = self._bins is None
        classifier = recognition.Classifier(
            encoder.model,
            self._named,
            self._prompts,
            top_k=self._top_k,
            scores=only and self._scores,
            cache=cache,
        )
        if self._bins is None:
            return classifier.predict
        return recognition.BinClassifier(
            classifier.probabilities, self._bins, encoder.model, top_k=self._top_k, scores=self._scores
        ).predict


class FitAnswers(_Labelled):
    """Classes that were learned from examples."""

    def __init__(
        self, labels: Sequence[str], templates: str | None, top_k: int | None, scores: bool, form: str | None
    ) -> None:
        if len(labels) > 1:
            raise UsageError(f"a fit has its own labels: pass --labels {labels[0]} alone")
        if templates is not None:
            raise UsageError("--templates is for labels in words: a fit has learned from examples")
        self._path = labels[0]
        self._fit = load_fit(self._path)
        super().__init__(self._fit.labels, top_k, scores, form)
        self.settings |= {"labels": f"a fit, {self._fit.digest}"}

    def load(self, encoder: recognition.Encoder, *, cache: bool) -> Predict:
        """See `Answers`."""
        check_origin(self._fit, encoder.model, "images", encoder.bands, encoder.units, self._path)
        return FittedClassifier(self._fit, encoder.model, top_k=self._top_k, scores=self._scores).predict


class TaxonBinAnswers(_Labelled):
    """Bins of taxa."""

    def __init__(
        self,
        taxonomy: Path,
        bins: Path,
        prompts: tuple[str, ...],
        top_k: int | None,
        scores: bool,
        form: str | None,
    ) -> None:
        taxa = recognition.load_taxa(taxonomy)
        say_report(taxa.taxonomy)
        part, self._bins = recognition.bins_of_taxa(taxa.taxonomy, recognition.load_bins(bins))
        super().__init__(list(self._bins), top_k, scores, form)
        self._taxa, self._prompts = recognition.part_of_taxa(taxa, part), prompts
        self.settings |= {
            "taxonomy": f"{len(part)} leaves, {part.digest}",
            "bins": digest(f"{name}: {leaves}" for name, leaves in self._bins.items()),
            "templates": digest(prompts) if prompts else None,
        }

    def load(self, encoder: recognition.Encoder, *, cache: bool) -> Predict:
        """See `Answers`."""
        scorer = recognition.TaxonScorer(encoder.model, self._taxa, self._prompts, cache=cache, watch=_watch)
        return recognition.BinClassifier(
            scorer.probabilities, self._bins, encoder.model, top_k=self._top_k, scores=self._scores
        ).predict


class TaxonAnswers:
    """Taxa: the way down, or the best of one rank."""

    def __init__(
        self, request: TaxonRequest, prompts: tuple[str, ...], top_k: int | None, form: str | None
    ) -> None:
        if request.calibration and request.stop_at_error is None:
            raise UsageError("--calibration needs the error that you accept: pass --stop-at-error 0.1")
        if form and request.stop_at_error is not None:
            raise UsageError(f"--format {form} cannot say where an answer stops: leave out one of the two")
        self._taxa = recognition.load_taxa(str(request.taxonomy), request.subset)
        for note in self._taxa.notes:
            say(note)
        taxonomy = self._taxa.taxonomy
        say_report(taxonomy)
        self._rank, self._form, self._prompts = request.rank, form, prompts
        if form:
            self._rank = request.rank or taxonomy.ranks[-1]
        self._top_k = top_k or (_PYBIOCLIP_TAXA if form else 1)
        recognition.check_rank(taxonomy, self._rank, self._top_k, request.stop_at_error)
        self._error, self._calibration = request.stop_at_error, _read(request.calibration)
        ranks = taxonomy.ranks
        if form:
            self.columns = taxon_layouts.pybioclip_taxon_columns(ranks, self._rank or ranks[-1])
        else:
            self.columns = taxon_layouts.taxon_columns(
                ranks if self._rank is None else ranks[: taxonomy.rank_index(self._rank) + 1]
            )
        self.settings: dict[str, object] = {
            "taxonomy": f"{len(taxonomy)} leaves, {taxonomy.digest}",
            "rank": self._rank,
            "taxa_an_image": self._top_k,
            "templates": digest(prompts) if prompts else None,
            "stop_at_error": self._error,
            "calibration": digest([repr(self._calibration)]) if self._calibration else None,
        }

    def load(self, encoder: recognition.Encoder, *, cache: bool) -> Predict:
        """See `Answers`."""
        stop = None
        if self._error is not None:
            said = recognition.wording(self._taxa, encoder.model, self._prompts)
            stop = recognition.load_stopping(
                self._error, self._calibration, encoder.model, self._taxa.taxonomy, said
            )
        scorer = recognition.TaxonScorer(encoder.model, self._taxa, self._prompts, cache=cache, watch=_watch)
        return recognition.TaxonClassifier(scorer, rank=self._rank, top_k=self._top_k, stopping=stop).predict

    def rows(self, records: Sequence[recognition.TaxonPrediction], done: int) -> Sequence[Row]:
        """See `Answers`."""
        if self._form:
            return taxon_layouts.pybioclip_taxon_rows(records)
        return [taxon_layouts.taxon_row(record) for record in records]

    def table(self, names: Sequence[str]) -> RowSink:
        """See `Answers`."""
        return tables.taxon_table(names, self._top_k)


def _templates(name: str | None) -> tuple[str, ...] | None:
    return None if name is None else recognition.named_templates(name)


def _read(path: Path | None) -> Calibration | None:
    from terralex.metrics.calibration import Calibration

    return None if path is None else Calibration.load(path)


def _watch(total: int) -> AbstractContextManager[ProgressBar]:
    say(f"encoding {total:,} names")
    return progress(total, "names")

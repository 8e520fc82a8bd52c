"""How well a model tells the taxa of a benchmark: iNat21, Rare Species, or folders of one's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from terralex.evaluation.coverage import check_present, check_read, partial_note
from terralex.evaluation.encoding import encode_pictures, file_items
from terralex.evaluation.taxon_pictures import Layout, read_taxon_pictures
from terralex.evaluation.taxon_texts import Style, encode_ranks
from terralex.metrics.calibration import Calibration, calibrate
from terralex.metrics.taxa import TaxonomyReport, measure_taxonomy
from terralex.models import Model
from terralex.models.prompts import load_templates
from terralex.recognition.encoder import Encoder
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions
from terralex.taxonomy import Taxonomy


@dataclass(frozen=True)
class TaxonomyRun:
    """What was measured, on what.

    Attributes:
        report: The figures.
        layout: How the benchmark was laid out.
        taxonomy: The taxa that there were to choose from.
        style: What they were called.
        templates: Prompts around that; none for bare texts.
        model: The model's name.
        revision: Which weights of it.
        notes: What has to be said beside the figures.
    """

    report: TaxonomyReport
    layout: Layout
    taxonomy: Taxonomy
    style: Style
    templates: tuple[str, ...]
    model: str
    revision: str
    notes: tuple[str, ...] = ()

    def calibrate(self) -> Calibration:
        """Learn from these pictures where to stop naming others, as `classify --stop-at-error` does.

        Raises:
            UsageError: There are too few, or taxa were not called as `classify` calls them.
        """
        if self.style != "prefix":
            raise UsageError(
                "classify compares pictures with whole lineages, so a calibration needs the labels prefix, "
                f"not {self.style}"
            )
        return calibrate(
            self.report.answers.confidence,
            self.report.answers.correct,
            self.taxonomy.ranks,
            known=self.report.answers.known,
            model=self.model,
            revision=self.revision,
            taxonomy=self.taxonomy.digest,
            templates=self.templates,
        )


def evaluate_taxonomy(
    model: Model,
    data: Path,
    *,
    images: Path | None = None,
    layout: Layout | Literal["auto"] = "auto",
    taxonomy: Taxonomy | None = None,
    style: Style = "prefix",
    templates: str | None = None,
    run: RunOptions = RunOptions(),  # noqa: B008 (it is frozen)
) -> TaxonomyRun:
    """Measure a model at every rank.

    Args:
        model: What is measured.
        data: The pictures and their taxa; see `read_taxon_pictures`.
        images: The folder that paths in a table begin in.
        layout: How the data is laid out.
        taxonomy: The taxa to choose from; by default those that the pictures show.
        style: What taxa are called; see `taxon_text`.
        templates: Name or file of prompts around that; none by default.
        run: How pictures are read and encoded.

    Raises:
        UsageError: The data cannot be read, or fewer than half of its pictures can.
    """
    prompts = load_templates(templates) if templates else ()
    pictures = read_taxon_pictures(data, images, layout)
    check_present(pictures.files, str(data), "--images names the folder that paths in the table begin in")
    if taxonomy is not None:
        pictures = pictures.among(taxonomy)
    texts = encode_ranks(model, pictures.taxonomy, style, prompts)
    encoded = encode_pictures(Encoder.of(model, run), file_items(pictures.files))
    check_read(len(encoded.indices), encoded.errors)
    errors = (*pictures.errors, *encoded.errors)
    report = measure_taxonomy(
        encoded.vectors,
        torch.from_numpy(pictures.leaves)[encoded.indices],
        pictures.taxonomy,
        texts,
        model.geometry,
        logit_scale=model.logit_scale,
    )
    return TaxonomyRun(
        report=replace(report, errors=errors),
        layout=pictures.layout,
        taxonomy=pictures.taxonomy,
        style=style,
        templates=prompts,
        model=model.name,
        revision=model.revision,
        notes=partial_note(len(encoded.indices), len(errors)),
    )

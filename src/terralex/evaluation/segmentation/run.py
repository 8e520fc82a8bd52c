"""Measuring dense labels of pictures over whole benchmarks: read ahead, kept for each picture, resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

from torch import Tensor

from terralex.evaluation.segmentation.classes import PUBLISHED, Names, class_names
from terralex.evaluation.segmentation.counts import Tally, count_rows, read_counts
from terralex.evaluation.segmentation.pictures import Labelled, Sample, find_samples, read_sample
from terralex.evaluation.segmentation.settings import Setting
from terralex.metrics.segmentation import Scores, count_pixels, score_pixels
from terralex.runtime import Row, RowSink, digest
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.pipeline import default_workers, run_chunks
from terralex.runtime.progress import progress


class Labeller(Protocol):
    """What is measured."""

    def label(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        """Name the class of every pixel.

        Args:
            pixels: uint8 (3, h, w), a resized picture in red, green and blue.
            size: Height and width (H, W) of the picture before that.

        Returns:
            int64 (H, W), numbers of classes; any other number is none.

        Raises:
            InputError: The picture cannot be labelled, which costs it alone.
        """


@dataclass(frozen=True)
class Plan:
    """What is to be measured; made before a model is loaded, so that what is missing shows at once.

    Attributes:
        names: The classes of each dataset.
        items: Every picture in every setting, in order.
    """

    names: Mapping[str, Names]
    items: tuple[tuple[Setting, Sample], ...]

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings, in order."""
        return tuple({setting.name: setting for setting, _ in self.items}.values())

    def fingerprint(self) -> dict[str, object]:
        """All that the counts depend on, but for the model."""
        phrases = [f"{name}={', '.join(ps)}" for names in self.names.values() for name, ps in names.items()]
        pictures = digest(f"{setting.name}: {sample.name}" for setting, sample in self.items)
        return {
            "settings": [setting.name for setting in self.settings],
            "names": digest(phrases),
            "pictures": f"{len(self.items)} pictures, {pictures}",
        }


@dataclass(frozen=True)
class SettingReport:
    """How well pixels were named in a setting.

    Attributes:
        setting: Which.
        names: The classes.
        counts: int64 (3, K), the sum of `count_pixels` over all pictures.
        pictures: How many were scored.
        errors: Pictures that could not be, with the reason.
    """

    setting: Setting
    names: tuple[str, ...]
    counts: Tensor
    pictures: int
    errors: tuple[tuple[str, str], ...]

    @cached_property
    def scores(self) -> Scores:
        """The figures, as fractions of one."""
        return score_pixels(self.counts)

    @property
    def is_whole(self) -> bool:
        """Whether every picture of the validation set was scored, as far as their number is known."""
        return not self.errors and self.setting.dataset.count in (None, self.pictures)


def plan_segmentation(settings: Sequence[Setting], data: Path, names: str = PUBLISHED) -> Plan:
    """Find the pictures of settings.

    Args:
        settings: Which; see `choose_settings`.
        data: Folder of all datasets.
        names: What classes are called; see `class_names`.

    Raises:
        UsageError: Some of it is missing.
    """
    datasets = {setting.dataset.name: setting.dataset for setting in settings}
    samples, missing = {}, []
    for name, dataset in datasets.items():
        try:
            samples[name] = find_samples(dataset, data)
        except UsageError as error:
            missing.append(str(error))
    if missing:
        raise UsageError("; ".join(missing))
    items = [(setting, sample) for setting in settings for sample in samples[setting.dataset.name]]
    return Plan({name: class_names(name, names) for name in datasets}, tuple(items))


def evaluate_segmentation(
    plan: Plan,
    make_labeller: Callable[[Setting, Names], Labeller],
    *,
    sink: RowSink | None = None,
    done: Path | None = None,
    workers: int | None = None,
) -> list[SettingReport]:
    """Measure.

    Args:
        plan: What.
        make_labeller: Called when a setting begins, with it and the names of its classes.
        sink: Takes the counts of each picture, a chunk a picture, in `counts.COLUMNS`. What it has already is
            not measured again.
        done: File of the sink, where it has anything already.
        workers: Threads that read pictures ahead; `default_workers()` if not given.

    Returns:
        A report for each setting, in order. A picture that cannot be read costs itself.
    """
    tallies = {_key(setting): Tally(list(plan.names[setting.dataset.name])) for setting in plan.settings}
    start = sink.chunks_done if sink else 0
    if start and (done is None or read_counts(done, tallies) != start):
        raise UsageError(f"{done} does not hold the {start:,} pictures that are done: pass --overwrite")
    workers = default_workers() if workers is None else workers
    chunks = run_chunks(
        plan.items, partial(_read, plan), chunk_size=1, workers=workers, prefetch=max(2, workers), start=start
    )
    current: str | None = None
    failed = sum(len(tally.errors) for tally in tallies.values())
    with progress(len(plan.items), "pictures", done=start, failed=failed) as bar:
        for [(_, (setting, sample), read)] in chunks:
            names = plan.names[setting.dataset.name]
            if setting.name != current:
                labeller, current = make_labeller(setting, names), setting.name
            rows = _measure(setting, sample, read, labeller, list(names))
            tallies[_key(setting)].add(rows)
            if sink:
                sink.write_chunk(rows, int("error" in rows[0]))
            bar.advance(1, failed=int("error" in rows[0]))
    return [_report(setting, plan, tallies[_key(setting)]) for setting in plan.settings]


def _key(setting: Setting) -> tuple[str, str]:
    return setting.dataset.name, setting.resolution


def _read(plan: Plan, item: tuple[Setting, Sample]) -> Labelled:
    setting, sample = item
    return read_sample(sample, setting.scale, len(plan.names[setting.dataset.name]))


def _measure(
    setting: Setting, sample: Sample, read: Labelled | Exception, labeller: Labeller, names: list[str]
) -> list[Row]:
    """The rows of a picture."""
    about = {"dataset": setting.dataset.name, "resolution": setting.resolution, "picture": sample.name}
    if isinstance(read, Exception):
        return [{**about, "error": str(read) or type(read).__name__}]
    height, width = read.truth.shape
    try:
        predicted = labeller.label(read.pixels, (height, width))
    except InputError as error:
        return [{**about, "error": str(error)}]
    counts = count_pixels(predicted, read.truth.to(predicted.device), len(names))
    return [{**about, **row} for row in count_rows(names, counts)]


def _report(setting: Setting, plan: Plan, tally: Tally) -> SettingReport:
    names = tuple(plan.names[setting.dataset.name])
    return SettingReport(setting, names, tally.counts, tally.pictures, tuple(tally.errors))

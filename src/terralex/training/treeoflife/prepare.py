"""TreeOfLife-10M to small pictures in class folders or shards: resumable, on several processes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.files import cannot_write, lock, write_atomically
from terralex.runtime.resume import check_flags, check_settings, digest
from terralex.training.treeoflife.convert import Outcome, Tick, convert_part
from terralex.training.treeoflife.exclusion import rare_lists, read_exclusion
from terralex.training.treeoflife.finish import Results, gather, write_tables
from terralex.training.treeoflife.metadata import is_unfinished, progress_path
from terralex.training.treeoflife.packing import SHARD, pack, packages
from terralex.training.treeoflife.parts import Part, list_parts
from terralex.training.treeoflife.plan import SPLITS, Facts, Plan, make_plan
from terralex.training.treeoflife.workers import cores, run_jobs
from terralex.training.treeoflife.workshop import Workshop

SIZE = 256
"""Pixels a side of the pictures, as published."""


@dataclass(frozen=True)
class Stage:
    """How far a conversion is.

    Attributes:
        name: What is being done: "plan", "pictures", "shards" or "tables".
        total: Pictures in this stage; of "pictures" the most there may be, as some may not be in the source.
        done: Of them, with those that failed.
        failed: Pictures that could not be read.
    """

    name: str
    total: int
    done: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Summary:
    """What a conversion came to.

    Attributes:
        output: The folder that was made.
        pictures: How many pictures it has.
        failed: How many files could not be read: the rows of its `errors.csv`.
        absent: How many pictures of the split the catalogue lists and the source has not.
        species: How many species the pictures show.
        rare_lists: How many lists of species to keep out were read.
        rare_species: How many species of the catalogue they keep out.
        rare_pictures: How many pictures of other species they keep out of this split.
    """

    output: Path
    pictures: int
    failed: int
    absent: int
    species: int
    rare_lists: int
    rare_species: int
    rare_pictures: int


class Conversion:
    """The making of one split of TreeOfLife-10M. `run` does it, and `summary` tells then what came of it.

    Whatever it is killed by, it can be resumed, and ends with the same bytes; they do not depend on the
    number of workers either.
    """

    summary: Summary

    def __init__(
        self,
        source: str | Path,
        output: str | Path,
        split: str = "train",
        *,
        size: int = SIZE,
        shard: int | None = None,
        workers: int | None = None,
        exclude: Sequence[str | Path] = (),
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        """See that it can be done; nothing is written yet.

        Args:
            source: TreeOfLife-10M, with `dataset/` and `metadata/` in it. Lists of rare species are read from
                `rarespecies/` in it or beside it.
            output: Where to make the folder `SPLIT_folders`, or `SPLIT_shards`.
            split: train, val or train_small.
            size: Pixels a side; pictures are squashed to a square.
            shard: Pictures in a shard; None makes class folders.
            workers: Processes; None for one a core.
            exclude: Further lists of species to keep out: text, or JSON as of the Rare Species data set.
            resume: Go on with what was cut short.
            overwrite: Remove what is there.

        Raises:
            UsageError: There is no TreeOfLife-10M, a value is wrong, or the output exists and neither flag is
                given, or was begun with other settings.
        """
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}: choose one of {', '.join(SPLITS)}")
        limits = {"the size": size, "the pictures in a shard": shard, "the number of workers": workers}
        for name, value in limits.items():
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}")
        if not Path(source).is_dir():
            raise UsageError(f"no folder {source}: name the folder of TreeOfLife-10M")
        if not all((Path(source) / name).is_dir() for name in ("dataset", "metadata")):
            raise UsageError(f"{source} is no TreeOfLife-10M: expected dataset/ and metadata/ in it")
        target = Path(output) / f"{split}_{'shards' if shard else 'folders'}"
        self._shop = Workshop(Path(source), target, progress_path(target), size, shard is not None)
        self._split, self._shard, self._workers = split, shard or SHARD, workers or cores()
        self._lists = [*rare_lists(self._shop.source), *map(Path, exclude)]
        self._exclusion = read_exclusion(self._lists)
        self._fresh = overwrite
        _check_output(self._shop, resume, overwrite, self._settings())

    @property
    def output(self) -> Path:
        """The folder that is made."""
        return self._shop.output

    def run(self) -> Iterator[Stage]:
        """Do it, telling several times a second how far it is.

        Raises:
            UsageError: The source is incomplete or damaged in a way that leaves nothing to do.
            TerralexError: Something cannot be written, or a worker died; `resume` goes on.
        """
        shop = self._shop
        with ExitStack() as stack:
            self._claim(stack)
            if not shop.settings.exists():
                yield Stage("plan", 0)
                self._begin()
            parts = list_parts(shop.source)
            with Plan(shop.plan) as plan:
                facts = plan.facts()
            begun = {part for part in parts if shop.record(part).exists()}
            before, failed_before = self._done_before(begun)
            jobs = ((shop, part) for part in parts if part not in begun)
            for done, failed in run_jobs(_convert, jobs, self._workers):
                yield Stage("pictures", facts.pictures, before + done, failed_before + failed)
            with gather(shop, parts) as results:
                pictures, failed = len(results), len(results.errors)
                if not pictures:
                    reason = f"{': '.join(results.errors[0])}" if failed else "none of them is in it"
                    raise UsageError(f"no picture of {shop.source} could be used, such as {reason}")
                if shop.sharded:
                    shards = packages(shop, results, self._split, self._shard)
                    for done, _ in run_jobs(pack, shards, self._workers):
                        yield Stage("shards", pictures, done, failed)
                yield Stage("tables", pictures, pictures, failed)
                write_tables(shop, results)
                self.summary = self._summary(parts, facts, results)
            _remove(shop.folder, _trash(shop.folder))

    def _summary(self, parts: Sequence[Part], facts: Facts, results: Results) -> Summary:
        archives = {part.path for part in parts}
        unread = sum(path not in archives for path, _ in results.errors)
        return Summary(
            self._shop.output,
            len(results),
            len(results.errors),
            max(0, facts.pictures - len(results) - unread),
            results.species,
            len(self._lists),
            facts.rare_species,
            facts.rare_pictures,
        )

    def _settings(self) -> dict[str, object]:
        excluded = (*sorted(self._exclusion.species), "", *sorted(self._exclusion.pictures))
        return {
            "source": str(self._shop.source.resolve()),
            "split": self._split,
            "size": self._shop.size,
            "pictures in a shard": self._shard if self._shop.sharded else None,
            "species kept out": digest(excluded),
        }

    def _claim(self, stack: ExitStack) -> None:
        """Claim the output for this process, and remove what is not to be gone on with."""
        shop = self._shop
        try:
            shop.folder.mkdir(parents=True, exist_ok=True)
            claim = stack.enter_context((shop.folder / "lock").open("ab"))
            lock(claim.fileno(), shop.output)
            if self._fresh:
                shop.settings.unlink(missing_ok=True)
            if not shop.settings.exists():
                for path in shop.folder.iterdir():
                    if path.name != "lock":
                        _remove(path, _trash(shop.folder))
        except OSError as error:
            raise cannot_write(shop.output, error) from None

    def _begin(self) -> None:
        """Plan. Only when that has gone well, what was there goes, and the run counts as begun."""
        shop = self._shop
        try:
            list_parts(shop.source)
            make_plan(shop.plan, shop.source, self._split, self._exclusion)
        except TerralexError:
            _remove(shop.folder, _trash(shop.folder))
            raise
        try:
            _remove(shop.output, _trash(shop.folder))
            write_atomically(shop.settings, json.dumps(self._settings()).encode())
        except OSError as error:
            raise cannot_write(shop.output, error) from None

    def _done_before(self, parts: Iterable[Part]) -> tuple[int, int]:
        outcomes = [Outcome.load(self._shop.record(part)) for part in parts]
        failed = sum(len(outcome.errors) for outcome in outcomes)
        return sum(len(outcome.names) for outcome in outcomes) + failed, failed


def is_finished(output: str | Path, split: str, sharded: bool) -> bool:
    """Whether a split has been made in a folder, to the end."""
    target = Path(output) / f"{split}_{'shards' if sharded else 'folders'}"
    return target.exists() and not is_unfinished(target)


def _convert(job: tuple[Workshop, Part], tick: Tick) -> None:
    convert_part(*job, tick)


def _check_output(shop: Workshop, resume: bool, overwrite: bool, settings: Mapping[str, object]) -> None:
    """See that the flags say what to do with what is there. Touches nothing."""
    if resume and overwrite:
        raise UsageError("--resume goes on with a run and --overwrite starts it again: pass one of the two")
    if overwrite:
        return
    unfinished, exists = shop.settings.exists(), shop.output.exists()
    check_flags(shop.output, unfinished=unfinished, exists=exists, resume=resume, overwrite=overwrite)
    if unfinished:
        try:
            begun = json.loads(shop.settings.read_bytes())
        except (OSError, ValueError):
            raise UsageError(f"{shop.settings} is damaged: pass --overwrite to start again") from None
        check_settings(shop.output, begun, settings)


def _trash(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.removed")


def _remove(path: Path, trash: Path) -> None:
    """Remove a folder of any size, or a file, in one step as seen from outside."""
    shutil.rmtree(trash, ignore_errors=True)
    if path.exists():
        path.replace(trash)
        if trash.is_dir():
            shutil.rmtree(trash, ignore_errors=True)
        else:
            trash.unlink()

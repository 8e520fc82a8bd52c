"""The training loop: one readable file on Lightning Fabric."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from terralex.models import Model, save_model
from terralex.models.families.registry import get_family
from terralex.models.networks import build
from terralex.models.prompts import load_templates
from terralex.models.truncation import TruncationCheck
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.files import cannot_write
from terralex.training.batches import Batch, Batches, Share
from terralex.training.caching import GradientCache
from terralex.training.captions import ConceptCaptions, TaxonCaptions
from terralex.training.checkpoint import load_state, save_state, write
from terralex.training.concepts import Concepts
from terralex.training.domain import with_domain
from terralex.training.learner import Learner, embed, frozen_texts
from terralex.training.log import Log
from terralex.training.objectives import Terms
from terralex.training.parameters import groups
from terralex.training.preview import check_batch, draw_batch
from terralex.training.recipe import Recipe
from terralex.training.scenes import LabelledScenes
from terralex.training.schedule import learning_rate
from terralex.training.sources import Source, SourceSpec, load_source
from terralex.training.start import starting_point

_VALIDATION = 1_000_000_007  # added to the seed: batches of their own


class Trainer:
    """A run of a recipe in a folder.

    The folder holds ``last.ckpt`` to resume from, ``log.csv`` and ``tensorboard/``, ``first_batch.png``, and
    the exported models: ``model`` with the last weights and, with validation, ``best``. Under ``torchrun``
    all processes run the same; the first one writes.

    Args:
        recipe: what to do.
        folder: where the run is kept.
        resume: continue from ``last.ckpt`` where there is one.
        overwrite: start anew although there is one.

    Attributes:
        step: how many are done.
        saved: of them, how many ``last.ckpt`` holds.
        best: the lowest loss on the validation data so far.

    Raises:
        UsageError: the folder holds a run and neither flag is set, or a run of another recipe or a damaged
            one; the recipe asks for what there is not.
        TerralexError: the folder cannot be written.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        self.recipe, self.folder = recipe, folder
        if self.checkpoint.is_file() and not (resume or overwrite):
            raise UsageError(
                f"{folder} holds a run: pass --resume to continue it or --overwrite to start anew"
            )
        self.fabric = _fabric(recipe)
        torch.manual_seed(recipe.seed)
        self.card, network, self.tokenizer = starting_point(recipe)
        self.truncation = TruncationCheck(self.card.name, self.tokenizer)
        if recipe.recompute:
            _recompute(network)
        self.batches, self.validation = self._load_batches()
        objective, vocabulary = recipe.objective, self.batches.vocabulary if recipe.prototypes else 0
        frozen = frozen_texts(network) if objective.keeps_prior else None
        self.frozen = frozen and self.fabric.to_device(frozen)
        learner = Learner(
            network.to(memory_format=torch.channels_last), recipe, vocabulary, self.card.embed_dim
        )
        optimizer = torch.optim.AdamW(
            groups(learner, network, recipe.weight_decay, recipe.decay_factor),
            lr=recipe.learning_rate,
            betas=(0.9, recipe.beta2),
            eps=recipe.epsilon,
            fused=True,
        )
        self.network = network
        self.learner, self.optimizer = self.fabric.setup(learner, optimizer)
        self.cache = GradientCache(self.fabric, self.learner, recipe.chunk) if recipe.chunk else None
        self.average = (
            AveragedModel(network, multi_avg_fn=self._average, use_buffers=True) if recipe.average else None
        )
        if recipe.compile:
            network.visual.compile(dynamic=False)  # type: ignore[union-attr]
        self.step = self.saved = 0
        self.best = math.inf
        self.log = Log(folder)
        if resume and self.checkpoint.is_file():
            self._restore()
        if self.is_first_process:
            self._prepare_folder()

    @property
    def checkpoint(self) -> Path:
        """Where the state of the run is kept."""
        return self.folder / "last.ckpt"

    @property
    def is_first_process(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return bool(self.fabric.is_global_zero)

    @property
    def validated(self) -> bool:
        """Whether ``best`` has the best weights by the validation data."""
        return math.isfinite(self.best)

    @property
    def damaged(self) -> dict[str, str]:
        """Pictures that this process could not read, and why."""
        sources = [*self.batches.sources, *(self.validation.sources if self.validation else ())]
        return {name: why for source in sources for name, why in source.damaged.items()}

    def run(self) -> Iterator[dict[str, float]]:
        """Trains to the last step; yields the log's rows as they come."""
        recipe, started, first = self.recipe, time.monotonic(), self.step
        if self.step < recipe.steps:
            self._check_first_batch()
        self.learner.train()
        position = self.step * recipe.accumulate
        with self.batches.ahead(position, self._size_of_batch, recipe.workers) as batches:
            while self.step < recipe.steps:
                try:
                    self.log.add(self._train_step(batches))
                    self.step += 1
                    if self.validation and self._due("validate_every"):
                        self._validate()
                except (RuntimeError, MemoryError) as error:
                    raise self._explained(error) from error
                row = self._log_row(started, first) if self._due("log_every") else None
                # After the log, so that a run killed between the two writes the row again.
                if self._due("save_every"):
                    self._save()
                if row is not None:
                    yield row

    def export(self, name: str = "model") -> Path:
        """Write the weights, or their average, and the card as a folder for ``local-dir:``."""
        source: nn.Module = self.average.module if self.average else self.network
        network, tokenizer = build(self.card)  # one that is neither compiled nor learning
        network.load_state_dict({key: value.cpu() for key, value in source.state_dict().items()}, assign=True)
        model = Model(self.card, network, tokenizer)
        if self.recipe.domain is not None:
            model = with_domain(model, self.recipe.domain, self._source_spec())
        exported = Model(model.card, model.network, tokenizer, dtype=getattr(torch, self.recipe.export))
        return save_model(exported, self.folder / name)

    def _train_step(self, batches: Iterator[Batch]) -> dict[str, float]:
        """One change of the weights; returns the terms of the loss."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, self.step) * group["scale"]
        torch.manual_seed(recipe.seed * 1_000_003 + self.step)  # of what the network drops
        sums: dict[str, float] = {}
        for number in range(recipe.accumulate):
            waits = number + 1 < recipe.accumulate
            with self.fabric.no_backward_sync(self.learner, enabled=waits):
                terms = self._terms(next(batches))
                self.fabric.backward(terms["loss"] / recipe.accumulate)
                if self.cache:
                    self.cache.backward()
            for key, term in terms.items():
                sums[key] = sums.get(key, 0.0) + float(term.detach()) / recipe.accumulate
        norm = self.fabric.clip_gradients(
            self.learner, self.optimizer, max_norm=recipe.clip_norm, error_if_nonfinite=False
        )
        if norm is None or not math.isfinite(sums["loss"] + float(norm)):
            raise TerralexError(self._diverged(sums["loss"]))
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.learner.module.clamp_()
        if self.average:
            self.average.update_parameters(self.network)
        return sums

    def _terms(self, batch: Batch) -> Terms:
        batch = batch.to(self.fabric.device)
        self.truncation.check(batch.texts)
        tokens = self.tokenizer(batch.texts).to(self.fabric.device)
        encode = self.cache or self.learner
        features = embed(self.fabric, self.learner, batch, tokens, self.frozen, encode)
        return self.recipe.objective.terms(features, batch)

    @torch.no_grad()
    def _validate(self) -> None:
        """The loss on the validation batches, always the same ones; the best weights so far are exported."""
        assert self.validation is not None
        # The exported weights are what counts: they stand in for those that learn.
        learning = {name: value.clone() for name, value in self.network.state_dict().items()}
        if self.average:
            self.network.load_state_dict(self.average.module.state_dict())
        self.learner.eval()
        losses = [
            float(self._terms(self.validation.draw(number, self.card.input.size))["loss"])
            for number in range(self.recipe.validation_batches)
        ]
        self.learner.train()
        self.network.load_state_dict(learning)
        loss = sum(losses) / len(losses)
        self.log.validated(loss)
        if loss < self.best:
            self.best = loss
            if self.is_first_process:
                self.export("best")

    def _explained(self, error: RuntimeError | MemoryError) -> Exception:
        """What a person can do about an error of torch, or the error itself."""
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            reason = str(error).splitlines()[0]
            return TerralexError(f"torch cannot compile the network ({reason}): pass compile=false")
        full = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if full or "can't allocate memory" in str(error):
            size = self.recipe.batch_size
            return TerralexError(
                f"{self.fabric.device} has no room for a batch of {size} at step {self.step}: pass "
                f"batch_size={max(1, size // 2)}{_savings(self.recipe, self.network)}{self._kept()}"
            )
        return error

    def _diverged(self, loss: float) -> str:
        found = f"the loss ({loss}) or its gradients are not finite at step {self.step}"
        return f"{found}: lower learning_rate{self._kept()}"

    def _kept(self) -> str:
        return f"; {self.checkpoint} holds the good state of step {self.saved}" if self.saved else ""

    def _average(self, averages: Sequence[Tensor], current: Sequence[Tensor], _: Tensor | int) -> None:
        """Moving average, quicker in the first steps: the initial weights are soon forgotten."""
        weight = 1 - min(self.recipe.average, (self.step + 1) / (self.step + 10))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value.to(average.dtype), weight)
            else:
                average.copy_(value)

    def _size_of_batch(self, number: int) -> int:
        """Smaller pictures in the first part of a run: at three quarters nearly twice as fast."""
        size, recipe = self.card.input.size, self.recipe
        late = number // recipe.accumulate >= recipe.small_until * recipe.steps
        return size if late else recipe.small_size or size * 3 // 4

    def _load_batches(self) -> tuple[Batches, Batches | None]:
        recipe, objective = self.recipe, self.recipe.objective
        spec = self._source_spec()
        concepts = spec.concepts
        share = Share(self.fabric.global_rank, self.fabric.world_size)
        words = ConceptCaptions(concepts, load_templates(recipe.templates)) if concepts else None

        scenes = self._load_scenes(words)

        def batches(sources: Sequence[Source], seed: int, *, varied: bool) -> Batches:
            trees = [source.taxonomy for source in sources if source.taxonomy]
            if recipe.prototypes and any(source.captions for source in sources):
                raise UsageError("prototypes stand for names, and captions are none: leave prototypes out")
            if len(trees) > 1:
                raise UsageError("only one of the data sources may have a tree of names")
            if not trees and sources and objective.captions != "species":
                raise UsageError(f"{objective.name} needs a data source with a tree of names: life or tree")
            return Batches(
                sources,
                words,
                TaxonCaptions(trees[0], objective.captions, recipe.root) if trees else None,
                self.card.input,
                recipe.batch_size,
                recipe.augment if varied else None,
                share=share,
                seed=seed,
                pictures=objective.reads_pictures,
                scenes=scenes if varied else None,
            )

        training = batches([load_source(entry, spec) for entry in recipe.data], recipe.seed, varied=True)
        if recipe.validation is None:
            return training, None
        held_out = load_source({"share": 1, **recipe.validation}, spec)
        return training, batches([held_out], recipe.seed + _VALIDATION, varied=False)

    def _source_spec(self) -> SourceSpec:
        recipe = self.recipe
        concepts = Concepts.load(recipe.concepts) if recipe.concepts else None
        return SourceSpec(self.card.input, concepts, recipe.seed, recipe.workers)

    def _load_scenes(self, words: ConceptCaptions | None) -> LabelledScenes | None:
        scenes = self.recipe.scenes
        if not scenes:
            return None
        if words is None or not get_family(self.card.family).trains_dense:
            raise UsageError("dense teaches the pocket model alone, and needs the recipe's 'concepts'")
        return LabelledScenes(scenes, words, self.card.input, self.recipe.seed, self.recipe.masks)

    def _check_first_batch(self) -> None:
        batch = self.batches.draw(self.step * self.recipe.accumulate, self._size_of_batch(0))
        check_batch(batch)
        if self.is_first_process and len(batch.pixels):
            write(self.folder / "first_batch.png", draw_batch(batch, self.card.input))

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.step == 0:  # what an older run left would be taken for this one's
                self.log.clear()
                if self.checkpoint.exists():
                    for name in ("model", "best"):
                        shutil.rmtree(self.folder / name, ignore_errors=True)
                self.checkpoint.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def _save(self) -> None:
        if self.is_first_process:
            save_state(self.checkpoint, self.recipe, self._state())
        self.saved = self.step

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "best": self.best,
            "log": self.log.state_dict(),
            "learner": self.learner.module.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "frozen": self.frozen.state_dict() if self.frozen is not None else None,
        }

    def _restore(self) -> None:
        state = load_state(self.checkpoint, self.recipe, self.fabric.device)
        self.step, self.best = state["step"], state["best"]
        self.saved = self.step
        self.log.load_state_dict(state["log"])
        self.learner.module.load_state_dict(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        for part, name in ((self.average, "average"), (self.frozen, "frozen")):
            if part is not None:
                part.load_state_dict(state[name])

    def _due(self, every: str) -> bool:
        return self.step % int(getattr(self.recipe, every)) == 0 or self.step == self.recipe.steps

    def _log_row(self, started: float, first: int) -> dict[str, float]:
        rate = (self.step - first) / (time.monotonic() - started)
        row = {
            "learning_rate": learning_rate(self.recipe, self.step - 1),
            "logit_scale": float(self.network.logit_scale.detach().exp()),  # type: ignore[operator]
            "pictures_per_second": rate * self.recipe.accumulate * self.recipe.batch_size,
            "seconds_left": (self.recipe.steps - self.step) / rate,
        }
        return self.log.write(self.step, row, keep=self.is_first_process)


def _fabric(recipe: Recipe) -> Fabric:
    """One process, or under torchrun those that it started."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if processes == 1:
        return Fabric(accelerator="auto", devices=1, precision=recipe.precision)
    fabric = Fabric(
        accelerator="auto",
        strategy="ddp",
        devices=local,
        num_nodes=processes // local,
        precision=recipe.precision,
    )
    fabric.launch()
    return fabric


def _savings(recipe: Recipe, network: nn.Module) -> str:
    """What else than a smaller batch saves memory, and is not in use yet."""
    precision = ", precision=bf16-mixed" if recipe.precision == "32-true" else ""
    if not hasattr(network, "set_grad_checkpointing"):
        return precision  # pocket: small, and its batch norm needs whole batches
    eighth = max(1, recipe.batch_size // 8)
    chunk = "" if recipe.chunk else f", chunk={eighth}, which gives the same gradients"
    recompute = "" if recipe.recompute else ", or recompute=true, which --resume goes on with"
    return precision + chunk + recompute


def _recompute(network: nn.Module) -> None:
    if not hasattr(network, "set_grad_checkpointing"):
        raise UsageError("the pocket model is too small for recompute=true to save anything: leave it out")
    network.set_grad_checkpointing(True)  # type: ignore[operator]

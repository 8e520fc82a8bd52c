"""The training loop: one readable file on Lightning Fabric."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from terralex.models import Model, save_model
from terralex.models.pocket import PocketCLIP, PocketConfig
from terralex.models.prompts import load_templates
from terralex.models.registry import get_card
from terralex.models.tokenizer import PocketTokenizer
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.files import cannot_write, write_atomically
from terralex.training.batches import Batch, Batches
from terralex.training.concepts import Concepts
from terralex.training.objectives import clip_loss
from terralex.training.recipe import Recipe
from terralex.training.sources import load_source

MAX_LOGIT_SCALE = 100.0


class Trainer:
    """A run of a recipe in a folder: ``last.ckpt`` to resume from, ``log.csv``, and the exported model.

    Args:
        recipe: what to do.
        folder: where the run is kept.
        resume: continue from ``last.ckpt`` where there is one.
        overwrite: start anew although there is one.

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
        self.card = get_card(recipe.card)
        if self.card.family != "pocket":
            raise UsageError(f"card {recipe.card}: only models of the pocket family are trained")
        self.fabric = Fabric(accelerator="auto", devices=1, precision=recipe.precision)
        torch.manual_seed(recipe.seed)
        config = PocketConfig.from_card(self.card.architecture)
        self.tokenizer = PocketTokenizer(config.merges, config.context)
        self.concepts = Concepts.load(recipe.concepts)
        network = PocketCLIP(config, self.tokenizer.vocab_size).to(memory_format=torch.channels_last)
        learner = _Learner(network, len(self.concepts), config.embed_dim)
        groups = _decay_groups(learner, recipe.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
        self.network = network
        self.learner, self.optimizer = self.fabric.setup(learner, optimizer)
        self.average = AveragedModel(network, multi_avg_fn=self._average, use_buffers=True)
        if recipe.compile:
            network.visual.compile(dynamic=False)
        self.step = 0
        self.losses: list[float] = []  # since the last row of the log
        if resume and self.checkpoint.is_file():
            self._restore()
        self.relation = self.fabric.to_device(self.concepts.relation)
        self.batches = self._load_batches()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.step == 0:  # what an older run left would be taken for this one's
                self.checkpoint.unlink(missing_ok=True)
                self.log.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error

    @property
    def checkpoint(self) -> Path:
        """Where the state of the run is kept."""
        return self.folder / "last.ckpt"

    @property
    def log(self) -> Path:
        """Where the log is kept."""
        return self.folder / "log.csv"

    def run(self) -> Iterator[dict[str, float]]:
        """Trains to the last step; yields the log's rows as they come."""
        started, first = time.monotonic(), self.step
        while self.step < self.recipe.steps:
            loss = self._train_step(self.batches.draw(self.recipe.seed, self.step, self._size()))
            self.losses.append(loss)
            self.step += 1
            row = (
                self._log((self.step - first) / (time.monotonic() - started))
                if self._due("log_every")
                else None
            )
            # After the log, so that a run killed between the two writes the row again.
            if self._due("save_every"):
                self._save()
            if row is not None:
                yield row

    def export(self) -> Path:
        """Write the averaged weights and their card as a folder for ``local-dir:``; return the folder."""
        network = PocketCLIP(PocketConfig.from_card(self.card.architecture), self.tokenizer.vocab_size)
        network.load_state_dict(self.average.module.state_dict())
        folder = self.folder / "model"
        dtype = getattr(torch, self.recipe.export)
        save_model(Model(self.card, network, self.tokenizer, dtype=dtype), folder)
        return folder

    def _train_step(self, batch: Batch) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        pixels = self.fabric.to_device(batch.pixels.contiguous(memory_format=torch.channels_last))
        tokens = self.fabric.to_device(self.tokenizer(batch.texts))
        try:
            loss = self._loss(pixels, tokens, batch)
        except RuntimeError as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            reason = str(error).splitlines()[0]
            raise TerralexError(f"torch cannot compile the network ({reason}): pass compile=false") from error
        self.fabric.backward(loss)
        norm = self.fabric.clip_gradients(
            self.learner, self.optimizer, max_norm=self.recipe.clip_norm, error_if_nonfinite=False
        )
        value = float(loss.detach())
        if norm is None or not math.isfinite(value + float(norm)):
            raise TerralexError(self._diverged(value))
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            self.network.logit_scale.clamp_(max=math.log(MAX_LOGIT_SCALE))
        self.average.update_parameters(self.network)
        return value

    def _diverged(self, loss: float) -> str:
        found = f"the loss ({loss}) or its gradients are not finite at step {self.step}: lower learning_rate"
        return f"{found}; {self.checkpoint} holds a good state" if self.checkpoint.is_file() else found

    def _average(self, averages: Sequence[Tensor], current: Sequence[Tensor], _: Tensor | int) -> None:
        """Moving average, quicker in the first steps: the initial weights are soon forgotten."""
        weight = 1 - min(self.recipe.average, (self.step + 1) / (self.step + 10))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value.to(average.dtype), weight)
            else:
                average.copy_(value)

    def _loss(self, pixels: Tensor, tokens: Tensor, batch: Batch) -> Tensor:
        images, texts, prototypes, scale = self.learner(pixels, tokens)

        def loss(concepts: Tensor) -> Tensor:
            relation = self.relation[concepts]
            return clip_loss(images, texts, scale, relation) + clip_loss(images, prototypes, scale, relation)

        if batch.own == 1:
            return loss(batch.concepts)
        return batch.own * loss(batch.concepts) + (1 - batch.own) * loss(batch.partner)

    def _size(self) -> int:
        """Three quarters of the model's input size in the first part of a run: nearly twice as fast."""
        size = self.card.input.size
        return size if self.step >= self.recipe.small_until * self.recipe.steps else size * 3 // 4

    def _learning_rate(self) -> float:
        """Linear warm-up, then a cosine to zero, by the step."""
        warm = min(1.0, (self.step + 1) / self.recipe.warmup)
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.recipe.steps))
        return self.recipe.learning_rate * warm * cosine

    def _load_batches(self) -> Batches:
        recipe, spec = self.recipe, self.card.input
        sets = [load_source(entry, spec, self.concepts, recipe.seed) for entry in recipe.data]
        templates = load_templates(recipe.templates)
        return Batches(sets, self.concepts, templates, spec, recipe.batch_size, recipe.augment)

    def _save(self) -> None:
        state = {
            "recipe": self._identity(),
            "step": self.step,
            "losses": self.losses,
            "learner": self.learner.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        content = BytesIO()
        torch.save(state, content)
        self._write(self.checkpoint, content.getvalue())

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_atomically(path, content)
        except OSError as error:
            raise cannot_write(path, error, "Put that right and go on with --resume") from error

    def _restore(self) -> None:
        try:
            state = torch.load(self.checkpoint, map_location=self.fabric.device, weights_only=True)
        except Exception as error:  # readers of damaged files raise nearly anything
            raise UsageError(f"{self.checkpoint} cannot be read: pass --overwrite to start anew") from error
        if state["recipe"] != self._identity():
            raise UsageError(
                f"{self.folder} holds a run of another recipe: pass --overwrite or another folder"
            )
        self.step, self.losses = state["step"], state["losses"]
        self.learner.module.load_state_dict(state["learner"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _identity(self) -> str:
        """What a resumed run must share with the one that it continues: all that the losses depend on."""
        same = replace(self.recipe, save_every=0, log_every=0, export="float32")
        return repr(same)

    def _due(self, every: str) -> bool:
        return self.step % getattr(self.recipe, every) == 0 or self.step == self.recipe.steps

    def _log(self, steps_per_second: float) -> dict[str, float]:
        """Write the mean loss since the last row; rows that a killed run left behind are replaced."""
        row = {
            "step": self.step,
            "loss": sum(self.losses) / len(self.losses),
            "learning_rate": self._learning_rate(),
            "logit_scale": float(self.network.logit_scale.detach().exp()),
            "pictures_per_second": steps_per_second * sum(self.batches.sizes),
            "seconds_left": (self.recipe.steps - self.step) / steps_per_second,
        }
        self.losses.clear()
        rows = []
        if self.log.is_file():
            with self.log.open(newline="") as file:
                rows = [old for old in csv.DictReader(file) if int(old["step"]) < row["step"]]
        table = StringIO(newline="")
        writer = csv.DictWriter(table, fieldnames=list(row))
        writer.writeheader()
        writer.writerows([*rows, row])
        self._write(self.log, table.getvalue().encode())
        return row


class _Learner(nn.Module):
    """The network and, while it learns, a free vector for each concept.

    Pictures learn from these prototypes at once, long before the text tower tells phrases apart, which then
    only has to meet the pictures. They are not exported.
    """

    def __init__(self, network: PocketCLIP, concepts: int, dim: int) -> None:
        super().__init__()
        self.network = network
        self.prototypes = nn.Parameter(dim**-0.5 * torch.randn(concepts, dim))

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        images, texts, scale = self.network(pixels, tokens)
        return images, texts, F.normalize(self.prototypes, dim=-1), scale


def _decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and filters, none for norms, biases and scalars."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]

"""``terralex train``: a recipe, and a folder for the run."""

from pathlib import Path
from typing import Annotated

import typer

from terralex.cli import options
from terralex.cli.messages import INTERRUPTED, say
from terralex.runtime.errors import UsageError


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A shipped recipe (rcme, radial, meru, atmg, clip, msclip, pocket) or a YAML file.",
        ),
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Changes to it: steps=100 augment.mix=0.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the run: checkpoint, log, model.")
    ] = Path("run"),
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
) -> int:
    """Train a model from a recipe, and export it as a folder that --model local-dir: takes."""
    import logging

    try:
        import torch

        from terralex.runtime.device import is_emulated
        from terralex.training import Recipe, Trainer
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs {error.name}: pip install 'terralex[train]'") from error

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    trainer = Trainer(Recipe.load(recipe, changes or []), output, resume=resume, overwrite=overwrite)
    tell = say if trainer.is_first_process else (lambda _: None)
    if trainer.recipe.precision.startswith("bf16") and is_emulated(torch.bfloat16, trainer.fabric.device):
        tell("this processor emulates bfloat16: precision=32-true is several times faster")
    if trainer.step:
        tell(f"going on at step {trainer.step} of {trainer.recipe.steps}")
    elif trainer.recipe.objective.reads_pictures:
        tell(f"{output / 'first_batch.png'} shows what the network will see")
    try:
        for row in trainer.run():
            tell(_progress(row, trainer.recipe.steps))
    except KeyboardInterrupt:
        kept = "nothing is kept"
        if trainer.saved:
            kept = f"{trainer.checkpoint} holds step {trainer.saved}: repeat it with --resume to go on"
        tell(f"interrupted at step {trainer.step}; {kept}")
        return INTERRUPTED
    finally:
        for name, reason in trainer.damaged.items():  # of every process: each reads its own pictures
            say(f"could not be read, and was stood in for: {name}: {reason}")
    if trainer.is_first_process:
        tell(f"model: {trainer.export()}")
    if trainer.validated:
        tell(f"best on the validation data: {output / 'best'} (loss {trainer.best:.3f})")
    return 0


def _progress(row: dict[str, float], steps: int) -> str:
    checked = f"  validation {row['validation_loss']:.3f}" if "validation_loss" in row else ""
    return (
        f"step {row['step']:.0f} of {steps}  loss {row['loss']:.3f}{checked}  "
        f"{row['pictures_per_second']:.0f} pictures/s  {row['seconds_left'] / 60:.1f} min left"
    )

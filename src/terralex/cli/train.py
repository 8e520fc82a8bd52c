"""``terralex train``: a recipe, and a folder for the run."""

from pathlib import Path
from typing import Annotated

import typer

from terralex.cli import options
from terralex.runtime.errors import UsageError


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A shipped recipe (pocket) or a YAML file.")
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
) -> None:
    """Train a model from a recipe, and export it as a folder that --model local-dir: takes."""
    from rich.console import Console

    try:
        from terralex.training import Recipe, Trainer
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs {error.name}: pip install 'terralex[train]'") from error

    console = Console(stderr=True)
    trainer = Trainer(Recipe.load(recipe, changes or []), output, resume=resume, overwrite=overwrite)
    for row in trainer.run():
        console.print(
            f"step {row['step']:.0f} of {trainer.recipe.steps}  loss {row['loss']:.3f}  "
            f"{row['pictures_per_second']:.0f} pictures/s  {row['seconds_left'] / 60:.1f} min left",
            highlight=False,
        )
    console.print(f"model: {trainer.export()}", highlight=False)

"""Options that mean the same in every verb. Importing them loads only typer."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from terralex.runtime.options import ModelOptions

RUNNING = "How it runs"
READING = "How files are read"
WRITING = "What comes out"


class Form(StrEnum):
    """What `--format` takes."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"
    msclip = "msclip"


class ClassifyForm(StrEnum):
    """What `classify --format` takes."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"
    msclip = "msclip"
    pybioclip = "pybioclip"


class ResizeName(StrEnum):
    """What `--resize` takes."""

    model = "model"
    squash = "squash"


class EngineName(StrEnum):
    """What `--engine` takes."""

    local = "local"
    ray = "ray"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Files, folders, globs, @lists of paths, or - for paths on standard input.",
        show_default=False,
    ),
]
Gallery = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Where to look: images as files, folders, globs, @lists; or .parquet files of `terralex embed`.",
        show_default=False,
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        "-l",
        metavar="LABELS",
        help='What to tell apart: "water,forest,town", a .txt, .yaml or .csv file, or a .fit file.',
        show_default=False,
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A model of `terralex models list`, hf-hub:OWNER/NAME, local-dir:PATH, or a checkpoint file.",
    ),
]
SearchModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="As for `classify`. Default: the model that made the vectors, or pocket.",
        show_default=False,
    ),
]
Templates = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Prompts around the labels: msclip, openai, plain, ... or a file. Default: the model's own.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where to write; the ending decides the form: .csv, .jsonl or .parquet.",
        rich_help_panel=WRITING,
        show_default=False,
    ),
]
Format = Annotated[
    Form | None,
    typer.Option(
        "--format",
        help="Default: by the ending; a table on a terminal. msclip: the columns of MS-CLIP's scripts.",
        rich_help_panel=WRITING,
        show_default=False,
    ),
]
ClassifyFormat = Annotated[
    ClassifyForm | None,
    typer.Option(
        "--format",
        help="Default: by the ending; a table on a terminal. msclip, pybioclip: the columns of these tools; "
        "pybioclip's scores are those of --resize squash.",
        rich_help_panel=WRITING,
        show_default=False,
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was cut short.", rich_help_panel=WRITING)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the output if it is there.", rich_help_panel=WRITING)
]
BandNames = Annotated[
    str | None,
    typer.Option(
        "--bands",
        metavar="NAMES",
        help="Bands of files that do not name them: SENSOR:B02,B03,... in file order, or a named order.",
        rich_help_panel=READING,
    ),
]
UnitName = Annotated[
    str | None,
    typer.Option(
        "--units",
        metavar="NAME",
        help="What their values mean: dn, dn+1000, reflectance, 8bit or landsat-c2.",
        rich_help_panel=READING,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Images that go through the model at once; on a CPU fewer, if they are large.",
        rich_help_panel=RUNNING,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Threads that read files ahead. Default: two more than there are cores, at most 8.",
        rich_help_panel=RUNNING,
        show_default=False,
    ),
]
Device = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=RUNNING)
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, float32, bfloat16 or float16. Auto: bfloat16 on a GPU, else float32.",
        rich_help_panel=RUNNING,
    ),
]
Engine = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="local: this process. ray: the workers of the Ray cluster at RAY_ADDRESS, or of one that is "
        "started on this machine, on CPUs or on GPUs as --device says; they keep no vectors for later runs.",
        rich_help_panel=RUNNING,
    ),
]
Resize = Annotated[
    ResizeName,
    typer.Option(
        "--resize",
        help="How pictures become square. model: as the model's card says, mostly the centre of the picture. "
        "squash: the whole picture, its shape changed, as pybioclip does.",
        rich_help_panel=READING,
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.", rich_help_panel=RUNNING)]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Neither use nor keep vectors of earlier runs.", rich_help_panel=RUNNING),
]


_RUN: dict[str, tuple[str, object]] = {
    "bands": ("bands", BandNames),
    "units": ("units", UnitName),
    "batch_size": ("batch_size", BatchSize),
    "workers": ("workers", Workers),
    "device": ("device", Device),
    "precision": ("precision", Precision),
    "resize": ("resize", Resize),
    "engine": ("engine", Engine),
    "offline": ("offline", Offline),
    "cache": ("no_cache", NoCache),
}
"""Of each field of `RunOptions`: the parameter of a verb, and its annotation."""

_Verb = Callable[..., Any]


def takes_run(*, without: tuple[str, ...] = (), **defaults: object) -> Callable[[_Verb], _Verb]:
    """Give a verb the options of a run, in place of its parameter `run`, which receives them.

    The parameter is annotated with `RunOptions`, or with `ModelOptions` for the options of a model alone.

    Args:
        without: Fields that the verb has no use for.
        defaults: Defaults that differ from those of `RunOptions`.
    """

    def decorate(verb: _Verb) -> _Verb:
        hints = get_type_hints(verb, include_extras=True)
        kind: type[ModelOptions] = hints.pop("run")
        names = {field.name for field in fields(kind)} - set(without)
        standard = {field.name: field.default for field in fields(kind)} | defaults
        used = [(name, *parameter) for name, parameter in _RUN.items() if name in names]
        signature = inspect.signature(verb)
        # With the annotations themselves: of those that are strings, Typer takes the type alone, so that an
        # argument with a default would become an option.
        own = [
            parameter.replace(annotation=hints[name])
            for name, parameter in signature.parameters.items()
            if name != "run"
        ]
        added = [_parameter(option, note, standard[name]) for name, option, note in used]

        @wraps(verb)
        def run_verb(**given: Any) -> Any:  # noqa: ANN401 (what the verb takes and returns)
            values = {name: given.pop(option) for name, option, _ in used}
            if "cache" in values:
                values["cache"] = not values["cache"]
            values = {name: getattr(value, "value", value) for name, value in values.items()}
            if values.get("precision") == "bfloat16":
                say_if_emulated(str(values.get("device", "auto")))
            return verb(**given, run=kind(**{**defaults, **values}))

        run_verb.__signature__ = signature.replace(parameters=own + added)  # type: ignore[attr-defined]
        run_verb.__annotations__ = hints | {parameter.name: parameter.annotation for parameter in added}
        return run_verb

    return decorate


def say_if_emulated(device: str) -> None:
    """Say so where bfloat16 was asked for and the device has no instructions for it."""
    import torch

    from terralex.cli.messages import say
    from terralex.runtime.device import is_emulated, resolve_device

    chosen = resolve_device(device)
    if is_emulated(torch.bfloat16, chosen):
        say(f"{chosen} has no instructions for bfloat16 and emulates it: float32 is several times faster")


def _parameter(option: str, annotation: object, default: object) -> inspect.Parameter:
    if option == "no_cache":
        default = False
    if option == "engine":
        default = EngineName(str(default))
    if option == "resize":
        default = ResizeName(str(default))
    return inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

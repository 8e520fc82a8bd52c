"""`terralex map`: posed RGB-D to a map that can be asked in words."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import ModelOptions

FRAMES = "Which frames"

_VOXEL_SIZE = 0.05


@options.takes_run(without=("resize",))
def map_sequence(
    sequence: Annotated[
        Path, typer.Argument(metavar="SEQUENCE", help="The folder of a recording.", show_default=False)
    ],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="map.npz or map.zarr to ask; .ply or .html to look at. Can be repeated.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    model: options.ModelName = "pocket",
    voxel: Annotated[float, typer.Option(metavar="METRES", help="Side of a voxel.")] = _VOXEL_SIZE,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            "-l",
            metavar="LABELS",
            help='Tell these apart in each frame, and keep that alone: "chair,table,wall", or a file.',
            show_default=False,
        ),
    ] = None,
    templates: options.Templates = None,
    refine: Annotated[
        bool, typer.Option("--refine", help="Sharpen the outlines of the labels with SAM.")
    ] = False,
    layout: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="nice-replica, semantic-nerf, scannet, scannetpp, 7scenes, tum, plain, or auto.",
            rich_help_panel=FRAMES,
        ),
    ] = "auto",
    scene: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which of several.", rich_help_panel=FRAMES, show_default=False),
    ] = None,
    skip: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Frames left out after each that is used.", rich_help_panel=FRAMES
        ),
    ] = 0,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH",
            help="Pixels to resize frames to. Default: those of the depth maps.",
            rich_help_panel=FRAMES,
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        str | None,
        typer.Option(
            metavar="NEAR,FAR",
            help="Metres within which depth counts.",
            rich_help_panel=FRAMES,
            show_default=False,
        ),
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            help="How sure a depth must be, where that is known.",
            rich_help_panel=FRAMES,
        ),
    ] = 0.0,
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on though poses or depth seem wrong.", rich_help_panel=FRAMES),
    ] = False,
    crop: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Side of the model's windows in pixels; 0: none. Default: the model's own.",
            rich_help_panel=options.RUNNING,
            show_default=False,
        ),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Pixels from window to window. Default: about two thirds of one.",
            rich_help_panel=options.RUNNING,
            show_default=False,
        ),
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    *,
    run: ModelOptions,
) -> int:
    """Fuse a posed RGB-D recording into a map of voxels, to be asked with `terralex ask`.

    The recording is checked first. Parts of a map that is larger than memory wait on disk, and a run that was
    cut off goes on with --resume.
    """
    from terralex import recognition
    from terralex.cli.mapping import build, pair
    from terralex.mapping.frames import open_sequence

    recording = open_sequence(
        sequence,
        layout,
        scene,
        size=None if size is None else pair(size, "x", int, "--size 640x480")[::-1],
        frame_skip=skip,
        depth_limits=(0.0, float("inf")) if depth is None else pair(depth, ",", float, "--depth 0.1,10"),
    )
    return build(
        recording,
        output or [],
        model=model,
        labels=recognition.labels_from_arguments(labels) if labels else None,
        templates=templates,
        refine=refine,
        voxel_size=voxel,
        crop=crop,
        stride=stride,
        least_confidence=min_confidence,
        force=force,
        resume=resume,
        overwrite=overwrite,
        **asdict(run),
    )

"""`terralex segment`: where in pictures and scenes the words are."""

from pathlib import Path
from typing import Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import RunOptions

SCENES = "Maps of a scene"

_BATCH_SIZE = 4


@options.takes_run(without=("engine", "resize"), batch_size=_BATCH_SIZE)
def segment(
    inputs: options.Inputs,
    labels: options.Labels = None,
    model: options.ModelName = "pocket",
    templates: options.Templates = None,
    threshold: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="P", help="Pixels whose best label is less probable are none of them."
        ),
    ] = 0.0,
    presence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            help="Labels that nowhere in a photo reach this probability are not in it. Default: 0.5.",
            show_default=False,
        ),
    ] = None,
    refine: Annotated[
        bool, typer.Option("--refine", help="Sharpen the outlines in photos with SAM.")
    ] = False,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="For photos a folder. For one scene FILE.tif, and for polygons, areas and a picture of it "
            ".gpkg, .geojson or .parquet, .csv, .png: can be repeated.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    coco: Annotated[
        bool,
        typer.Option(
            "--coco",
            help="Also write coco.json, with the masks as run lengths.",
            rich_help_panel=options.WRITING,
        ),
    ] = False,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    gsd: Annotated[
        float | None,
        typer.Option(
            metavar="METRES",
            help="Metres on the ground a pixel of the map. Default: as the scene.",
            rich_help_panel=SCENES,
            show_default=False,
        ),
    ] = None,
    roi: Annotated[
        str | None,
        typer.Option(
            metavar="AREA",
            help="The part to map: west,south,east,north in degrees, or a file of polygons.",
            rich_help_panel=SCENES,
            show_default=False,
        ),
    ] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A GeoTIFF for probabilities, a band a label.",
            rich_help_panel=SCENES,
            show_default=False,
        ),
    ] = None,
    max_side: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Pixels of a photo's longer side that the model sees. Default: 1344.",
            rich_help_panel=options.READING,
            show_default=False,
        ),
    ] = None,
    *,
    run: RunOptions,
) -> int:
    """Say what each pixel is: in photos, or all over a scene.

    Photos get a mask, a picture with the labels drawn in, and a row with the area of each label; without -o
    the rows alone. A scene that has a place on the ground becomes a map that opens there in a GIS.
    """
    from terralex import recognition
    from terralex.cli.inputs import list_inputs
    from terralex.cli.messages import say
    from terralex.cli.segmenting import (
        Request,
        classes_from_arguments,
        map_scene,
        refuse,
        segment_photos,
        wants_map,
    )
    from terralex.recognition.fitting.fitfile import Fit
    from terralex.runtime import UsageError
    from terralex.segmentation.photos import MAX_SIDE, PRESENCE

    outputs = output or []
    if not labels:
        raise UsageError('say what to tell apart: --labels "water,forest,town"')
    classes = classes_from_arguments(labels, templates)
    if not isinstance(classes, Fit) and len(classes) == 1:
        say('with one label all is that; also give what it could be instead: --labels "tree,grass,road"')
    is_map = wants_map(outputs)
    if is_map:
        refuse("is for photos, not for maps", refine=refine, coco=coco, presence=presence, max_side=max_side)
    else:
        refuse("is for maps: pass -o FILE.tif", gsd=gsd, roi=roi, probabilities=probabilities)
    request = Request(
        items=list_inputs(inputs),
        labels=classes,
        load=lambda: recognition.open_model(model, run),
        templates=templates,
        threshold=threshold,
        run=run,
        resume=resume,
        overwrite=overwrite,
    )
    if is_map:
        return map_scene(request, outputs, gsd=gsd, roi=roi, probabilities=probabilities)
    return segment_photos(
        request,
        outputs,
        presence=PRESENCE if presence is None else presence,
        max_side=max_side or MAX_SIDE,
        coco=coco,
        refine=refine,
    )

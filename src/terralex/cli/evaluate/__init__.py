"""``terralex evaluate``: benchmarks over folders and made worlds."""

import typer

from terralex.cli.evaluate.classification import classification, land
from terralex.cli.evaluate.eo import eo
from terralex.cli.evaluate.life import life
from terralex.cli.evaluate.mapping import mapping
from terralex.cli.evaluate.ordering import ordering
from terralex.cli.evaluate.segmentation import segmentation
from terralex.cli.evaluate.taxonomy import taxonomy

app = typer.Typer(no_args_is_help=True, help="Measure a model on labelled pictures.")

for verb in (classification, land, taxonomy, ordering, life, segmentation, mapping, eo):
    app.command()(verb)

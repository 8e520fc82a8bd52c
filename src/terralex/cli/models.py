"""``terralex models``: the cards, and the weights behind them."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from terralex.models import ModelCard

app = typer.Typer(no_args_is_help=True, help="List models, show what is known of one, fetch weights.")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A name of `terralex models list`, or hf-hub:OWNER/NAME.")
]


@app.command("list")
def list_models() -> None:
    """List the models: what they see, how large they are, and whether their weights are on this machine."""
    from terralex.models import list_cards

    rows = [_row(card) for card in list_cards()]
    if not sys.stdout.isatty():
        for row in [_HEADER, *rows]:
            typer.echo("\t".join(row))
        return

    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    widths = [max(map(len, cells)) for cells in zip(_HEADER, *rows, strict=True)]
    widths[-1] = max(20, console.width - sum(width + 3 for width in widths[:-1]) - 4)
    for heading, width in zip(_HEADER, widths, strict=True):
        table.add_column(heading, width=width, no_wrap=True, justify="right" if heading == "size" else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


@app.command()
def show(name: Name) -> None:
    """Print a model's card: input, prompts, weights, licence, citation, scores."""
    from terralex.models import get_card
    from terralex.models.card import card_to_yaml

    if ":" in name or "/" in name:
        from terralex.models.loading import resolve

        card = resolve(name, offline=True).card
    else:
        card = get_card(name)
    typer.echo(card_to_yaml(card), nl=False)


@app.command()
def pull(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Models to fetch: names, or hf-hub:OWNER/NAME.")
    ],
) -> None:
    """Fetch weights, and print where they are. After that no network is needed."""
    from terralex.models import get_card, loading

    for name in names:
        card = None if name.startswith("hf-hub:") else get_card(name)
        typer.echo(loading.pull(card) if card else loading.resolve(name).weights)


_HEADER = ("name", "input", "size", "here", "licence", "for")


def _row(card: "ModelCard") -> tuple[str, ...]:
    from terralex.models import hub

    kind = "RGB" if card.input.sensor == "rgb" else f"{len(card.input.bands)} bands"
    file = hub.find(card.weights, card.name)
    size = file.stat().st_size / 1e6 if file else card.weights.size_mb
    return (
        card.name,
        kind,
        f"{size:,.0f} MB" if size else "?",
        "yes" if file else "no",
        card.licence.split(" (")[0],
        card.domain.partition(". ")[0],
    )

"""`terralex taxa`: look into a taxonomy, check it, take parts of it, write it in another form."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terralex.taxonomy import Finding, Taxon, Taxonomy

app = typer.Typer(no_args_is_help=True, help="Look into a taxonomy, check it, write it in another form.")

_SHOWN = 3  # findings of a kind

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A .csv, .tsv or .parquet with ranks as columns, Darwin Core, a .txt of names, BioCLIP's .json, "
        "class folders.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write: .csv, .tsv, .parquet or .json."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it is there.")]


@app.command()
def show(
    file: File,
    every: Annotated[bool, typer.Option("--all", help="Every finding, not some of each kind.")] = False,
) -> None:
    """Count the taxa of each rank, and say what looks wrong in the names."""
    from terralex.cli.messages import printable
    from terralex.taxonomy import read_taxonomy

    taxonomy = read_taxonomy(file)
    typer.echo(f"{len(taxonomy):,} leaves, {len(taxonomy.common):,} common names")
    width = max(map(len, taxonomy.ranks))
    for place, rank in enumerate(taxonomy.ranks):
        named = int(taxonomy.named[taxonomy.offsets[place] : taxonomy.offsets[place + 1]].sum())
        left = taxonomy.count(rank) - named
        note = f"   and {left:,} group{'s' * (left != 1)} without a name" if left else ""
        typer.echo(f"  {rank:{width}} {named:>9,}{note}")
    if taxonomy.report:
        typer.echo(printable(str(taxonomy.report)))
    _tell(taxonomy.validate(), None if every else _SHOWN)


def _tell(findings: "Sequence[Finding]", limit: int | None) -> None:
    from terralex.cli.messages import printable

    kinds = dict.fromkeys(finding.kind for finding in findings)
    if not kinds:
        typer.echo("nothing looks wrong")
    for kind in kinds:
        own = [finding for finding in findings if finding.kind == kind]
        typer.echo(f"{kind}: {len(own):,}")
        for finding in islice(own, limit):
            typer.echo(f"  {printable(finding.message)}")
        if limit and len(own) > limit:
            typer.echo(f"  and {len(own) - limit:,} more (--all shows them)")


@app.command()
def find(
    file: File,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help='Names of any rank; "Animalia > Morus" tells homonyms apart.'),
    ],
    rank: Annotated[str | None, typer.Option(metavar="RANK", help="Look among these alone.")] = None,
) -> None:
    """Find taxa by name: their lineage, and what is in them."""
    from terralex.taxonomy import read_taxonomy

    taxonomy = read_taxonomy(file)
    for taxon in taxonomy.find_all(names, rank):
        typer.echo("\n".join(_described(taxonomy, taxon)))


def _described(taxonomy: "Taxonomy", taxon: "Taxon") -> list[str]:
    from terralex.cli.messages import printable

    common = taxonomy.common.get(taxon.number)
    lines = [printable(str(taxon) + (f" ({common})" if common else ""))]
    below = taxonomy.subset(taxon.leaves)
    for place in range(len(taxon.ranks), len(taxonomy.ranks)):
        rank = taxonomy.ranks[place]
        numbers = range(below.offsets[place], below.offsets[place + 1])
        names = [below.full_names[number] for number in numbers if below.names[number]]
        some = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        lines.append(printable(f"  {rank}: {len(names):,}" + (f" ({some})" if names else "")))
    return lines


@app.command("list")
def list_taxa(
    file: File,
    rank: Annotated[
        str | None, typer.Option(metavar="RANK", help="Of which rank; default: the last.")
    ] = None,
    within: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only those in this taxon. Can be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="None of those in this taxon. Can be repeated.")
    ] = None,
) -> None:
    """List the taxa of a rank as CSV: a table that `classify --subset` takes.

    Of homonyms the whole lineage stands in the first column.
    """
    import csv
    import sys
    from collections import Counter

    from terralex.taxonomy import read_taxonomy
    from terralex.taxonomy.names import ARROW

    taxonomy = read_taxonomy(file)
    wanted = rank or taxonomy.ranks[-1]
    place = taxonomy.rank_index(wanted)
    borne = Counter(map(str.casefold, taxonomy.full_names[slice(*taxonomy.offsets[place : place + 2])]))
    if within:
        taxonomy = taxonomy.within(*within)
    if exclude:
        taxonomy = taxonomy.exclude(*exclude)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([wanted, *taxonomy.ranks[:place], "common_name"])
    for taxon in taxonomy.taxa(wanted):
        if taxon.name:
            above = taxon.lineage[:-1]
            homonym = borne[taxon.name.casefold()] > 1
            name = ARROW.join(filter(None, [*above, taxon.name])) if homonym else taxon.name
            writer.writerow([name, *above, taxonomy.common.get(taxon.number, "")])


@app.command()
def convert(file: File, output: Output, overwrite: Overwrite = False) -> None:
    """Write a taxonomy in another form, names put in order: a row a species, a column a rank."""
    from terralex.cli.messages import say_report
    from terralex.taxonomy import read_taxonomy

    taxonomy = read_taxonomy(file)
    say_report(taxonomy)
    _write(taxonomy, output, overwrite)


@app.command()
def made(output: Output, overwrite: Overwrite = False) -> None:
    """Write the made tree of life that the pocket model knows: 288 species that never lived."""
    from terralex.synthetic import make_tree_of_life
    from terralex.taxonomy import make_taxonomy

    tree = make_tree_of_life(0)
    _write(make_taxonomy(map(tree.lineage, range(len(tree.species)))), output, overwrite)


def _write(taxonomy: "Taxonomy", output: Path, overwrite: bool) -> None:
    from terralex.cli.messages import say
    from terralex.runtime import UsageError
    from terralex.taxonomy import write_taxonomy

    if output.exists() and not overwrite:
        raise UsageError(f"{output} is there already: pass --overwrite to replace it, or name another file")
    write_taxonomy(taxonomy, output)
    say(f"wrote {len(taxonomy):,} taxa to {output}")

"""What each objective teaches: one model trained on by each with one budget, measured on held-out species.

Every run is the recipe `pocket` (same start, pictures, steps and learning rate) with another objective.
Takes about five minutes a run on two cores.

    python benchmarks/hierarchy.py runs/pocket-clip/model -o runs/hierarchy
    python benchmarks/hierarchy.py runs/pocket-clip/model -o runs/hierarchy --only rcme clip --steps 50
"""

from __future__ import annotations

import argparse
from pathlib import Path

from terralex.evaluation import LifeReport, evaluate_life
from terralex.models import load_model
from terralex.training import Recipe, Trainer

RUNS: dict[str, list[str]] = {
    "clip": ["objective=clip"],
    "radial": ["objective=radial"],
    "meru": ["objective=meru"],
    "atmg": ["objective=atmg"],
    "rcme": [],
    "rcme, finest names aligned alone": ["objective.align=finest"],
    "rcme without the global term": ["objective.global_weight=0"],
}
HEADINGS = ("objective", "tau", "precision", "recall", "F1", "95 % of F1", "top-1 of seven ranks", "species")


def main() -> None:
    """Train and measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("start", help="the folder of the model that each run begins with")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()
    rows = [cells("before", evaluate_life(load_model(f"local-dir:{given.start}")))]
    for name in given.only:
        changes = [f"model=local-dir:{given.start}", *RUNS[name]]
        changes += [f"steps={given.steps}"] if given.steps else []
        trainer = Trainer(Recipe.load("pocket", changes), given.output / name.replace(" ", "-"), resume=True)
        for row in trainer.run():
            print(f"{name}: step {row['step']:.0f}, loss {row['loss']:.3f}", flush=True)
        rows.append(cells(name, evaluate_life(load_model(f"local-dir:{trainer.export()}"))))
    for row in (HEADINGS, ("---",) * len(HEADINGS), *rows):
        print("|", " | ".join(row), "|")


def cells(name: str, report: LifeReport) -> tuple[str, ...]:
    """A row of the table."""
    ordering, naming = report.ordering, report.naming
    low, high = ordering.intervals["f1"]
    figures = (f"{value:.3f}" for value in (ordering.tau, ordering.precision, ordering.recall, ordering.f1))
    accuracy = (f"{100 * naming.mean('top1'):.1f}", f"{100 * naming.ranks[-1].top1:.1f}")
    return (name, *figures, f"{low:.3f} to {high:.3f}", *accuracy)


if __name__ == "__main__":
    main()

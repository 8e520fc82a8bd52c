"""Run options are one thing: keywords, values and options of the command line."""

from dataclasses import fields
from typing import get_type_hints

import pytest
import typer
from typer.testing import CliRunner

import terralex
from terralex.cli.options import takes_run
from terralex.runtime.options import ModelKeywords, ModelOptions, RunKeywords, RunOptions


@pytest.mark.parametrize(("values", "keywords"), [(ModelOptions, ModelKeywords), (RunOptions, RunKeywords)])
def test_keywords_are_the_fields(values: type, keywords: type) -> None:
    assert get_type_hints(keywords) == get_type_hints(values)


def _run(*arguments: str, **decoration: object) -> RunOptions:
    given: list[RunOptions] = []
    app = typer.Typer()

    @app.command()
    @takes_run(**decoration)  # type: ignore[arg-type]
    def verb(name: str, *, run: RunOptions) -> None:
        given.append(run)

    result = CliRunner().invoke(app, ["x", *arguments])
    assert result.exit_code == 0, result.output
    return given[0]


def test_a_verb_receives_the_defaults() -> None:
    assert _run() == RunOptions()
    assert _run(batch_size=4) == RunOptions(batch_size=4)


def test_a_verb_receives_what_is_typed() -> None:
    typed = _run("--no-cache", "--engine", "ray", "--batch-size", "7", "--bands", "B02,B03", "--offline")
    assert typed == RunOptions(cache=False, engine="ray", batch_size=7, bands="B02,B03", offline=True)


def test_left_out_options_are_refused() -> None:
    assert {field.name for field in fields(RunOptions)} >= {"engine", "cache"}
    with pytest.raises(AssertionError, match="No such option"):
        _run("--engine", "ray", without=("engine",))


def test_python_refuses_unknown_options() -> None:
    with pytest.raises(TypeError, match="batchsize"):
        list(terralex.embed([], batchsize=3))  # type: ignore[call-arg]


def test_segmentation_does_not_run_on_ray() -> None:
    with pytest.raises(terralex.UsageError, match="engine='ray'"):
        terralex.segment([], ["water", "forest"], engine="ray")

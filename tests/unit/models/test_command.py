import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from terralex.cli.models import app
from terralex.models import get_card, list_cards
from terralex.models.card import parse_card
from terralex.runtime.errors import TerralexError, UsageError

MSCLIP = "ibm-esa-geospatial/Llama3-MS-CLIP-base"
FILE = "Llama3_MS_CLIP_weights.pt"


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_says_what_is_here(put_in_cache: Callable[..., Path]) -> None:
    def here() -> dict[str, str]:
        header, *rows = [line.split("\t") for line in _run("list").splitlines()]
        assert header[0] == "name"
        return {row[0]: row[header.index("here")] for row in rows}

    assert here().keys() == {card.name for card in list_cards()}
    assert here()["msclip"] == "no"
    put_in_cache(MSCLIP, {FILE: b"w"})
    assert here()["msclip"] == "yes"


def test_show_prints_the_card() -> None:
    assert parse_card(yaml.safe_load(_run("show", "msclip")), "shown") == get_card("msclip")


def test_pull_prints_the_file(put_in_cache: Callable[..., Path]) -> None:
    snapshot = put_in_cache(MSCLIP, {FILE: b"w"})
    assert _run("pull", "msclip", f"hf-hub:{MSCLIP}").splitlines() == [str(snapshot / FILE)] * 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["show", "nothing"], UsageError),
        (["show", "local-dir:nothing"], UsageError),
        (["pull", "nothing"], UsageError),
        (["pull", "skyclip-vit-l14"], TerralexError),
    ],
)
def test_mistakes(arguments: list[str], error: type[TerralexError]) -> None:
    with pytest.raises(error):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_listing_loads_no_torch() -> None:
    check = (
        "import sys; from terralex.models import list_cards, hub; "
        "[hub.find(card.weights, card.name) for card in list_cards()]; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_help_loads_nothing() -> None:
    check = (
        "import sys; import terralex.cli.models; "
        "assert not {'torch', 'yaml', 'terralex.models'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True)

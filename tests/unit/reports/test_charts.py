"""Charts without matplotlib, and with text of any kind."""

import io

import PIL.Image
import pytest

from terralex.cli.evaluate.results import NO_CHART
from terralex.metrics.curves import Curve
from terralex.reports import charts
from terralex.reports.curve_chart import draw_curves
from terralex.runtime import UsageError


def test_text_is_not_read_as_a_formula() -> None:
    content = draw_curves([Curve("$x^", (0.5,), (1.0,), (0.1,), (0.2,))], "a_b $\\frac", "100 %")
    assert PIL.Image.open(io.BytesIO(content)).format == "PNG"


def test_without_matplotlib_a_chart_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "find_spec", lambda name: None)
    assert not charts.has_matplotlib()
    with pytest.raises(UsageError, match=r"terralex\[charts\]"):
        draw_curves([], "title", "")
    assert "terralex[charts]" in NO_CHART


@pytest.mark.parametrize("length", [20, 21, 42])
def test_long_names_lose_their_middle(length: int) -> None:
    assert charts.shortened("a\nb", length) == "a b"
    text = charts.shortened("0123456789" * 9, length)
    assert len(text) == length
    assert text.startswith("01")
    assert text.endswith("9")
    assert " … " in text

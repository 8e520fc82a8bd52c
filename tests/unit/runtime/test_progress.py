import re
import time

import pytest

from terralex.runtime import progress


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_quiet_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with progress(10, "classify") as bar:
        bar.advance(10, failed=1)
    assert capfd.readouterr() == ("", "")


def test_rate_time_left_and_failures_are_shown_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with progress(40, "classify", force=True) as bar:
        for _ in range(6):
            bar.advance(5, failed=1)
            time.sleep(0.1)
        print("a,row,of,data")
    output, shown = capfd.readouterr()
    assert output == "a,row,of,data\n"
    last = plain(shown).rsplit("classify", 1)[1]
    assert re.search(r"30/40 +[\d,]+\.\d/s +0:00:\d\d +6 failed", last)


def test_a_resumed_run_starts_where_it_stood(capfd: pytest.CaptureFixture[str]) -> None:
    with progress(100, "embed", done=60, failed=2, force=True) as bar:
        bar.advance(10)
    shown = plain(capfd.readouterr().err)
    assert " 60/100 " in shown
    assert " 70/100 " in shown
    assert "2 failed" in shown


def test_no_failures_are_not_mentioned(capfd: pytest.CaptureFixture[str]) -> None:
    with progress(2, "embed", force=True) as bar:
        bar.advance(2)
    assert "failed" not in capfd.readouterr().err


def test_an_interrupt_passes_through_and_gives_the_terminal_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), progress(2, "embed", force=True):
        raise KeyboardInterrupt
    shown = capfd.readouterr().err
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")  # the cursor is shown again

"""Texts that are longer than the model reads."""

import logging

import pytest

from terralex.models.tokenizer import PocketTokenizer
from terralex.models.truncation import TruncationCheck


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> TruncationCheck:
    monkeypatch.setattr(logging.getLogger("terralex.models"), "propagate", True)
    return TruncationCheck("tiny", PocketTokenizer(100, 16))


def test_short_texts_are_not_mentioned(check: TruncationCheck, caplog: pytest.LogCaptureFixture) -> None:
    check.check(["a lake", "x" * 14, ""])
    assert not caplog.records


def test_long_texts_are_mentioned_once(check: TruncationCheck, caplog: pytest.LogCaptureFixture) -> None:
    check.check(["a lake", "zqx" * 9])
    check.check(["jvw" * 9])
    (record,) = caplog.records
    said = "tiny reads 16 tokens of a text; 1 of 2 texts are longer and are cut, such as"
    assert record.getMessage() == f"{said} {'zqx' * 9!r}"


def test_texts_that_become_equal_are_named(check: TruncationCheck, caplog: pytest.LogCaptureFixture) -> None:
    start = "zqxj " * 6
    check.check([f"{start}water", f"{start}forest"])
    assert [record.getMessage()[-60:] for record in caplog.records][1:] == [
        f"cannot distinguish '{start}water' and '{start}forest': they differ only in what is cut"[-60:]
    ]

"""What tables say of differences from published code is what the documentation says."""

from pathlib import Path

import pytest

from terralex.evaluation.differences import IMAGES, MAPPING, REFINEMENT, Difference, difference_notes

DOCUMENT = Path(__file__).parents[3] / "docs" / "as-published.md"


@pytest.mark.parametrize("difference", [*IMAGES, *REFINEMENT, *MAPPING], ids=lambda one: one.published[:30])
def test_every_difference_is_a_row_of_the_documentation(difference: Difference) -> None:
    rows = [line.split(" | ") for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert [f"| {difference.published}", difference.ours] in [row[:2] for row in rows]


def test_notes_tell_which_of_the_two_it_is() -> None:
    difference = Difference("the sky is green", "it is blue")
    assert difference_notes([difference], as_published=True) == ("As published: the sky is green.",)
    (note,) = difference_notes([difference], as_published=False)
    assert note == "Not as published, which --as-published is: the sky is green (here: it is blue)."

"""Where the published code of RADSeg is followed only by `--as-published`; docs/as-published.md says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A difference between the published code and the default here.

    Attributes:
        published: What the published code does.
        ours: What is done by default.
    """

    published: str
    ours: str


IMAGES = (
    Difference(
        "where no class reaches the presence threshold, every pixel is the first class", "they are no class"
    ),
)
REFINEMENT = (
    Difference(
        "SAM's prompts are up to 15 of 1,024 pixels off its features", "prompts and features are in one frame"
    ),
    Difference("norms of SAM's mask prompts go over rows", "over channels, as SAM was trained"),
    Difference("where SAM fails on a region, other classes' masks take it", "it keeps its class"),
)
MAPPING = (
    Difference("ties go to no class first", "no class loses ties, and of labels the nearest wins"),
    Difference("classes are looked for in 10,000 voxels at once", "in the whole map"),
    Difference("cameras of resized frames are up to half a pixel off", "they are exact"),
    Difference("RADIO's position table is resized with align_corners off", "as the weights were trained"),
)


def difference_notes(differences: Sequence[Difference], *, as_published: bool) -> tuple[str, ...]:
    """What to say of differences beside figures."""
    if as_published:
        return (f"As published: {'; '.join(one.published for one in differences)}.",)
    told = "; ".join(f"{one.published} (here: {one.ours})" for one in differences)
    return (f"Not as published, which --as-published is: {told}.",)

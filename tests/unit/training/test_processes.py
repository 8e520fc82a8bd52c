"""Two processes learn what one does."""

import pytest

from .gradients import Gradients, assert_same_gradients


@pytest.mark.parametrize("name", ["clip", "rcme", "radial", "meru", "atmg"])
def test_two_processes_have_the_gradients_of_one(
    tree_changes: list[str], gradients: Gradients, name: str
) -> None:
    changes = [*tree_changes, "steps=1", "accumulate=2", "batch_size=8", "clip_norm=1e9", "augment.gain=0.3"]
    one, two = (gradients(name, [*changes, "validation=null"], processes) for processes in (1, 2))
    assert_same_gradients(two, one)

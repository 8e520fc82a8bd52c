from pathlib import Path

import numpy as np
import pytest
import torch

from terralex.models import get_card, load_model
from terralex.runtime.errors import UsageError
from terralex.training import Recipe, Trainer
from terralex.training.augment import Augmentation
from terralex.training.captions import ConceptCaptions
from terralex.training.concepts import HOLDS, Concepts
from terralex.training.scenes import LabelledScenes

STILL = Augmentation(crop=1.0, gain=0.0, drop_bands=0.0, render=0.0, mix=0.0)
RGB = (2, 1, 0)


@pytest.fixture(scope="module")
def scenes() -> LabelledScenes:
    concepts = Concepts.load("land")
    captions = ConceptCaptions(concepts, ["{c}"])
    return LabelledScenes(3, captions, get_card("pocket").input, seed=0)


def test_a_batch_depends_on_its_number_alone(scenes: LabelledScenes) -> None:
    first, again, other = (scenes.draw(state, 5, 64, Augmentation(), RGB) for state in (4, 4, 5))
    torch.testing.assert_close(first.pixels, again.pixels)
    assert torch.equal(first.concepts, again.concepts)
    assert first.texts == again.texts
    assert not torch.equal(first.concepts, other.concepts)


def test_places_and_names_stay_together(scenes: LabelledScenes) -> None:
    """Turned, mirrored and enlarged alike: water, dark in the infrared, is where it is named."""
    water = scenes.captions.concepts.index("water")
    dark = []
    for state in range(12):
        batch = scenes.draw(state, 5, 64, STILL, RGB)
        infrared = batch.pixels[:, 6, 1::2, 1::2] * scenes.spec.std[6] + scenes.spec.mean[6]
        shown = infrared.flatten(1).gather(1, batch.places)[batch.concepts == water]
        dark += [(shown < 900).float().mean().item()]
    assert np.nanmean(dark) > 0.9


def test_the_relation_is_of_places_and_their_names(scenes: LabelledScenes) -> None:
    batch = scenes.draw(0, 5, 64, STILL, RGB)
    assert batch.relation.shape == (len(scenes.captions.concepts) + 1, len(batch.texts))
    shown = batch.concepts.unique()
    assert (batch.relation[shown] == HOLDS).any(dim=1).all()
    assert batch.pixels.shape == (5, 10, 64, 64)
    assert batch.concepts.shape == batch.places.shape == (5, 1024)
    assert all(len(set(places.tolist())) == 1024 for places in batch.places)


def test_only_the_dense_head_learns(tmp_path: Path) -> None:
    """What the model says of whole pictures and of texts stays as it was, statistics of norms included."""
    changes = ["model=pocket", "scenes=2", "steps=3", "batch_size=4", "warmup=1"]
    changes += ["precision=32-true"]  # bfloat16 is slow on processors without it
    trainer = Trainer(Recipe.load("pocket-dense", [*changes, "average=0", "export=float32"]), tmp_path)
    losses = [row["loss"] for row in trainer.run()]
    assert np.isfinite(losses).all()
    before = load_model("pocket", device="cpu").network.state_dict()
    learnt = load_model(f"local-dir:{trainer.export()}", device="cpu")
    changed = {name for name, value in learnt.network.state_dict().items() if not value.equal(before[name])}
    assert changed
    assert all(name.startswith("visual.dense_head.") for name in changed)
    assert learnt.card.geometry == "radial"


@pytest.mark.parametrize(
    "changes", [["objective=clip"], ["data=[{kind: land, tiles: 40, share: 1}]"], ["scenes=0"]]
)
def test_scenes_are_for_dense_alone(changes: list[str]) -> None:
    with pytest.raises(UsageError, match="scenes"):
        Recipe.load("pocket-dense", changes)

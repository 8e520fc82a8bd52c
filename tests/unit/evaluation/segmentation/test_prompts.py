"""SigLIP 2's prompts for the classes of the benchmarks, as RADSeg's evaluation makes them."""

import re
import string
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from terralex.evaluation.segmentation import class_names
from terralex.models import load_model, load_templates
from terralex.models.hub import hand_folder
from terralex.segmentation.segmenter import Vocabulary

from ...models.radio import made
from ...models.radio.towers import write_siglip2

TOWER = "google/siglip2-so400m-patch16-naflex"


def test_published_names_lose_their_spaces_and_keep_their_hyphens() -> None:
    names = {
        name: phrases
        for dataset in ("cityscapes", "coco-stuff")
        for name, phrases in class_names(dataset).items()
    }
    assert names["traffic light"] == ("trafficlight",)
    assert all(len(phrases) == 1 and " " not in phrases[0] for phrases in names.values())
    assert any("-" in phrases[0] for phrases in names.values())
    assert {"ship", "table"} <= {phrases[0] for phrases in class_names("voc20").values()}


def test_classes_are_the_mean_of_their_normalised_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step: 80 prompts, canonical text, 64 tokens, last position, unit length, mean."""
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    theirs = write_siglip2(hand_folder(TOWER.replace("/", "--")), out=made.OUT)
    content = {"arch": "x", "epoch": 1, "args": made.arguments(), "state_dict": made.checkpoint_state()}
    torch.save(content, tmp_path / "made.pth.tar")
    model = load_model(f"c-radio-v3-b@{tmp_path / 'made.pth.tar'}", offline=True)
    names = dict(list(class_names("cityscapes").items())[5:8])
    vocabulary = Vocabulary.of(model, names)

    templates = load_templates("openai")
    assert len(templates) == 80
    tokenizer = model.tokenizer._tokenizer  # type: ignore[attr-defined]
    for vector, (phrase,) in zip(vocabulary.phrases, names.values(), strict=True):
        rows = np.zeros((80, 64), np.int64)
        for row, template in zip(rows, templates, strict=True):
            text = template.replace("{c}", phrase).replace("_", " ").lower()
            text = re.sub(r"\s+", " ", "".join(c for c in text if c not in string.punctuation)).strip()
            ids = [*tokenizer.encode(text, add_special_tokens=False).ids[:63], 1]
            row[: len(ids)] = ids
        with torch.no_grad():
            prompts = theirs.text_model(input_ids=torch.from_numpy(rows)).pooler_output
        expected = F.normalize(F.normalize(prompts, dim=1).mean(dim=0), dim=0)
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=0)

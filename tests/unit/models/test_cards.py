from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from terralex.imagery import load_sensors
from terralex.models import ModelCard, get_card, list_cards, load_templates, read_card
from terralex.models.card import card_to_yaml, parse_card
from terralex.models.networks import open_clip_config
from terralex.models.registry import card_for_repo
from terralex.runtime.errors import TerralexError, UsageError

SHIPPED = list_cards()
PUBLISHED = {
    "bioclip",
    "bioclip-2",
    "rcme",
    "rcme-vit-b16",
    "rcme-vit-l14",
    "msclip",
    "clip-vit-b16",
    "clip-vit-b32",
    "clip-vit-l14",
    "remoteclip-vit-b32",
    "remoteclip-vit-l14",
    "georsclip-vit-b32",
    "georsclip-vit-l14",
    "skyclip-vit-b32",
    "skyclip-vit-l14",
}

every_card = pytest.mark.parametrize("card", SHIPPED, ids=lambda card: card.name)


def test_published_models_have_cards() -> None:
    assert {card.name for card in SHIPPED} >= PUBLISHED


@every_card
def test_names_are_file_names(card: ModelCard) -> None:
    assert (Path(str(files("terralex.models"))) / "cards" / f"{card.name}.yaml").is_file()


@every_card
def test_bands_are_of_the_sensor(card: ModelCard) -> None:
    sensor = load_sensors()[card.input.sensor]
    assert set(card.input.bands) <= {band.name for band in sensor.bands}


@every_card
def test_templates_exist(card: ModelCard) -> None:
    assert load_templates(card.text.templates)


@every_card
def test_says_where_it_is_from(card: ModelCard) -> None:
    assert card.weights.bundled or card.weights.repo or card.weights.url
    assert card.licence
    assert card.weights.bundled or card.url.startswith("https://")
    assert all(score.source for score in card.scores)


@pytest.mark.parametrize("card", [c for c in SHIPPED if c.family == "open_clip"], ids=lambda card: card.name)
def test_architecture_is_known_and_fits(card: ModelCard) -> None:
    config = open_clip_config(card.architecture, card.name)
    assert config["embed_dim"] == card.embed_dim
    assert config["vision_cfg"]["image_size"] == card.input.size
    assert config["text_cfg"]["context_length"] == card.text.context


@every_card
def test_yaml_brings_it_back(card: ModelCard) -> None:
    assert parse_card(yaml.safe_load(card_to_yaml(card)), "again") == card


def test_msclip_is_what_was_published() -> None:
    spec = get_card("msclip").input
    assert spec.bands == ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
    assert (spec.mean[0], spec.std[-1]) == (925.161, 1365.080)
    assert get_card("msclip").logit_scale == 100


def test_unknown_name_offers_near_ones() -> None:
    with pytest.raises(UsageError, match=r"'bioclip2'.*did you mean bioclip"):
        get_card("bioclip2")


def test_card_by_repository() -> None:
    card = card_for_repo("imageomics/bioclip-2")
    assert card is not None
    assert card.name == "bioclip-2"
    assert card_for_repo("chendelong/RemoteCLIP") is None, "it holds two models"
    assert card_for_repo("nobody/nothing") is None


def _msclip() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(card_to_yaml(get_card("msclip")))
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.pop("licence"), "licence is missing"),
        (lambda card: card.update(lisence="MIT"), r"lisence is not a field here \(fields: architecture"),
        (lambda card: card.update(family="resnet"), "family must be .*open_clip.*pocket.*, not 'resnet'"),
        (lambda card: card["input"].update(mean=[1.0]), "input: mean has 1 values for 10 bands"),
        (lambda card: card["input"].update(std=[0.0] * 10), r"input.std\[0\] must be greater than 0"),
        (lambda card: card["input"].update(bands=["B02"] * 10), "input: bands must each be named once"),
        (lambda card: card["input"].update(size="224"), "input.size must be a whole number"),
        (lambda card: card["input"].update(size=True), "input.size must be a whole number"),
        (lambda card: card["input"].update(crop=True), r"input.crop is not a field here \(fields: antialias"),
        (lambda card: card["weights"].update(files=[]), "weights.files .* at least 1 item"),
        (lambda card: card.update(weights=["a"]), "weights must be a mapping"),
        (lambda card: card["scores"].append({"task": "t"}), r"scores\[6\].metric is missing"),
        (lambda card: card.update(notes=[1]), r"notes\[0\] must be a text, not 1"),
        (
            lambda card: card.update(geometry="flat"),
            "geometry must be 'cosine', 'radial' or 'lorentz', not 'flat'",
        ),
        (lambda card: card.update(geometry="radial"), "root is missing: a radial model needs"),
        (lambda card: card.update(root="life"), "root is for radial models only, and geometry is cosine"),
        (lambda card: card.update(geometry="lorentz", root=""), "root is for radial models only"),
    ],
)
def test_mistakes_are_named(change: Any, message: str) -> None:  # noqa: ANN401
    data = _msclip()
    change(data)
    with pytest.raises(TerralexError, match=f"my card: {message}"):
        parse_card(data, "my card")


@pytest.mark.parametrize(
    "content", ["- a\n", "name: [", "\x00", "name: !!python/object/apply:os.getcwd []", "a: &a 1\nb: *a\n"]
)
def test_no_card_at_all(tmp_path: Path, content: str) -> None:
    path = tmp_path / "terralex_card.yaml"
    path.write_text(content)
    with pytest.raises(TerralexError, match=r"terralex_card\.yaml"):
        read_card(path)

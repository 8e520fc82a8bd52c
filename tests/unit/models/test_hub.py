import hashlib
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from terralex.models import get_card, hub, loading
from terralex.models.loading import resolve
from terralex.runtime.cache import cache_dir
from terralex.runtime.errors import TerralexError, UsageError

MSCLIP = "ibm-esa-geospatial/Llama3-MS-CLIP-base"
FILE = "Llama3_MS_CLIP_weights.pt"

PutInCache = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, and no connection at all: not even an attempt."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "terralex"))

    def refuse(*_: object) -> None:
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.fixture
def no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a network: every attempt fails as the system says it."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, fail)


def test_cached_weights_open_no_connection(put_in_cache: PutInCache) -> None:
    snapshot = put_in_cache(MSCLIP, {FILE: b"weights"})
    card = get_card("msclip")
    assert hub.locate(card.weights, card.name) == snapshot / FILE
    assert loading.pull(card) == snapshot / FILE
    assert resolve("msclip").weights == snapshot / FILE


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_cache_is_where_the_environment_says(
    put_in_cache: PutInCache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    put_in_cache(MSCLIP, {FILE: b"weights"})
    place = {"HF_HUB_CACHE": "a/b", "HF_HOME": "a", "XDG_CACHE_HOME": "x"}[variable]
    hub_folder = {"HF_HUB_CACHE": "a/b", "HF_HOME": "a/hub", "XDG_CACHE_HOME": "x/huggingface/hub"}[variable]
    (tmp_path / hub_folder).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "hf" / "hub").rename(tmp_path / hub_folder)
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, str(tmp_path / place))
    assert hub.find(get_card("msclip").weights, "msclip") is not None


def test_any_of_the_files_will_do(put_in_cache: PutInCache) -> None:
    snapshot = put_in_cache("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", {"open_clip_pytorch_model.bin": b"w"})
    assert resolve("clip-vit-b32").weights == snapshot / "open_clip_pytorch_model.bin"
    put_in_cache("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", {"open_clip_model.safetensors": b"w"})
    assert resolve("clip-vit-b32").weights == snapshot / "open_clip_model.safetensors", (
        "the first is preferred"
    )


def test_a_file_in_a_folder_of_the_repository(put_in_cache: PutInCache) -> None:
    snapshot = put_in_cache("Zilun/GeoRSCLIP", {"ckpt/RS5M_ViT-B-32.pt": b"w"})
    assert resolve("georsclip-vit-b32").weights == snapshot / "ckpt" / "RS5M_ViT-B-32.pt"


def test_pinned_revision_before_main(put_in_cache: PutInCache) -> None:
    card = get_card("bioclip-2")
    assert len(card.weights.revision) == 40
    main = put_in_cache("imageomics/bioclip-2", {"open_clip_model.safetensors": b"later"}, commit="b" * 40)
    assert hub.find(card.weights, card.name) == main / "open_clip_model.safetensors"
    pinned = put_in_cache(
        "imageomics/bioclip-2", {"open_clip_model.safetensors": b"w"}, commit=card.weights.revision, ref=None
    )
    assert hub.find(card.weights, card.name) == pinned / "open_clip_model.safetensors"


def test_put_by_hand() -> None:
    folder = cache_dir() / "weights" / "skyclip-vit-b32"
    folder.mkdir(parents=True)
    (folder / "epoch_20.pt").write_bytes(b"w")
    assert resolve("skyclip-vit-b32").weights == folder / "epoch_20.pt"


@pytest.mark.parametrize("variable", [None, "TERRALEX_OFFLINE", "HF_HUB_OFFLINE"])
def test_absent_and_offline(monkeypatch: pytest.MonkeyPatch, variable: str | None) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    with pytest.raises(TerralexError) as error:
        resolve("msclip", offline=variable is None)
    message = str(error.value)
    for part in (
        FILE,
        f"https://huggingface.co/{MSCLIP}",
        "604 MB",
        "terralex models pull msclip",
        "msclip@",
    ):
        assert part in message
    assert str(cache_dir() / "weights" / "msclip") in message
    assert "\n" not in message


@pytest.mark.usefixtures("no_route")
def test_absent_without_a_network() -> None:
    with pytest.raises(TerralexError, match=r"msclip are not on this machine.*\(cannot fetch Llama3_MS_CLIP"):
        loading.pull(get_card("msclip"))


def test_what_is_not_on_the_hub_says_where_it_is() -> None:
    with pytest.raises(
        TerralexError, match=r"get epoch_20\.pt from .*SkyCLIP_ViT_B32_top50pct\.zip.*skyclip-vit-b32@"
    ):
        loading.pull(get_card("skyclip-vit-b32"))


def test_checksum(put_in_cache: PutInCache) -> None:
    snapshot = put_in_cache("Zilun/GeoRSCLIP", {"ckpt/RS5M_ViT-L-14.pt": b"not the weights"})
    card = get_card("georsclip-vit-l14")
    with pytest.raises(TerralexError, match="damaged or not what georsclip-vit-l14"):
        loading.pull(card)
    own = replace(card, weights=replace(card.weights, sha256=hashlib.sha256(b"not the weights").hexdigest()))
    assert loading.pull(own) == snapshot / "ckpt" / "RS5M_ViT-L-14.pt"


def test_hub_names_of_known_repositories(put_in_cache: PutInCache) -> None:
    put_in_cache(MSCLIP, {FILE: b"weights"})
    assert resolve(f"hf-hub:{MSCLIP}").card == get_card("msclip")
    with pytest.raises(UsageError, match="use remoteclip-vit-b32 or remoteclip-vit-l14"):
        resolve("hf-hub:chendelong/RemoteCLIP")
    with pytest.raises(UsageError, match="OWNER/NAME"):
        resolve("hf-hub:RemoteCLIP")


def test_hub_name_of_an_unknown_repository_offline() -> None:
    with pytest.raises(TerralexError, match=r"pull hf-hub:me/mine`.*open_clip_config\.json"):
        resolve("hf-hub:me/mine", offline=True)


@pytest.mark.usefixtures("no_route")
def test_hub_name_of_an_unknown_repository_without_a_network() -> None:
    with pytest.raises(
        TerralexError, match=r"cannot fetch terralex_card\.yaml of https://huggingface\.co/me/mine"
    ):
        resolve("hf-hub:me/mine")

"""Finding weights on this machine, and fetching them when that is allowed.

Three places are looked at, in this order: the package itself; ``weights/NAME/`` in Terralex's cache, where
people put files by hand; and the Hugging Face cache. Only `locate`, unless ``offline``, and
`fetch_optional` use the network.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from terralex.models.card import WeightSource
from terralex.runtime.cache import cache_dir
from terralex.runtime.errors import TerralexError


def is_offline(offline: bool = False) -> bool:
    """Whether the network is off limits: by the flag, ``TERRALEX_OFFLINE`` or ``HF_HUB_OFFLINE``."""
    return offline or any(
        os.environ.get(name, "").strip().lower() in ("1", "true", "yes", "on")
        for name in ("TERRALEX_OFFLINE", "HF_HUB_OFFLINE")
    )


def find(source: WeightSource, name: str) -> Path | None:
    """The weight file of model ``name`` if it is on this machine. Opens no connection."""
    for file in source.files:
        if source.bundled:
            packaged = Path(str(files("terralex.models").joinpath(file)))
            if packaged.is_file():
                return packaged
        if (by_hand := hand_folder(name) / Path(file).name).is_file():
            return by_hand
        if source.repo and (cached := find_in_cache(source.repo, file, source.revision)):
            return cached
    return None


def locate(source: WeightSource, name: str, *, offline: bool = False, absent: str | None = None) -> Path:
    """The weight file of model ``name``, downloaded if it is not here and that is allowed.

    Args:
        source: Where it is published.
        name: The model, and what the folder for files put by hand is called.
        offline: Never use the network.
        absent: What to say where it is not here, if other than of a model's weights.

    Raises:
        TerralexError: It is not here and cannot be fetched; the message names the file and where to put it.
    """
    if here := find(source, name):
        return here
    absent = absent or _absent(source, name)
    if source.repo is None or is_offline(offline):
        raise TerralexError(absent)
    return _download(source, absent)


def locate_part(repo: str, files: tuple[str, ...], name: str, *, offline: bool = False) -> Path:
    """A file that model ``name`` needs of a repository other than its own, such as that of its text tower.

    Args:
        repo: ``owner/name`` on the Hugging Face Hub.
        files: Names of the file, the preferred one first.
        name: The model.
        offline: Never use the network.

    Raises:
        TerralexError: As `locate`.
    """
    folder = repo.replace("/", "--")
    absent = (
        f"{name} needs {files[0]} of https://huggingface.co/{repo} to understand words, and it is not here. "
        f"Run `terralex models pull {name}` where there is a network; or put {files[0]} into "
        f"{hand_folder(folder)}"
    )
    return locate(WeightSource(files=files, repo=repo), folder, offline=offline, absent=absent)


def fetch_optional(repo: str, file: str, revision: str = "main") -> Path | None:
    """A file of a Hugging Face repository from the cache or the network; None where the repository lacks it.

    Raises:
        TerralexError: The repository cannot be reached.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError

    if cached := find_in_cache(repo, file, revision):
        return cached
    try:
        # One attempt: without a network the download itself would wait and try again for half a minute.
        get_hf_file_metadata(hf_hub_url(repo, file, revision=revision))
        return Path(hf_hub_download(repo, file, revision=revision, cache_dir=hub_cache()))
    except RemoteEntryNotFoundError:
        return None
    except Exception as error:  # the client's and its transport's errors have no common base
        raise TerralexError(
            f"cannot fetch {file} of https://huggingface.co/{repo}: {_first_line(error)}"
        ) from error


def find_in_cache(repo: str, file: str, revision: str = "main") -> Path | None:
    """A file of a Hugging Face repository if the cache has it, of ``revision`` or else of ``main``."""
    from huggingface_hub import try_to_load_from_cache

    for wanted in dict.fromkeys((revision, "main")):
        found = try_to_load_from_cache(repo, file, cache_dir=hub_cache(), revision=wanted)
        if isinstance(found, str):
            return Path(found)
    return None


def is_repo(name: str) -> bool:
    """Whether a repository of the Hub can be called so: ``owner/name``, of letters, digits and ``-_.``."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HFValidationError

    try:
        hf_hub_url(name, "x")  # only looks at the name
    except HFValidationError:
        return False
    return "/" in name


def hub_cache() -> Path:
    """The Hugging Face cache, as the environment names it now (its client looks only once)."""
    if named := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(named).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return base / "huggingface" / "hub"


def hand_folder(name: str) -> Path:
    """Where people put the weight file of model ``name`` by hand."""
    return cache_dir() / "weights" / name


def _download(source: WeightSource, absent: str) -> Path:
    assert source.repo is not None
    for file in source.files:
        try:
            fetched = fetch_optional(source.repo, file, source.revision)
        except TerralexError as error:
            raise TerralexError(f"{absent} ({error})") from error
        if fetched:
            return fetched
    raise TerralexError(f"https://huggingface.co/{source.repo} has no {' or '.join(source.files)}")


def _absent(source: WeightSource, name: str) -> str:
    file = Path(source.files[0]).name
    size = f" ({source.size_mb:,.0f} MB)" if source.size_mb else ""
    by_hand = f"put {file} into {hand_folder(name)}, or pass --model {name}@/path/to/{file}"
    if source.bundled:
        return f"{source.files[0]}, the weights of {name}, is missing from the package: reinstall terralex"
    if source.repo is None:
        return (
            f"the weights of {name} are not on the Hugging Face Hub: get {file} from {source.url}; {by_hand}"
        )
    return (
        f"the weights of {name} are not on this machine: {source.files[0]}{size} of "
        f"https://huggingface.co/{source.repo}. Run `terralex models pull {name}` where there is a network; "
        f"or {by_hand}"
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

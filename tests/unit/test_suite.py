"""The suite's own promises: no network, no cache of the user's, shapes that are checked."""

import os
import socket
import tempfile
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

from terralex.metrics.classification import top_k_accuracy


def test_connections_are_refused() -> None:
    with pytest.raises(AssertionError, match="tried to connect"), socket.socket() as outside:
        outside.connect(("127.0.0.1", 9))


def test_names_are_not_looked_up() -> None:
    with pytest.raises(AssertionError, match=r"look up 'huggingface\.co'"):
        socket.create_connection(("huggingface.co", 443), timeout=1)


@pytest.mark.parametrize("name", ["TERRALEX_CACHE", "HF_HOME"])
def test_caches_are_temporary(name: str) -> None:
    assert Path(os.environ[name]).is_relative_to(tempfile.gettempdir())


def test_shapes_in_signatures_are_checked() -> None:
    with pytest.raises(TypeCheckError, match="targets"):
        top_k_accuracy(torch.zeros(3, 2), torch.zeros(4, dtype=torch.int64))

"""The suite's own promises: no test reaches the network, and caches are not the user's."""

import os
import socket
import tempfile
from pathlib import Path

import pytest


def test_connections_are_refused() -> None:
    with pytest.raises(AssertionError, match="tried to connect"), socket.socket() as outside:
        outside.connect(("127.0.0.1", 9))


def test_names_are_not_looked_up() -> None:
    with pytest.raises(AssertionError, match=r"look up 'huggingface\.co'"):
        socket.create_connection(("huggingface.co", 443), timeout=1)


@pytest.mark.parametrize("name", ["TERRALEX_CACHE", "HF_HOME"])
def test_caches_are_temporary(name: str) -> None:
    assert Path(os.environ[name]).is_relative_to(tempfile.gettempdir())

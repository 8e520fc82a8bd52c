"""The suite's own promises: no network, no cache of the user's, shapes that are checked."""

import os
import socket
import tempfile
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

from terralex.metrics.classification import top_k_accuracy


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "0.0.0.0"])
def test_connections_to_other_machines_are_refused(address: str) -> None:
    with pytest.raises(AssertionError, match="tried to connect"), socket.socket() as outside:
        outside.connect((address, 9))
    with (
        pytest.raises(AssertionError, match="tried to connect"),
        socket.socket(type=socket.SOCK_DGRAM) as outside,
    ):
        outside.sendto(b"", (address, 9))


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_servers_on_this_machine_may_be_used(name: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection((name, server.getsockname()[1]), timeout=10) as client,
        server.accept()[0] as connection,
    ):
        client.sendall(b"here")
        assert connection.recv(4) == b"here"


def test_names_are_not_looked_up() -> None:
    with pytest.raises(AssertionError, match=r"look up 'huggingface\.co'"):
        socket.create_connection(("huggingface.co", 443), timeout=1)


@pytest.mark.parametrize("name", ["TERRALEX_CACHE", "HF_HOME"])
def test_caches_are_temporary(name: str) -> None:
    assert Path(os.environ[name]).is_relative_to(tempfile.gettempdir())


def test_shapes_in_signatures_are_checked() -> None:
    with pytest.raises(TypeCheckError, match="targets"):
        top_k_accuracy(torch.zeros(3, 2), torch.zeros(4, dtype=torch.int64))

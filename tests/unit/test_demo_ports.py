"""Ports for the demo's programs and for those of the tests."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.cli.demo import ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say which ports the system gives to clients."""

    def say(text: str) -> None:
        file = tmp_path / "ip_local_port_range"
        file.write_text(text)
        monkeypatch.setattr(ports, "_CLIENT_RANGE", file)

    return say


def test_free_ports_are_different_and_none_that_a_client_gets(system: Callable[[str], None]) -> None:
    """Two programs never get the same port, nor one that an outgoing connection may have taken by then."""
    system("15200\t60999\n")
    found = ports.free_ports(100)
    assert len(set(found)) == 100
    assert all(15000 <= port < 15200 for port in found)


def test_free_ports_where_clients_get_all_are_different(system: Callable[[str], None]) -> None:
    """A system that keeps no ports from its clients has ports all the same."""
    system("1024\t65535\n")
    assert len(set(ports.free_ports(100))) == 100


def test_free_ports_that_are_all_taken_say_so(
    system: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where none is left the error names the range."""
    system("15010\t60999\n")
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(OSError, match="between 15000 and 15010"):
        ports.free_ports(1)


def test_port_that_somebody_listens_on_is_not_free() -> None:
    """What a server has is not given away."""
    with socket.create_server((ports.LOOPBACK, 0)) as taken:
        assert not ports.is_free(taken.getsockname()[1])

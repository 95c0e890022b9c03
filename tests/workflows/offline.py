"""A computer without a network: every connection and every look-up of a name is refused."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest


def refuse_connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Refuse every connection and every look-up of a name, and return the list of their addresses, which grows."""
    tried: list[object] = []

    def refuse(*address: object, **_: object) -> NoReturn:
        tried.append(address)
        raise OSError(101, "Network is unreachable")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    return tried

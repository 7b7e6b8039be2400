"""The thread that serves an ASGI application: its date, and its end."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import closing
from itertools import count

import pytest
from starlette.responses import PlainTextResponse

from connector.serving import server
from connector.serving.server import Server, configured
from connector.serving.sockets import listening

NAME = "tried"


def date(port: int) -> str | None:
    """Return the header of an answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as asked:
        asked.request("GET", "/")
        return asked.getresponse().getheader("date")


def running() -> bool:
    return NAME in {each.name for each in threading.enumerate()}


def test_a_server_answers_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count()
    monkeypatch.setattr("uvicorn.server.formatdate", lambda *_, **__: str(next(numbers)))
    monkeypatch.setattr(server, "_DATE_SECONDS", 0.01)
    sock = listening("127.0.0.1:0")
    port = sock.getsockname()[1]
    tried = Server(NAME, configured(PlainTextResponse("here")), sock)
    tried.stop()  # harmless
    tried = Server(NAME, configured(PlainTextResponse("here")), sock)
    tried.start()
    first = date(port)
    assert any(date(port) != first for _ in range(1000))
    assert running()
    tried.stop()
    assert not running()
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port)):
        pass

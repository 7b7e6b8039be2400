"""A site's end of a job's stream, with leads that are not there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from connector.domain.federation.frames import Finish
from connector.errors import PeerUnreachable
from connector.peer import routes, site_stream


class TestSiteStream:
    def test_a_lead_that_sends_without_a_seat_holds_no_thread(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(site_stream, "OPEN_SECONDS", 0.1)
        released = threading.Event()
        stream = site_stream.GrpcSiteStream(
            "did:web:lead.example", b"", limit=9, seated=print, released=released.set
        )
        with pytest.raises(PeerUnreachable, match="did not answer"):
            stream.open(_Talking(), ())  # type: ignore[arg-type] - what it calls
        assert released.wait(10)

    def test_what_a_lead_said_is_read_even_if_it_had_ended_before_anyone_looked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        finish = Finish("completed", "", "")
        stream = site_stream.GrpcSiteStream(
            "did:web:lead.example", b"", limit=9, seated=print, released=threading.Event().set
        )
        with monkeypatch.context() as context:
            context.setattr(threading.Thread, "start", threading.Thread.run)  # read all at once
            stream.open(_Finished(finish), ())  # type: ignore[arg-type] - what it calls
        assert stream.receive(0) == finish
        with pytest.raises(PeerUnreachable, match="ended the stream"):
            stream.receive(0)


class _Finished:
    """A channel whose lead seats the site, says how the job ended, and ends the stream."""

    def __init__(self, finish: Finish) -> None:
        self._finish = finish

    def stream_stream(self, *_names: object) -> Any:
        return lambda *_, **__: self

    def initial_metadata(self) -> routes.Metadata:
        return ((routes.SEATED_KEY, "1"), *routes.STATED)

    def cancel(self) -> None:
        """Nothing runs on."""

    def __iter__(self) -> Iterator[bytes]:
        yield routes.write_lead_frame(self._finish)


class _Talking:
    """A channel whose lead seats nobody and sends frames until it is cut off."""

    def __init__(self) -> None:
        self._cut = threading.Event()

    def stream_stream(self, *_names: object) -> Any:
        return lambda *_, **__: self

    def initial_metadata(self) -> tuple[()]:
        return ()

    def cancel(self) -> None:
        self._cut.set()

    def __iter__(self) -> Iterator[bytes]:
        while not self._cut.wait(0.001):
            yield b"frame"

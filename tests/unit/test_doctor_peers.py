"""`preau doctor` asks all peers within one time, and names those that are silent."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

from connector.bootstrap.diagnosis.reputation import Reputation, in_time
from connector.errors import PeerUnreachable
from connector.protocol.dsp import versions
from tests.support.contracts import stranger
from tests.support.link import participant


def test_who_answers_is_heard_and_who_does_not_keeps_nobody_waiting() -> None:
    released = threading.Event()

    def look(name: str) -> str:
        if name.startswith("dead"):
            released.wait(60.0)
        return name.upper()

    names = [*(f"dead{n}" for n in range(200)), "alive"]
    found = in_time(look, [*names[-2:], *names[:-2]], 0.2)
    released.set()
    assert found == [None, "ALIVE", *[None] * 199]


def test_all_are_heard_when_all_answer() -> None:
    assert in_time(str.upper, [f"n{n}" for n in range(100)], 60.0) == [f"N{n}" for n in range(100)]


class Pages:
    """The port `Web`, of `get` alone."""

    def __init__(self, number: str) -> None:
        self.number = number

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        assert limit
        if not self.number:
            raise PeerUnreachable(f"no answer from `{url}`")
        return json.dumps(versions.write([versions.Version(self.number, "/dsp")])).encode()


def test_a_peer_of_another_make_is_asked_for_its_versions_alone() -> None:
    peer = replace(participant(stranger("did:web:edc.example")), grpc_endpoint="")
    wire: Any = None  # it is not called
    for number, silent in (("2025-1", ""), ("2024-1", "`2024-1`"), ("", "no answer")):
        pages: Any = Pages(number)
        said, why = Reputation("did:web:lab.example", wire, pages).with_peer(peer)
        assert said == ""
        assert silent in why
        assert bool(why) == bool(silent)

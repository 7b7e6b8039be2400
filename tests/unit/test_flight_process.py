"""The process that serves Flight, without a node behind it: what it does when nobody speaks."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.dataplane.flight import messages, plane, server
from connector.errors import PeerUnreachable, TransferInactive
from connector.identity import certificate
from federated.child import command, environment


def test_it_ends_with_its_node(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = certificate.make_authority("node", now, 2)
    leaf, key = certificate.issue_leaf(*authority, "did:web:node", "localhost", now, 3600)
    ours, theirs = messages.pair()
    words = command(server.__name__)
    with theirs:
        process = subprocess.Popen(
            words, stdin=theirs.fileno(), cwd=tmp_path, env=environment(tmp_path)
        )
    with ours:
        told = {"certificate": leaf, "key": key, "memory": plane.MEMORY}
        messages.send(ours, told)
        heard = messages.receive(ours)
        assert heard is not None
        assert heard[0]["listening"] > 0
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        words_shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert key.encode()[:64] not in words_shown
    assert process.wait(20) == 0


def test_a_stream_flows_while_the_node_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STANDS_SECONDS", 0.05)
    monkeypatch.setattr(server, "SILENT_SECONDS", 0.2)
    stream = server.Stream(1)
    stream.check()
    time.sleep(0.1)
    threading.Timer(0.05, stream.stands, (None,)).start()
    began = time.monotonic()
    stream.check()
    assert time.monotonic() - began > 0.02  # it waited
    time.sleep(0.25)
    with pytest.raises(PeerUnreachable):  # the node fell silent
        stream.check()
    stream = server.Stream(2)
    stream.stands(TransferInactive("the transfer is SUSPENDED"))
    stream.stands(None)
    with pytest.raises(TransferInactive):
        stream.check()

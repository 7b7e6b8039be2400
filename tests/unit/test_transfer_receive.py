"""What a node receives comes into a folder whole, verified and once, or not at all."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.domain.participant import Participant
from connector.domain.transfer.extract import FOLDER
from connector.domain.transfer.transfer import TransferState
from connector.errors import (
    ContentMismatch,
    ExtractUnavailable,
    PeerUnreachable,
    TransferInactive,
    WorldFault,
)
from connector.management.views.contracts.uses import ContentView
from connector.sdk import Client, receiving
from connector.sdk.answer import Answer
from connector.services.transfer import acts, consumer_side
from connector.services.transfer.acts import Wish
from tests.support.link import Link, LinkWire, link
from tests.support.management import TOKEN, application_of, commanded, served
from tests.support.transferring import AGREEMENT, EXTRACT, agreed, prepared

DATA = b"pupil,reading\n" + b"".join(b"%d,%d\n" % (n, 400 + n) for n in range(40))
NAME = EXTRACT.rpartition(":")[2]


@dataclass
class Lab:
    """A consumer whose transfer has started, and the folder that data goes into."""

    pair: Link
    client: Client
    folder: Path
    pid: str

    def get(self, **more: Any) -> receiving.Received:
        return self.client.get(AGREEMENT, self.folder, extract=EXTRACT, **more)

    def provider_gives(self, wish: Wish) -> None:
        with self.pair.school.ports.store.read() as tx:
            (found,) = tx.transfers.find()
        acts.give(self.pair.school.ports, found.pid, wish, "a reason")

    def files(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir())


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(receiving, "_PAUSE_SECONDS", 0.0)
    with link(tmp_path) as pair:
        agreed(pair.school.ports, pair.lab.ports)
        prepared(pair.school.ports, pair.lab.ports, DATA)
        pid = consumer_side.request(pair.lab.ports, AGREEMENT, EXTRACT).pid
        pair.pump()
        ports = pair.lab.ports
        with (
            served(application_of(ports), ports.settings) as address,
            Client(url=address, token=TOKEN) as client,
        ):
            yield Lab(pair, client, tmp_path / "out", pid)


def test_a_whole_file_and_both_receipts(lab: Lab) -> None:
    seen: list[tuple[int, int]] = []
    done = lab.get(progress=lambda have, whole: seen.append((have, whole)))
    assert done.path.read_bytes() == DATA
    assert lab.files() == [f"{NAME}.csv"]
    assert seen[-1] == (len(DATA), len(DATA))
    assert (done.transfer.state, bool(done.transfer.receipt)) == ("COMPLETED", True)
    assert done.arrow().column("reading").to_pylist() == list(range(400, 440))
    lab.pair.pump()
    with lab.pair.school.ports.store.read() as tx:
        (ours,) = tx.transfers.find()
    assert (ours.state, ours.peer_receipt) == (TransferState.COMPLETED, done.transfer.receipt)


@contextmanager
def breaking(monkeypatch: pytest.MonkeyPatch, times: int) -> Iterator[list[int]]:
    """Let streams break off after a few chunks; yields the offsets that were asked for."""
    whole, asked = LinkWire.fetch, []

    def fetch(wire: LinkWire, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        asked.append(offset)
        for number, chunk in enumerate(whole(wire, provider, pid, offset)):
            if number == 3 and len(asked) <= times:
                raise PeerUnreachable("broke off")
            yield chunk

    with monkeypatch.context() as patched:
        patched.setattr(LinkWire, "fetch", fetch)
        yield asked


def test_what_breaks_off_goes_on_from_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with breaking(monkeypatch, times=4) as asked:
        assert lab.get().path.read_bytes() == DATA
    assert asked == [0, 30, 60, 90, 120]


def test_an_interrupted_command_goes_on_later(lab: Lab) -> None:
    def interrupted(have: int, _whole: int) -> None:
        if have > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.get(progress=interrupted)
    assert lab.files() == [f"{NAME}.csv.part"]
    assert lab.get().path.read_bytes() == DATA
    assert lab.files() == [f"{NAME}.csv"]


def test_a_full_disk_leaves_no_file_under_its_name(lab: Lab) -> None:
    def full(have: int, _whole: int) -> None:
        if have > 100:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WorldFault, match="No space left"):
        lab.get(progress=full)
    assert lab.files() == [f"{NAME}.csv.part"]
    assert acts.transfer(lab.pair.lab.ports, lab.pid).state is TransferState.STARTED
    assert lab.get().path.read_bytes() == DATA


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[50] ^= 1
    file.write_bytes(data)


def test_one_flipped_byte_is_refused_and_removed(lab: Lab) -> None:
    ports = lab.pair.school.ports

    def spoiled(*asked: Any) -> memoryview:
        return memoryview(bytes([*ports.extracts.read(*asked)[:-1], 0]))

    flipped = SimpleNamespace(read=spoiled)
    lab.pair.school.ports = replace(ports, extracts=flipped)
    with pytest.raises(ContentMismatch):
        lab.get()
    assert lab.files() == []
    assert acts.transfer(lab.pair.lab.ports, lab.pid).state is TransferState.STARTED


def test_a_file_that_was_altered_at_the_provider_is_not_sent(lab: Lab) -> None:
    _flip(lab.pair.school.ports.settings.path(FOLDER) / NAME)
    with pytest.raises(PeerUnreachable):
        lab.get(seconds=0.2)
    assert lab.files() == [f"{NAME}.csv.part"]
    assert (lab.folder / f"{NAME}.csv.part").read_bytes() == b""


def test_a_part_that_was_altered_is_refused(lab: Lab) -> None:
    def interrupted(have: int, _whole: int) -> None:
        if have > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.get(progress=interrupted)
    _flip(lab.folder / f"{NAME}.csv.part")
    with pytest.raises(ContentMismatch):
        lab.get()
    assert lab.files() == []


def test_a_suspension_half_way_delivers_nothing(lab: Lab) -> None:
    def suspend(have: int, _whole: int) -> None:
        if 100 < have <= 110:
            lab.provider_gives(Wish.SUSPEND)

    with pytest.raises(TransferInactive, match="a reason"):
        lab.get(progress=suspend)
    assert lab.files() == [f"{NAME}.csv.part"]
    lab.provider_gives(Wish.RESUME)
    lab.pair.pump()
    assert lab.get().path.read_bytes() == DATA


def test_a_silent_provider_is_given_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_wire: LinkWire, _peer: Participant, _pid: str, _offset: int) -> Iterator[bytes]:
        raise PeerUnreachable("no answer")

    monkeypatch.setattr(LinkWire, "fetch", silent)
    with pytest.raises(PeerUnreachable):
        lab.get(seconds=0.1)
    assert lab.files() == [f"{NAME}.csv.part"]


def test_another_file_of_that_name_is_left_alone(lab: Lab) -> None:
    lab.folder.mkdir()
    file = lab.folder / f"{NAME}.csv"
    file.write_bytes(b"mine")
    with pytest.raises(WorldFault, match="another file"):
        lab.get()
    assert file.read_bytes() == b"mine"
    file.write_bytes(DATA)  # as a call left it that could not reach its node any more
    assert lab.get().transfer.state == "COMPLETED"


def test_the_command(lab: Lab, tmp_path: Path) -> None:
    with commanded(lab.pair.lab.ports) as typed:
        _commands(typed, tmp_path / "typed", lab.pid)


def _commands(typed: Callable[..., Any], folder: Path, pid: str) -> None:
    assert pid in typed("transfer", "list").stdout
    held = typed("transfer", "suspend", pid, "--reason", "a pause")
    assert "SUSPENDED" in held.stdout
    refused = typed("get", AGREEMENT, "--extract", EXTRACT, "--out", str(folder))
    assert refused.exit_code != 0
    assert "TRANSFER_INACTIVE" in refused.stderr
    assert "STARTED" in typed("transfer", "resume", pid, "--reason", "on").stdout
    done = typed("get", AGREEMENT, "--extract", EXTRACT, "--out", str(folder))
    assert done.exit_code == 0, done.stderr
    assert (folder / f"{NAME}.csv").read_bytes() == DATA
    assert "COMPLETED" in typed("transfer", "show", pid).stdout
    assert typed("transfer", "end", pid, "--reason", "over").exit_code != 0


def test_a_table_that_came_with_the_answer_is_read_as_arrow() -> None:
    content = ContentView(
        format="jsonl", rows=2, bytes=9, suppressed=0, digest="", plan_digest="", source=""
    )
    found = Answer(
        request="urn:r",
        agreement="urn:a",
        state="ready",
        content=content,
        rows=[{"n": 1}, {"n": 2}],
    )
    assert found.arrow().to_pylist() == found.rows
    with pytest.raises(ExtractUnavailable, match="did not come"):  # it is too large, or waits
        found.model_copy(update={"rows": []}).arrow()

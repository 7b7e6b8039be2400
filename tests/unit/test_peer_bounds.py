"""What is bounded: how long a caller may dawdle, how many run at once, a start that fails."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from connector.bootstrap.system import SystemClock
from connector.errors import ConfigurationInvalid, KeyUnusable, TooManyStreams, WorldFault
from connector.identity import certificate
from connector.peer.checkpoints import Checkpoints
from connector.peer.counted import Counted
from connector.peer.credentials import Leaves
from connector.peer.face import PeerFace
from connector.peer.https_server import HttpsServer
from connector.peer.https_sockets import Admission, origin
from connector.peer.patience import Patience
from connector.services.federation.lead.hub import LeadHub
from tests.support.doubles import ports_for_tests, settings_for_tests


class TestPatience:
    def test_who_dawdles_is_cancelled_once(self) -> None:
        patience = Patience(0.05)
        patience.start()
        cancelled: list[str] = []
        came = threading.Event()

        def cancel() -> None:
            cancelled.append("late")
            came.set()

        with patience.lasts(cancel):
            assert came.wait(10)
        with patience.lasts(lambda: cancelled.append("quick")):
            pass
        patience.stop()
        assert cancelled == ["late"]

    def test_each_has_its_own_time(self) -> None:
        patience = Patience(0.1)
        patience.start()
        events = [threading.Event() for _ in range(3)]
        with (
            patience.lasts(events[0].set),
            patience.lasts(events[1].set),
            patience.lasts(events[2].set),
        ):
            assert all(event.wait(10) for event in events)
        patience.stop()

    def test_a_stop_before_the_start(self) -> None:
        Patience(1).stop()


class TestCounted:
    def test_in_all_and_per_peer(self) -> None:
        counted = Counted(3, 2, lambda: TooManyStreams("too many"))
        with counted.one("a"), counted.one("a"):
            with pytest.raises(TooManyStreams), counted.one("a"):
                raise AssertionError
            with counted.one("b"):
                assert counted.total() == 3
                with pytest.raises(TooManyStreams), counted.one("c"):
                    raise AssertionError
            with counted.one("c"):
                assert counted.total() == 3
        assert counted.total() == 0
        assert not counted._open


class TestAdmission:
    def test_in_all_and_per_origin(self) -> None:
        admission = Admission(3, 2)
        assert [admission.enter("a") for _ in range(3)] == [True, True, False]
        assert admission.enter("b")
        assert not admission.enter("c")
        admission.leave("a")
        assert admission.enter("c")
        assert admission.total() == 3
        for each in "abc":
            admission.leave(each)
        assert admission.total() == 0
        assert not admission._open

    @pytest.mark.parametrize(
        ("address", "counted"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
        ],
    )
    def test_by_what_an_address_is_counted(self, address: str, counted: str) -> None:
        assert origin(address) == counted


class TestStart:
    def face(self, folder: Path, **settings: str) -> PeerFace:
        did, clock = "did:web:localhost%3A8443", SystemClock()
        values = {"https_certificate": "leaf.pem", "https_key": "leaf.key", **settings}
        ports = ports_for_tests(
            folder, did, clock=clock, settings=settings_for_tests(folder, did, **values)
        )
        authority = certificate.make_authority(did, clock.now(), 2)
        leaf, key = certificate.issue_web(*authority, "localhost", clock.now(), 2)
        (folder / "leaf.pem").write_text(leaf)
        (folder / "leaf.key").write_text(key)
        return PeerFace(
            ports,
            LeadHub(),
            handlers={},
            checkpoints=Checkpoints(bytes, lambda _peer, _note: None),
            description=str,
            leaves=Leaves(lambda: authority, did, clock, 3600),
        )

    def test_free_ports_are_reported(self, tmp_path: Path) -> None:
        face = self.face(tmp_path)
        bound = face.start()
        try:
            assert bound.grpc != bound.https
            for port in (bound.grpc, bound.https):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        finally:
            face.stop()
        for port in (bound.grpc, bound.https):
            with pytest.raises(OSError, match=r"refused|reset"):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()

    @pytest.mark.parametrize("which", ["grpc_listen", "https_listen"])
    def test_an_address_that_is_taken(self, tmp_path: Path, which: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            face = self.face(tmp_path, **{which: where})
            with pytest.raises(WorldFault):
                face.start()

    @pytest.mark.parametrize("where", ["", "8443", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x"])
    def test_an_address_that_is_none(self, tmp_path: Path, where: str) -> None:
        with pytest.raises(ConfigurationInvalid):
            self.face(tmp_path, https_listen=where).start()

    def test_a_certificate_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnusable):
            self.face(tmp_path, https_key="none.key").start()
        (tmp_path / "bad.pem").write_text("rubbish")
        with pytest.raises(KeyUnusable):
            self.face(tmp_path, https_certificate="bad.pem").start()

    def test_a_stop_before_the_start(self, tmp_path: Path) -> None:
        HttpsServer(lambda: None, "x", tmp_path, tmp_path).stop()  # type: ignore[arg-type]
        self.face(tmp_path).stop()

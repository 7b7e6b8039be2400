"""The record of charges outside the database: it is on the disk, never goes back, and is sealed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.domain.contract.notice import Standing
from connector.domain.log.audit import Head
from connector.domain.log.merkle import EMPTY_ROOT
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Limit, Tally
from connector.errors import KeyUnusable, MessageTooLarge, SignatureInvalid
from connector.store.files.charges import FILE, KEY_FILE, NOTHING, SIZES, HomeCharges
from connector.store.files.keys import read_private_file
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.rule import Accounting, Rule
from tests.support.contracts import NOW
from tests.support.values import values_of

DID = "did:web:node.example"
OPEN = ReservationState.OPEN
EVENTS = Events((sampled_gaussian(1.0, 0.5, 2),))
JOB = Reservation("urn:j", "urn:a", "urn:d", "urn:r", EVENTS, 3, 1, 1.5, 1e-6, OPEN, NOW)


def tally(size: int = 3, epoch: int = 0, jobs: tuple[Reservation, ...] = ()) -> Tally:
    limit = Limit("urn:a", "urn:r", "did:web:lab.example", 3.0, 1e-5, NOW)
    held = {each.job_id: each for each in jobs}
    register = Register("urn:r", None, Accounting(Rule.SUMS), 4, NOW)
    return Tally(Head(epoch, size, EMPTY_ROOT), {register.id: register}, {limit.id: limit}, held)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    HomeCharges(tmp_path, DID).record(NOTHING)
    return tmp_path


@given(job=values_of(Reservation), limit=values_of(Limit), register=values_of(Register))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_recorded_and_sealed_comes_back_equal(
    tmp_path: Path, job: Reservation, limit: Limit, register: Register
) -> None:
    held = {register.id: register}, {limit.id: limit}, {job.job_id: job}
    value = Tally(Head(1, 2, EMPTY_ROOT), *held, {"urn:c": Standing.ENDED})
    (tmp_path / FILE).unlink(missing_ok=True)
    charges = HomeCharges(tmp_path, DID)
    assert charges.recorded() is None
    charges.record(value)
    assert HomeCharges(tmp_path, DID).recorded() == value
    assert HomeCharges(tmp_path, DID).unseal(charges.seal(value)) == value


def test_a_record_of_a_release_that_knew_one_mechanism_is_carried_over(home: Path) -> None:
    charges = HomeCharges(home, DID)
    charges.record(tally(jobs=(JOB,)))
    value = json.loads((home / FILE).read_bytes())
    (job,) = value["jobs"]
    del job["events"], job["rounds"]
    job |= {"noise_multiplier": 1.0, "sampling_rate": 0.5, "steps": 6, "steps_per_round": 2}
    before = json.dumps(value | {"version": 1})
    (home / FILE).write_text(before)
    assert HomeCharges(home, DID).recorded() == tally(jobs=(JOB,))
    for spoiled in (before.replace('"version": 1', '"version": 2'), before.replace("1.0", "0.0")):
        (home / FILE).write_text(spoiled)
        with pytest.raises(KeyUnusable):
            HomeCharges(home, DID).recorded()


def test_files_are_private(home: Path) -> None:
    HomeCharges(home, DID).seal(tally())
    for name in (FILE, KEY_FILE):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("jobs", [(), (JOB,)], ids=["nothing charged", "charged"])
def test_a_key_that_was_lost_is_not_made_anew_in_silence(
    home: Path, jobs: tuple[Reservation, ...], caplog: pytest.LogCaptureFixture
) -> None:
    charges = HomeCharges(home, DID)
    charges.record(tally(jobs=jobs))
    charges.seal(tally(jobs=jobs))
    caplog.clear()
    (home / KEY_FILE).unlink()
    charges.seal(tally(jobs=jobs))
    assert [KEY_FILE in line for line in caplog.messages] == [True] * len(jobs)
    charges.seal(tally(jobs=jobs))  # it is there now
    assert len(caplog.messages) == len(jobs)


def test_a_record_never_goes_back(home: Path) -> None:
    charges = HomeCharges(home, DID)
    for value, kept in [(5, 5), (4, 5), (6, 6)]:
        charges.record(tally(value))
        assert charges.recorded() == tally(kept)
    charges.record(tally(2, epoch=1))  # a confirmed recovery, and nothing else
    assert charges.recorded() == tally(2, epoch=1)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"version":1}', b"\xff"])
def test_a_spoiled_record_is_no_empty_one(home: Path, content: bytes) -> None:
    (home / FILE).write_bytes(content)
    with pytest.raises(KeyUnusable):
        HomeCharges(home, DID).recorded()
    with pytest.raises(KeyUnusable):
        HomeCharges(home, DID).record(tally())
    assert (home / FILE).read_bytes() == content


def test_a_record_that_others_may_read_is_refused(home: Path) -> None:
    (home / FILE).chmod(0o640)
    with pytest.raises(KeyUnusable):
        HomeCharges(home, DID).recorded()


def _put_in_place(file: Path) -> None:
    other = file.with_suffix(".other")
    other.write_bytes(file.read_bytes().replace(b'"size":3', b'"size":4'))
    other.chmod(0o600)
    other.replace(file)


def _edited(file: Path) -> None:
    before = file.stat()
    file.write_bytes(file.read_bytes().replace(b'"size":3', b'"size":4'))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [_put_in_place, _edited])
def test_a_record_is_read_again_once_it_changed(
    home: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    read: list[Path] = []

    def counted(path: Path, most: int) -> bytes:
        read.append(path)
        return read_private_file(path, most)

    monkeypatch.setattr("connector.store.files.charges._SETTLED_NS", -(10**18))
    charges = HomeCharges(home, DID)
    charges.record(tally(3))
    monkeypatch.setattr("connector.store.files.charges.keys.read_private_file", counted)
    for _ in range(3):
        assert charges.recorded() == tally(3)
    assert len(read) == 1
    change(home / FILE)
    assert charges.recorded() == tally(4)
    (home / FILE).chmod(0o640)
    with pytest.raises(KeyUnusable):
        charges.recorded()
    (home / FILE).unlink()
    assert charges.recorded() is None


def test_what_changed_just_now_is_read_again(home: Path) -> None:
    charges = HomeCharges(home, DID)
    charges.record(tally(3))
    assert charges.recorded() == tally(3)
    (home / FILE).write_bytes(b"{}")
    with pytest.raises(KeyUnusable):
        charges.recorded()


def test_a_sealed_tally_tells_nothing_by_its_size(home: Path) -> None:
    charges = HomeCharges(home, DID)
    few = charges.seal(tally())
    assert len(few) == len(charges.seal(tally(jobs=(JOB,)))) == SIZES[0] + 16
    assert b"urn:" not in few
    assert charges.seal(tally()) == few
    assert charges.seal(tally(4)) != few


@given(place=st.integers(0, SIZES[0] + 15), bit=st.integers(0, 7))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_is_refused(home: Path, place: int, bit: int) -> None:
    charges = HomeCharges(home, DID)
    sealed = bytearray(charges.seal(tally()))
    assert charges.unseal(bytes(sealed)) == tally()
    sealed[place] ^= 1 << bit
    with pytest.raises(SignatureInvalid):
        charges.unseal(bytes(sealed))


def test_another_node_s_or_another_key_s_tally_is_refused(home: Path, tmp_path: Path) -> None:
    sealed = HomeCharges(home, DID).seal(tally())
    for other in (HomeCharges(tmp_path / "b", DID), HomeCharges(home, "did:web:else.example")):
        with pytest.raises(SignatureInvalid):
            other.unseal(sealed)


def test_a_tally_beyond_what_peers_take_is_not_sealed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.store.files.charges.SIZES", (64,))
    with pytest.raises(MessageTooLarge):
        HomeCharges(home, DID).seal(tally(jobs=(JOB,)))

"""The record of charges outside the database: it is on the disk, never goes back, and is sealed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.domain.audit import Head
from connector.domain.budget import Reservation, ReservationState
from connector.domain.merkle import EMPTY_ROOT
from connector.domain.register import Register
from connector.domain.tally import Limit, Tally
from connector.errors import KeyUnusable, MessageTooLarge, SignatureInvalid
from connector.store.charges import FILE, KEY_FILE, NOTHING, SIZES, HomeCharges
from federated.privacy.rule import Accounting, Rule
from tests.support.contracts import NOW
from tests.support.values import values_of

DID = "did:web:node.example"
OPEN = ReservationState.OPEN
JOB = Reservation("urn:j", "urn:a", "urn:d", "urn:r", 1.0, 0.5, 6, 2, 1, 1.5, 1e-6, OPEN, NOW)


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
    value = Tally(Head(1, 2, EMPTY_ROOT), *held)
    (tmp_path / FILE).unlink(missing_ok=True)
    charges = HomeCharges(tmp_path, DID)
    assert charges.recorded() is None
    charges.record(value)
    assert HomeCharges(tmp_path, DID).recorded() == value
    assert HomeCharges(tmp_path, DID).unseal(charges.seal(value)) == value


def test_files_are_private(home: Path) -> None:
    HomeCharges(home, DID).seal(tally())
    for name in (FILE, KEY_FILE):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


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
    monkeypatch.setattr("connector.store.charges.SIZES", (64,))
    with pytest.raises(MessageTooLarge):
        HomeCharges(home, DID).seal(tally(jobs=(JOB,)))

"""A site's answers leave at public times, whatever its rows take."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bootstrap.system import SystemPace
from connector.domain.federation.frames import Round, RoundRefusal, RoundReply
from connector.services.federation import padding
from connector.services.federation.pace import cells_of, padded
from connector.services.federation.padding import ends_at
from connector.services.federation.site import run as site_run
from connector.services.federation.site.judge import check_file
from federated.job import JobState, parse
from federated.privacy.rule import Rule
from tests.support.doubles import QuickPace
from tests.support.federation import SITES, Federation, running, wait_for

SPENT = st.floats(0, 1e5)
UNITS = st.floats(1e-2, 1e4)


# Pure


@given(SPENT, UNITS)
def test_an_answer_ends_at_a_multiple_and_never_before_it_is_there(
    spent: float, unit: float
) -> None:
    end = ends_at(spent, unit)
    assert end >= spent * (1 - 1e-12)
    assert end >= unit
    assert end / unit == pytest.approx(round(end / unit), abs=1e-6)
    assert end < max(spent, 0) + unit * (1 + 1e-9) or end == unit


@given(SPENT, SPENT, UNITS, st.floats(0, 1e5))
def test_who_takes_longer_never_ends_earlier(
    one: float, other: float, unit: float, most: float
) -> None:
    short, long = sorted((one, other))
    assert ends_at(short, unit) <= ends_at(long, unit)
    assert ends_at(short, unit, most) <= ends_at(long, unit, most)
    assert ends_at(long, unit, most) <= most


@given(st.floats(0, 0.999), st.floats(0, 0.999), UNITS)
def test_whatever_fits_into_one_unit_ends_at_the_same_time(
    one: float, other: float, unit: float
) -> None:
    assert ends_at(one * unit, unit) == ends_at(other * unit, unit) == unit


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1e4), st.floats(0, 1e4))
def test_units_grow_with_the_public_numbers_and_are_above_zero(
    few: int, more: int, quick: float, slow: float
) -> None:
    few, more = sorted((few, more))
    quick, slow = sorted((quick, slow))
    assert 0 < padding.hash_unit(few) <= padding.hash_unit(more)
    assert 0 < padding.read_unit(few) <= padding.read_unit(more)
    assert padding.read_unit(few, few) <= padding.read_unit(few, more)
    assert padding.read_unit(few, more) < padding.start_unit(few, more)
    assert quick < padding.round_unit(quick) <= padding.round_unit(slow)


# The shell


def test_a_block_ends_at_its_multiple_whether_or_not_it_fails() -> None:
    pace = QuickPace()
    with padded(pace, lambda: 3.0):
        pace.wait(threading.Event(), 4.0)
    assert pace.now() == 6.0

    def fails() -> None:
        pace.wait(threading.Event(), 1.0)
        raise ValueError

    with pytest.raises(ValueError), padded(pace, lambda: 3.0):  # noqa: PT011 - the block's own
        fails()
    assert pace.now() == 9.0
    with padded(pace, lambda: 3.0, began=0.0):
        pass
    assert pace.now() == 9.0  # a multiple already
    with padded(pace, lambda: 3.0, most=2.0):
        pass
    assert pace.now() == 11.0


def test_a_wait_ends_when_the_job_is_stopped() -> None:
    stop = threading.Event()
    stop.set()
    assert SystemPace().wait(stop, 3600.0)
    assert not SystemPace().wait(threading.Event(), 0.0)
    assert SystemPace().now() <= SystemPace().now()


# A site


class Site:
    """One site with a job; the lead is the test."""

    def __init__(self, folder: Path, *, seconds: object = 0.02, **changes: object) -> None:
        self.federation = Federation(folder)
        self.node = self.federation.site()
        self.node.workers.site.seconds = seconds
        assert isinstance(self.node.ports.pace, QuickPace)
        self.pace = self.node.ports.pace
        self.job_id, body = self.federation.submission(**changes)
        assert self.federation.ask(self.node, body)["accepted"]
        job = self.node.job(self.job_id)
        self.hub = self.federation.lead.hub
        self.hub.open(self.job_id, job.manifest_digest, parse(job.manifest).sites)

    @property
    def read(self) -> float:
        dataset, manifest = self.node.dataset, parse(self.node.job(self.job_id).manifest)
        assert dataset is not None
        inputs = dataset.population * manifest.unit.rows * manifest.width
        return padding.read_unit(cells_of(dataset), inputs)

    def ask(self) -> RoundReply | RoundRefusal:
        self.hub.send(self.job_id, SITES[0], Round(1, (), b"m"))
        for _ in range(20):
            got = self.hub.receive(self.job_id, 10)
            assert got is not None
            if isinstance(got[1], RoundReply | RoundRefusal):
                return got[1]
        raise AssertionError("the site keeps leaving")


def test_hashing_reading_and_round_end_at_their_units(tmp_path: Path) -> None:
    site = Site(tmp_path)
    dataset = site.node.dataset
    assert dataset is not None
    once = padding.round_unit(0.02)
    with running(site.node):
        assert isinstance(site.ask(), RoundReply)
    assert site.pace.waits == pytest.approx([padding.hash_unit(cells_of(dataset)), site.read, once])


@pytest.mark.parametrize("loading", [0.0, 30.0])
@pytest.mark.parametrize("reading", [0.0, 0.2])
@pytest.mark.parametrize("fails", ["", "DATA_FILE_UNREADABLE"])
def test_what_comes_before_the_rows_hides_nothing_of_them(
    tmp_path: Path, loading: float, reading: float, fails: str
) -> None:
    """However long libraries take, the rows take one and the same time, also when they fail."""
    site = Site(tmp_path)
    worker = site.node.workers.site
    worker.before = {"tried": lambda: site.pace.pass_by(loading)}
    told = list[float]()

    def read() -> None:
        told.append(site.pace.now())
        site.pace.pass_by(reading)

    worker.before["ready"] = read
    worker.start_failure = fails
    with running(site.node):
        assert wait_for(lambda: len(site.pace.waits) == 2)
        assert site.pace.now() - told[0] == pytest.approx(site.read)


@pytest.mark.parametrize("fault", ["refuse", "refuse_reading", "die_in", "die_reading"])
def test_a_round_that_fails_ends_at_a_public_time(tmp_path: Path, fault: str) -> None:
    site = Site(tmp_path)
    died = fault.startswith("die")
    setattr(site.node.workers.site, fault, [1, 1] if died else "ROUND_REFUSED")
    once = padding.round_unit(0.02)
    with running(site.node):
        frame = site.ask()
        assert isinstance(frame, RoundRefusal)
        charged = fault in ("refuse", "die_in")
        assert frame.code == ("ROUND_MISSED" if charged else "ROUND_REFUSED")
        assert site.node.reservation(site.job_id).committed_rounds == int(charged)
    # The first of two is within the second.
    again = [site.read, padding.START_SECONDS + once] if died else [once]
    assert site.pace.waits[2:] == pytest.approx(again)


@pytest.mark.parametrize(("before", "padded_by"), [(0.0, 18.03), (20.0, 16.06)])
def test_what_came_before_a_round_shortens_no_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: float, padded_by: float
) -> None:
    """A slow look at the lead's standing must not let a round out when its rows are done."""
    site = Site(tmp_path, seconds=12.0, roundSeconds=40)  # a unit of 18.03 s
    judged = site_run.may_answer

    def slow(*args: Any) -> int:
        site.pace.pass_by(before)
        return judged(*args)

    with running(site.node):
        assert wait_for(lambda: len(site.pace.waits) == 2)  # hashing and start
        monkeypatch.setattr(site_run, "may_answer", slow)
        frame = site.ask()
    assert site.pace.waits[2:] == pytest.approx([padded_by])
    assert isinstance(frame, RoundReply)


@pytest.mark.parametrize("fault", ["late", "refused"])
def test_of_a_charged_round_that_fails_the_lead_learns_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    site = Site(tmp_path, seconds=12.0, roundSeconds=40)
    charged = site_run.charge

    def slow(*args: Any, **named: Any) -> RoundReply | None:
        site.pace.pass_by(38.0)  # its next multiple lies beyond its time
        return charged(*args, **named)

    if fault == "late":
        monkeypatch.setattr(site_run, "charge", slow)
    else:
        site.node.workers.site.refuse = "DATA_FAULT"
    with running(site.node):
        frame = site.ask()
    assert isinstance(frame, RoundRefusal)
    assert (frame.code, frame.reason) == (
        "ROUND_MISSED",
        "the site's worker answered `WORKER_FAILED`",
    )
    assert site.node.reservation(site.job_id).committed_rounds == 1


def test_a_start_takes_a_public_time_for_the_inputs_that_a_lead_asks(tmp_path: Path) -> None:
    names = [f"g{number}" for number in range(200)]
    wide = [{"column": "grade", "kind": "category", "values": names, "missing": "refuse"}]
    narrow, site = Site(tmp_path / "1"), Site(tmp_path / "2", features=wide)
    dataset = site.node.dataset
    assert dataset is not None
    more = 199 * dataset.population * 4 * padding.READ_SECONDS_PER_INPUT
    assert site.read == pytest.approx(narrow.read + more)
    with running(site.node):
        assert isinstance(site.ask(), RoundReply)
    assert site.pace.waits[1] == pytest.approx(site.read, rel=1e-9)


def test_a_worker_that_was_replaced_read_the_file_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.node.workers.site.die_in = [1]
    with running(site.node):
        assert isinstance(site.ask(), RoundReply)
    once = padding.round_unit(0.02)  # the round's, then that of the read within it
    assert sum(site.pace.waits[2:]) == pytest.approx(padding.START_SECONDS + site.read + once)


def test_a_start_that_fails_ends_at_a_public_time(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.node.workers.site.start_failure = "DATA_FILE_UNREADABLE"
    with running(site.node):
        assert wait_for(lambda: site.node.job(site.job_id).state == JobState.FAILED)
    assert site.pace.waits[1] == pytest.approx(site.read)


def test_a_round_that_cannot_end_in_its_time_costs_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, seconds=25.0, roundSeconds=30)
    with running(site.node):
        frame = site.ask()
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "ROUND_REFUSED"
    assert "a round takes 37.5 s here" in frame.reason
    assert site.node.reservation(site.job_id).counted_rounds(Rule.RENYI) == 0
    assert site.node.workers.site.updates == []


@pytest.mark.parametrize("seconds", [None, "1", True, -1.0, math.inf, math.nan])
def test_a_worker_that_does_not_say_what_a_round_takes_is_not_ready(
    tmp_path: Path, seconds: object
) -> None:
    site = Site(tmp_path, seconds=seconds)
    with running(site.node):
        assert wait_for(lambda: site.node.job(site.job_id).state == JobState.FAILED)
    assert site.node.job(site.job_id).code == "WORKER_FAILED"


@pytest.mark.parametrize("change", ["", "gone", "other"])
def test_a_file_is_judged_after_a_public_time(tmp_path: Path, change: str) -> None:
    node = Federation(tmp_path).site()
    dataset = node.dataset
    assert dataset is not None
    path = Path(dataset.file.path)
    if change == "gone":
        path.unlink()
    elif change:
        path.write_text(path.read_text() * 2)
    pace = QuickPace()
    refusal = check_file(replace(node.ports, pace=pace), dataset)
    assert (refusal is None) == (change == "")
    assert pace.waits == pytest.approx([padding.hash_unit(cells_of(dataset))])

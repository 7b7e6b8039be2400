"""The drill's checks themselves: a sound ledger passes, each doctored one is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from space import Node

from connector.management.views.audits import EventView
from connector.management.views.jobs import JobView, SiteView
from connector.management.views.publishing.budgets import JobBudgetView
from tests.support.drill_faults import charged, ending, negotiated, used

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SITE = "did:web:nord.example"


@dataclass(frozen=True)
class Held:
    """What the comparison of negotiations reads."""

    pid: str
    peer_pid: str
    state: str


def event(kind: str, number: int) -> EventView:
    facts = {"facts": {"round": number}}
    return EventView(index=0, kind=f"job.round.{kind}", at=NOW, subject="job", event=facts)


def log(committed: list[int], released: list[int]) -> list[EventView]:
    return [event("committed", n) for n in committed] + [event("released", n) for n in released]


def ledger(committed: int, **changes: Any) -> JobBudgetView:
    values = {
        "job": "job",
        "open": False,
        "epsilon": 1.0,
        "delta": 1e-6,
        "rounds": 3,
        "released": [],
        "at": datetime(2026, 11, 28, tzinfo=UTC),
        "together": 0.0,
    }
    return JobBudgetView(committed_rounds=committed, **values | changes)


def job(state: str, last: int, *, code: str = "", reason: str = "") -> JobView:
    site = SiteView(
        site=SITE,
        agreement="a",
        decision="accepted",
        code="",
        reason="",
        last_round=last,
        rounds=last,
        bytes_sent=0,
        bytes_received=0,
    )
    return JobView(
        id="job",
        side="lead",
        lead="did:web:lab.example",
        agreement="",
        state=state,
        round=last,
        rounds=3,
        code=code,
        reason=reason,
        result="",
        created_at=NOW,
        updated_at=NOW,
        sites=[site],
    )


@pytest.mark.parametrize(
    ("spent", "events"),
    [
        (ledger(3), log([1, 2, 3], [1, 2, 3])),
        (ledger(2), log([1, 2], [1])),
        (ledger(0), log([], [])),
        (ledger(3), log([1, 2, 3, 4], [1, 2, 3, 4])),  # the last one evaluates
        (ledger(1), log([4], [4])),
    ],
)
def test_a_sound_ledger_passes(spent: JobBudgetView, events: list[EventView]) -> None:
    assert charged(spent, events) == []


@pytest.mark.parametrize(
    ("spent", "events"),
    [
        pytest.param(ledger(2), log([1, 2, 2], [1, 2]), id="charged twice"),
        pytest.param(ledger(1), log([1], [1, 2]), id="left without a charge"),
        pytest.param(ledger(2), log([1, 2], [1, 1]), id="left twice"),
        pytest.param(ledger(4), log([1, 2, 3, 4], []), id="more than reserved"),
        pytest.param(ledger(2), log([4, 1], [4, 1]), id="evaluated and counted twice"),
        pytest.param(ledger(2), log([1], [1]), id="charge missing in the log"),
        pytest.param(ledger(1, open=True), log([1], [1]), id="still open"),
    ],
)
def test_a_doctored_ledger_is_told(spent: JobBudgetView, events: list[EventView]) -> None:
    assert charged(spent, events)


@pytest.mark.parametrize(
    ("seen", "events"),
    [
        (job("COMPLETED", 3), log([1, 2, 3], [1, 2, 3])),
        (job("COMPLETED", 2), log([1, 3], [1, 3])),
        (job("FAILED", 1), log([1, 2], [1, 2])),
        (job("FAILED", 1), log([1, 2], [1])),
    ],
)
def test_what_the_lead_used_was_charged(seen: JobView, events: list[EventView]) -> None:
    assert used(node(), seen, events) == []


@pytest.mark.parametrize(
    ("seen", "events"),
    [
        pytest.param(job("FAILED", 2), log([1], [1]), id="used for free"),
        pytest.param(job("FAILED", 1), log([1, 2, 3], [1, 2]), id="two rounds ahead"),
    ],
)
def test_use_and_charge_that_differ_are_told(seen: JobView, events: list[EventView]) -> None:
    assert used(node(), seen, events)


@pytest.mark.parametrize(
    ("ours", "theirs", "sound"),
    [
        ("FINALIZED", "FINALIZED", True),
        ("TERMINATED", "TERMINATED", True),
        ("TERMINATED", "", True),
        ("FINALIZED", "VERIFIED", False),
        ("VERIFIED", "FINALIZED", False),
        ("FINALIZED", "TERMINATED", False),
        ("FINALIZED", "", False),
        ("", "FINALIZED", False),
        ("AGREED", "AGREED", False),
    ],
)
def test_negotiations_are_final_or_over_on_both_sides(
    ours: str, theirs: str, *, sound: bool
) -> None:
    one = [Held("c", "p", ours)] if ours else []
    other = [Held("p", "c", theirs)] if theirs else []
    assert (negotiated(one, other, "nord") == []) is sound


@pytest.mark.parametrize(
    ("view", "sound"),
    [
        (job("COMPLETED", 3), True),
        (job("FAILED", 1, code="TOO_FEW_SITES", reason="round 2"), True),
        (job("FAILED", 1), False),
        (job("FAILED", 1, code="TOO_FEW_SITES"), False),
        (job("RUNNING", 1), False),
    ],
)
def test_a_job_ends_with_a_reason(view: JobView, *, sound: bool) -> None:
    assert (ending("job", "nord", view) == []) is sound


def node() -> Node:
    return Node("nord", Path("nord"), SITE)

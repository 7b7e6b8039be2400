"""A site that missed rounds, or accepts late: what it must be shown before it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from connector.domain.federation.frames import Finish, Round, RoundRefusal, RoundReply, SiteFrame
from connector.services.federation.site.following import MOST_SHOWN
from federated.job import JobState, is_final
from federated.privacy.rule import Rule
from tests.support.federation import SITES, running, signed_receipt, wait_for
from tests.support.federation_workers import model_digest
from tests.support.site_rounds import Case, released

US, B, C = SITES
OTHERS = (B, C)
OTHER = "2" * 64


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    """A job of ten rounds, which two of three sites may answer."""
    found = Case(tmp_path, quorum=2, rounds=10, privacy=PRIVACY)
    with running(found.site):
        yield found


PRIVACY = {
    "epsilon": 2.5,
    "delta": 1e-6,
    "noiseMultiplier": 1.0,
    "samplingRate": 0.5,
    "steps": 10,
    "clip": 1.0,
}


def shown(case: Case, number: int, *sites: str, **changes: object) -> list[str]:
    """Return sites' receipts of a round; `changes` are what the last one states otherwise."""
    stated = [{} for _ in sites[:-1]] + [changes]
    digest = model_digest(b"m")
    return [
        signed_receipt(case.federation, case.job, site, number, digest, **each)
        for site, each in zip(sites, stated, strict=True)
    ]


def ask(
    case: Case, number: int, receipts: Sequence[str], answered: tuple[str, ...] = OTHERS
) -> SiteFrame:
    case.send(Round(number, answered, b"m", tuple(receipts)))
    frame = case.answer()
    if isinstance(frame, RoundReply):
        case.own[number] = frame.receipt
    return frame


def committed(case: Case) -> int:
    return case.site.reservation(case.job_id).committed_rounds


def test_a_site_that_missed_rounds_answers_the_next_and_pays_for_what_it_answered(
    case: Case,
) -> None:
    released(case.ask(1))
    first = [case.own[1], *shown(case, 1, *OTHERS)]
    assert released(ask(case, 5, [*shown(case, 4, *OTHERS), *first])) == (5, case.drawn[-1][1])
    assert [number for number, _ in case.drawn] == [1, 5]
    assert committed(case) == 2
    released(ask(case, 6, [case.own[5], *shown(case, 5, *OTHERS)], SITES))
    case.send(Finish("completed", "", "", (*shown(case, 10, *OTHERS), *shown(case, 6, *OTHERS))))
    case.ended(JobState.COMPLETED)
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 3


def test_a_site_that_accepts_late_answers_the_next_round(case: Case) -> None:
    released(ask(case, 7, shown(case, 6, *OTHERS)))
    assert committed(case) == 1
    released(ask(case, 8, [case.own[7], *shown(case, 7, *OTHERS)], SITES))


def test_a_job_that_is_over_before_a_site_answered_costs_nothing(case: Case) -> None:
    assert wait_for(lambda: case.hub.connected(case.job_id))
    case.send(Finish("completed", "", "", tuple(shown(case, 10, *OTHERS))))
    job = case.ended(JobState.CANCELLED)
    assert (job.code, job.round, committed(case)) == ("JOB_CANCELLED", 0, 0)


def _one(case: Case) -> list[str]:
    return [*shown(case, 4, B), *shown(case, 1, *OTHERS)]


def _none_of_our_last(case: Case) -> list[str]:
    return shown(case, 4, *OTHERS)


def _one_of_our_last(case: Case) -> list[str]:
    return [*shown(case, 4, *OTHERS), *shown(case, 1, B)]


def _none_of_the_last(case: Case) -> list[str]:
    return shown(case, 1, *OTHERS)


def _of_another_round(case: Case) -> list[str]:
    return [*shown(case, 3, *OTHERS), *shown(case, 1, *OTHERS)]


def _too_many(case: Case) -> list[str]:
    return shown(case, 4, *OTHERS) * (MOST_SHOWN * 3)


def _unreadable(case: Case) -> list[str]:
    return [*shown(case, 4, *OTHERS, recipe="x"), *shown(case, 1, *OTHERS)]


@pytest.mark.parametrize(
    "make",
    [
        *(_one, _one_of_our_last, _none_of_the_last, _of_another_round),
        *(_too_many, _unreadable),
    ],
)
def test_what_is_not_shown_is_not_followed(case: Case, make: object) -> None:
    released(case.ask(1))
    frame = ask(case, 5, make(case))  # type: ignore[operator]
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "ROUND_REFUSED"
    assert wait_for(lambda: is_final(case.job.state))
    assert committed(case) == 1


def test_a_lead_that_does_not_know_our_last_round_is_told_and_may_show_it(case: Case) -> None:
    released(case.ask(1))
    frame = ask(case, 5, _none_of_our_last(case))
    assert (isinstance(frame, RoundRefusal), frame.number) == (True, 1)
    assert (frame.code, committed(case)) == ("ROUND_MISSED", 1)  # type: ignore[union-attr]
    first = [case.own[1], *shown(case, 1, *OTHERS)]
    assert released(ask(case, 5, [*shown(case, 4, *OTHERS), *first]))[0] == 5
    case.send(Finish("completed", "", "", tuple(shown(case, 10, *OTHERS))))
    case.ended(JobState.FAILED)
    assert case.job.reason == "the receipts of round 5, which we signed, were not shown"


@pytest.mark.parametrize("change", [{"digest": OTHER}, {"manifest": OTHER}])
@pytest.mark.parametrize("number", [1, 4])
def test_a_split_view_is_found_however_many_rounds_lie_between(
    case: Case, number: int, change: dict[str, str]
) -> None:
    """Of the round that we read ourselves, and of the one that the others read."""
    released(case.ask(1))
    receipts = [
        token
        for each in (4, 1)
        for token in shown(case, each, *OTHERS, **(change if each == number else {}))
    ]
    frame = ask(case, 5, receipts)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "SPLIT_VIEW"
    assert wait_for(lambda: is_final(case.job.state))
    assert "job.view.split" in case.site.log(case.job_id)
    assert committed(case) == 1


def test_others_that_all_read_another_manifest_are_found(case: Case) -> None:
    frame = ask(case, 7, [*shown(case, 6, B, manifest=OTHER), *shown(case, 6, C, manifest=OTHER)])
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "SPLIT_VIEW"


def test_our_own_receipt_of_a_round_that_we_do_not_know_counts_the_job_in_full(case: Case) -> None:
    released(case.ask(1))
    frame = ask(case, 5, [*shown(case, 4, US, *OTHERS), *shown(case, 1, *OTHERS)])
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "ROUND_REFUSED"
    assert wait_for(lambda: is_final(case.job.state))
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 10


def test_updates_that_enter_nothing_are_given_twice_and_no_more(case: Case) -> None:
    """A lead that says each time that we were silent gets no third one."""
    released(case.ask(1))
    released(ask(case, 2, shown(case, 1, *OTHERS)))
    released(ask(case, 3, shown(case, 2, *OTHERS)))
    case.site.restart()  # what entered nothing is known after a restart, too
    frame = ask(case, 4, shown(case, 3, *OTHERS))
    assert isinstance(frame, RoundRefusal)
    assert "3 rounds were charged here, but are not in the model" in frame.reason
    assert wait_for(lambda: is_final(case.job.state))
    assert committed(case) == 3


def test_a_round_of_the_past_is_not_answered(case: Case) -> None:
    released(ask(case, 7, shown(case, 6, *OTHERS)))
    frame = ask(case, 5, shown(case, 4, *OTHERS))
    assert isinstance(frame, RoundRefusal)
    assert "this node is at round 7" in frame.reason

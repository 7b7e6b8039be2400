"""The states of a duty: their table, and what the public models call them."""

from __future__ import annotations

import os
import re
from itertools import product
from pathlib import Path

import pytest

from policies_odrl.evaluation.deontic import NEXT, REPORTED, DutyState, Event, outcome
from tests.conformance.reports.report import Activation, Deontic
from tests.support.each import over

S, E = DutyState, Event


def test_the_states_are_those_of_the_public_models() -> None:
    assert set(NEXT) == set(REPORTED) == set(S)
    assert {active for active, _ in REPORTED.values()} == {item.value for item in Activation}
    assert {deontic for _, deontic in REPORTED.values()} == {item.value for item in Deontic}


@pytest.mark.reference
def test_the_models_know_no_other_states() -> None:
    folder = Path(os.environ["PREAU_REFERENCE"], "odrl/report-model")
    text = (folder / "ComplianceReportModel.ttl").read_text("utf-8")
    for kind, known in (("DeonticState", Deontic), ("ActivationState", Activation)):
        found = re.findall(rf"^report:(\w+) a [^.]*?subClassOf report:{kind}\b", text, re.MULTILINE)
        assert set(found) == {item.value for item in known}


def test_every_state_is_reached_and_every_event_leads_somewhere() -> None:
    assert {after for row in NEXT.values() for after in row.values()} | {S.INACTIVE} == set(S)
    assert {event for row in NEXT.values() for event in row} == set(E)


@over(("state", "event"), list(product(S, E)))
def test_only_an_act_fulfils_and_only_a_deadline_violates(state: S, event: E) -> None:
    after = outcome([event], state)
    if after is not state:
        assert (after is S.FULFILLED) is (event in {E.DONE, E.MADE_GOOD})
        assert (after is S.VIOLATED) is (event is E.TOO_LATE)
        assert (state is S.VIOLATED) is (event is E.MADE_GOOD)

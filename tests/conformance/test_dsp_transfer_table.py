"""The table of `connector/protocol/transfer.py` is the specification's, and nothing more."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.contract.negotiation import Role
from connector.domain.transfer.transfer import ENDED, TransferState
from connector.errors import IllegalMessage
from connector.protocol.transfer import TRANSITIONS, Act, step
from tests.support.each import over

SPEC: dict[str, Any] = json.loads(
    (Path(__file__).parent / "dsp_2025_1_transfer.json").read_text(encoding="utf-8")
)
STATES = (None, *TransferState)


def _state(name: str | None) -> TransferState | None:
    return None if name is None else TransferState(name)


def test_states_are_the_specifications_and_no_others() -> None:
    assert [state.value for state in TransferState] == SPEC["states"]
    assert {state.value for state in ENDED} == set(SPEC["terminal"])


def test_transitions_are_the_diagrams() -> None:
    diagram = {
        (_state(row["from"]), Act(row["message"]), Role(by)): TransferState(row["to"])
        for row in SPEC["diagram"]
        for by in row["by"]
    }
    assert dict(TRANSITIONS) == diagram


@over("row", SPEC["forbidden"])
def test_forbidden(row: dict[str, Any]) -> None:
    with pytest.raises(IllegalMessage) as refusal:
        step(_state(row["from"]), Act(row["message"]), Role(row["by"]))
    assert row["message"] in refusal.value.reason
    assert (row["from"] or "before any message") in refusal.value.reason


@pytest.mark.parametrize("row", SPEC["resume"], ids=lambda row: f"{row['held_by']}-{row['by']}")
def test_only_who_suspended_resumes(row: dict[str, Any]) -> None:
    held_by, by = Role(row["held_by"]), Role(row["by"])
    if row["allowed"]:
        after = step(TransferState.SUSPENDED, Act.START, by, held_by=held_by)
        assert after is TransferState.STARTED
        return
    with pytest.raises(IllegalMessage, match=f"the {held_by} has suspended"):
        step(TransferState.SUSPENDED, Act.START, by, held_by=held_by)


def test_every_combination_steps_or_is_refused() -> None:
    for key in itertools.product(STATES, Act, Role):
        if key in TRANSITIONS:
            assert step(*key) is TRANSITIONS[key]
        else:
            with pytest.raises(IllegalMessage):
                step(*key)
    assert not any(state in ENDED for state, _act, _role in TRANSITIONS)


@given(st.lists(st.tuples(st.sampled_from(list(Act)), st.sampled_from(list(Role))), max_size=12))
def test_data_only_flows_after_the_provider_has_started(acts: list[tuple[Act, Role]]) -> None:
    state: TransferState | None = None
    taken: list[tuple[Act, Role]] = []
    for act, by in acts:
        if (state, act, by) in TRANSITIONS:
            state = step(state, act, by)
            taken.append((act, by))
    if state in {TransferState.STARTED, TransferState.SUSPENDED, TransferState.COMPLETED}:
        assert taken[:2] == [(Act.REQUEST, Role.CONSUMER), (Act.START, Role.PROVIDER)]

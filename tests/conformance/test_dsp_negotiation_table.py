"""The table of `connector/protocol/negotiation.py` is the specification's, and nothing more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import NegotiationState, Role
from connector.errors import IllegalMessage
from connector.protocol.negotiation import RECEIVING, SENDING, TERMINAL, Act, allowed, step
from tests.support.each import over

SPEC: dict[str, Any] = json.loads(
    (Path(__file__).parent / "dsp_2025_1_negotiation.json").read_text(encoding="utf-8")
)


def _key(row: dict[str, Any]) -> tuple[NegotiationState | None, Act, Role]:
    state = None if row["from"] is None else NegotiationState(row["from"])
    return (state, Act(row["message"]), Role(row["by"]))


def _table(*parts: str) -> dict[Any, NegotiationState]:
    return {_key(row): NegotiationState(row["to"]) for part in parts for row in SPEC[part]}


def test_states_are_the_specifications_and_no_others() -> None:
    assert [state.value for state in NegotiationState] == SPEC["states"]
    assert {state.value for state in TERMINAL} == set(SPEC["terminal"])


def test_sixteen_transitions_may_be_sent() -> None:
    assert len(SPEC["diagram"]) == 16
    assert dict(SENDING) == _table("diagram")


def test_three_more_terminations_may_be_received() -> None:
    assert len(SPEC["prose"]) == 3
    assert dict(RECEIVING) == _table("diagram", "prose")


@over("row", SPEC["diagram"])
@over("sending", [True, False])
def test_diagram(row: dict[str, Any], sending: bool) -> None:
    state, act, sender = _key(row)
    assert step(state, act, sender, sending=sending) is NegotiationState(row["to"])
    assert allowed(state, act, sender, sending=sending)


@pytest.mark.parametrize("row", SPEC["prose"], ids=lambda r: f"{r['from']}-{r['by']}")
def test_prose_is_for_receiving_only(row: dict[str, Any]) -> None:
    state, act, sender = _key(row)
    assert step(state, act, sender, sending=False) is NegotiationState.TERMINATED
    with pytest.raises(IllegalMessage):
        step(state, act, sender, sending=True)


@over("row", SPEC["forbidden"])
@over("sending", [True, False])
def test_forbidden(row: dict[str, Any], sending: bool) -> None:
    state, act, sender = _key(row)
    assert not allowed(state, act, sender, sending=sending)
    with pytest.raises(IllegalMessage) as refusal:
        step(state, act, sender, sending=sending)
    assert refusal.value.code == "ILLEGAL_MESSAGE"
    assert row["message"] in refusal.value.reason
    assert (row["from"] or "before any message") in refusal.value.reason

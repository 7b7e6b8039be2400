"""Every state x message x role, and every path: only the table's steps exist."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.contract.negotiation import NegotiationState, Role
from connector.errors import IllegalMessage
from connector.protocol.negotiation import RECEIVING, SENDING, TERMINAL, Act, allowed, step
from tests.support.each import over

STATES = (None, *NegotiationState)
MESSAGES = st.lists(st.tuples(st.sampled_from(list(Act)), st.sampled_from(list(Role))), max_size=12)


@over("sending", [True, False])
@over(("state", "act", "sender"), list(itertools.product(STATES, Act, Role)))
def test_every_combination_steps_or_is_refused(
    state: NegotiationState | None,
    act: Act,
    sender: Role,
    sending: bool,  # noqa: FBT001
) -> None:
    table = SENDING if sending else RECEIVING
    if (state, act, sender) in table:
        assert step(state, act, sender, sending=sending) is table[(state, act, sender)]
        return
    with pytest.raises(IllegalMessage) as refusal:
        step(state, act, sender, sending=sending)
    assert act.value in refusal.value.reason
    assert sender.value in refusal.value.reason


def test_whatever_may_be_sent_may_be_received() -> None:
    assert SENDING.items() <= RECEIVING.items()


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_leaves_a_terminal_state(state: NegotiationState) -> None:
    assert not any(
        allowed(state, act, sender, sending=False) for act, sender in itertools.product(Act, Role)
    )


@given(MESSAGES)
def test_a_finalized_path_holds_one_agreement_then_one_verification(
    messages: list[tuple[Act, Role]],
) -> None:
    state: NegotiationState | None = None
    taken: list[Act] = []
    for act, sender in messages:
        if allowed(state, act, sender, sending=False):
            state = step(state, act, sender, sending=False)
            taken.append(act)
    if state is NegotiationState.FINALIZED:
        assert taken[-3:] == [Act.AGREEMENT, Act.VERIFICATION, Act.FINALIZED]
        assert taken.count(Act.AGREEMENT) == 1


@given(st.data())
def test_every_walk_of_the_table_keeps_the_order_of_signatures(data: st.DataObject) -> None:
    state: NegotiationState | None = None
    taken: list[Act] = []
    while state not in TERMINAL and len(taken) < 20:
        choices = sorted((act, by) for (at, act, by) in RECEIVING if at is state)
        act, sender = data.draw(st.sampled_from(choices))
        state = step(state, act, sender, sending=False)
        taken.append(act)
    signed = [a for a in taken if a in {Act.AGREEMENT, Act.VERIFICATION, Act.FINALIZED}]
    assert signed == [Act.AGREEMENT, Act.VERIFICATION, Act.FINALIZED][: len(signed)]

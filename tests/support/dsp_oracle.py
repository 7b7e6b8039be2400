"""What the table of the protocol says of messages that came, whoever sent them and in which order.

A node that takes a message goes where the table leads, or one step of its own further; one that
refuses stays where it was. What the table does not have is refused. What came before is answered
and moves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from connector.domain.contract.negotiation import NegotiationState, Role
from connector.protocol.dsp import extensions
from connector.protocol.negotiation import RECEIVING, SENDING, Act
from tests.support.dsp_link import Taken

_OWN_FAULTS: Final = ("INTERNAL", "WORLD_FAULT", "STORE_UNAVAILABLE", "ROW_DAMAGED")


def disagreement(taken: Iterable[Taken]) -> str:
    """Return the first thing that a node did which the table does not allow; empty for none."""
    known: set[str] = set()
    last: dict[tuple[str, str], str] = {}
    for one in taken:
        way, text = (one.sender, one.receiver), json.dumps(one.body, sort_keys=True)
        named = extensions.MESSAGE in one.body or "callbackAddress" in one.body
        again = last.get(way) == text or (named and text in known)
        found = _repeated(one) if again else _judged(one)
        if found:
            return f"{found}: {one}"
        if not one.code and not again:
            known.add(text)
            last[way] = text
    return ""


def act_of(kind: str, event: str = "") -> Act:
    """Return what a message does."""
    return Act(f"{kind}:{event}" if event else kind)


def _repeated(one: Taken) -> str:
    if one.before is not one.after:
        return "a repetition moved the negotiation"
    return f"a repetition was refused by `{one.code}`" if one.code else ""


def _judged(one: Taken) -> str:
    if one.code in _OWN_FAULTS:
        return "a message made the node fail"
    act = act_of(one.body["@type"], one.body.get("eventType", ""))
    leads = RECEIVING.get((one.before, act, one.role))
    if one.code:
        return "a refused message moved the negotiation" if one.before is not one.after else ""
    if leads is None:
        return "the table does not have what was taken"
    if one.after is not leads and one.after not in _further(leads, one.role.other):
        return f"the table leads to `{leads}`"
    return ""


def _further(state: NegotiationState, role: Role) -> set[NegotiationState]:
    return {SENDING[it] for it in SENDING if it[0] is state and it[2] is role}

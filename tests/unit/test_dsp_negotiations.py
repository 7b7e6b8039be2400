"""Random negotiations through the codec; `make soak` plays ten thousand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.domain.contract.negotiation import NegotiationState, Role
from tests.support.dsp_link import Taken
from tests.support.dsp_negotiations import play
from tests.support.dsp_oracle import disagreement

State = NegotiationState
END = {"@type": "ContractNegotiationTerminationMessage", "@id": "urn:m:1"}
TAKEN = Taken("did:a", "did:b", END, Role.CONSUMER, State.OFFERED, State.TERMINATED, "")
OVER = replace(TAKEN, before=State.TERMINATED)
ANEW = replace(OVER, body={**END, "@id": "urn:m:2"})


@pytest.mark.parametrize("plain", [False, True], ids=["signed", "unsigned"])
def test_they_end_alike(plain: bool) -> None:  # noqa: FBT001 - drawn
    ends = play(8, 11, int(plain), plain=plain)
    assert ends.total() == 8
    assert {end.partition(" ")[0] for end in ends} >= {"FINALIZED", "TERMINATED"}


WRONG = {
    "moved elsewhere": ([replace(TAKEN, after=State.AGREED)], "the table leads to"),
    "left where it was": ([replace(TAKEN, after=State.OFFERED)], "the table leads to"),
    "taken too late": ([replace(TAKEN, before=State.TERMINATED)], "does not have what was taken"),
    "taken anew": ([TAKEN, ANEW], "does not have what was taken"),
    "refused and moved": ([replace(TAKEN, code="TERMS_REFUSED")], "a refused message moved"),
    "made the node fail": ([replace(OVER, code="INTERNAL")], "made the node fail"),
    "a repetition that is refused": ([TAKEN, replace(OVER, code="ILLEGAL_MESSAGE")], "refused by"),
}


@pytest.mark.parametrize(("taken", "found"), WRONG.values(), ids=WRONG)
def test_what_the_table_does_not_have_is_found(taken: list[Taken], found: str) -> None:
    assert found in disagreement(taken)


def test_what_the_table_has_is_let_be() -> None:
    refused = replace(ANEW, code="ILLEGAL_MESSAGE")
    assert disagreement([TAKEN, OVER, refused, OVER]) == ""

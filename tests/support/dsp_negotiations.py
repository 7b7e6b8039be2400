"""Random negotiations of two nodes through the codec of the Dataspace Protocol.

    python -m tests.support.dsp_negotiations 10000 7      # so many, from that seed

Each is opened by either side, as offered or with other terms, answered or ended at random, while
requests and answers are lost and come twice. What both sides hold is compared after each.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.errors import IllegalMessage, PeerUnreachable
from connector.identity import agreement as documents
from connector.jsonld.policy import read_policy
from connector.services.negotiation import negotiate, terms
from connector.services.publication import publish
from tests.support.dsp_link import dsp_link
from tests.support.link import CONTEXT, DATASET, Fault, Link, Node, description

State = NegotiationState
OFFER: Final = "urn:example:offer"
_DPV: Final = "https://w3id.org/dpv#"
_PURPOSES: Final = ("ResearchAndDevelopment", "AcademicResearch", "Marketing")
_OVER: Final = (State.FINALIZED, State.TERMINATED)
_MOST_STEPS: Final = 12
_OF_A_PAIR: Final = 50  # negotiations of two nodes: their papers are of some days


def offer(purpose: str = _PURPOSES[0], **members: Any) -> dict[str, Any]:
    """Return an offer of rows for a purpose, with the one action that every peer knows."""
    constraint = {
        "leftOperand": "odrl:purpose",
        "operator": "isA",
        "rightOperand": {"@id": _DPV + purpose},
    }
    return {
        "@context": CONTEXT,
        "@id": OFFER,
        "@type": "Offer",
        "permission": [{"action": "use", "constraint": [constraint]}],
        **members,
    }


def play(folder: Path, count: int, seed: int, *, plain: bool) -> Counter[str]:
    """Play so many negotiations, and return how often each ended how.

    Args:
        folder: empty.
        count: how many.
        seed: of what happens in them.
        plain: whether either side takes the other for a connector of another make.
    """
    rng, ends = random.Random(seed), Counter[str]()  # noqa: S311 - a test's choices
    for first in range(0, count, _OF_A_PAIR):
        with dsp_link(folder / str(first), plain=plain) as (pair, _):
            publish.publish(pair.school.ports, description(folder / "data", offer=offer()))
            for _number in range(min(_OF_A_PAIR, count - first)):
                ends[_one(pair, rng)] += 1
    return ends


def _one(pair: Link, rng: random.Random) -> str:
    ours = _opened(pair, rng)
    losses = rng.randrange(4)
    pair.fault = lambda _call: _fault(rng, losses)
    for _step in range(_MOST_STEPS):
        pair.deliver(1)
        pair.clock.advance(60.0)
        _acted(pair, rng, ours)
    pair.fault = lambda _call: Fault.NONE
    pair.pump()
    _end_open(pair, ours)
    pair.pump()
    return _compared(pair, ours)


def _fault(rng: random.Random, losses: int) -> Fault:
    if rng.randrange(4) >= losses:
        return Fault.NONE
    return rng.choice((Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.TWICE))


def _opened(pair: Link, rng: random.Random) -> Negotiation:
    if rng.randrange(4) == 0:
        return negotiate.offer(pair.school.ports, pair.lab.did, DATASET, OFFER)
    wish = rng.choice((None, offer(rng.choice(_PURPOSES))))
    return negotiate.request(pair.lab.ports, pair.school.did, DATASET, OFFER, wish)


def _acted(pair: Link, rng: random.Random, ours: Negotiation) -> None:
    """Let the operator of either side do something, or nothing."""
    node = rng.choice((pair.lab, pair.school))
    found = _held(pair, node, ours)
    if found is None or found.state in _OVER:
        return
    choice = rng.randrange(8)
    try:
        if choice == 0:
            negotiate.terminate(node.ports, found.pid, "enough")
        elif found.role is Role.CONSUMER and found.state is State.OFFERED:
            if choice < 4:
                negotiate.accept(node.ports, found.pid)
            elif choice < 6:
                negotiate.counter(node.ports, found.pid, offer(rng.choice(_PURPOSES)))
    except (IllegalMessage, PeerUnreachable):  # the table, or the link, has the last word
        return


def _held(pair: Link, node: Node, ours: Negotiation) -> Negotiation | None:
    """Return what a node holds of a negotiation; None while it has not heard of it."""
    mine = node is (pair.lab if ours.role is Role.CONSUMER else pair.school)
    found = [it for it in node.negotiations() if ours.pid == (it.pid if mine else it.peer_pid)]
    return found[0] if found else None


def _end_open(pair: Link, ours: Negotiation) -> None:
    """End what waits for an operator, so that both sides are over."""
    for node in (pair.lab, pair.school):
        found = _held(pair, node, ours)
        if found is not None and found.state not in _OVER:
            negotiate.terminate(node.ports, found.pid, "nobody answers")
            return


def _compared(pair: Link, ours: Negotiation) -> str:
    """Check that both sides hold the same of a negotiation that is over; return its state."""
    lab, school = (_held(pair, node, ours) for node in (pair.lab, pair.school))
    known = [each for each in (lab, school) if each is not None]
    assert len({each.state for each in known}) == 1, known
    assert all(each.state in _OVER for each in known), known
    assert not pair.lab.waiting()
    assert not pair.school.waiting()
    contracts = [
        [it for it in node.agreements() if it.pid == found.pid and it.finalized]
        for node, found in ((pair.lab, lab), (pair.school, school))
        if found is not None
    ]
    state = known[0].state
    if state is State.TERMINATED:
        assert contracts == [[] for _ in contracts]
        return state.value
    (consumed,), (provided,) = contracts
    mine, theirs = (documents.read(each.document) for each in (consumed, provided))
    profiles = pair.lab.ports.mechanisms.profiles
    assert mine.id == theirs.id
    assert mine.timestamp == theirs.timestamp
    assert terms.same(read_policy(mine.policy, profiles), read_policy(theirs.policy, profiles))
    if not mine.alone:
        assert consumed.document == provided.document
        assert consumed.receipt == provided.receipt != ""
    return state.value


def main(count: int, seed: int) -> None:
    """Play half of them with signatures, and half without; print how they ended."""
    for plain in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            ends = play(Path(folder), count // 2, seed, plain=plain)
        sys.stdout.write(f"{'without' if plain else 'with'} signatures: {dict(ends)}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))

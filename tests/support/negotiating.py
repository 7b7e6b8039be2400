"""What tests of negotiations share: the names of terms, and steps of both ends at once."""

from __future__ import annotations

from typing import Any

from connector.domain.contract.negotiation import NegotiationState
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.link import (
    DATASET,
    Link,
    Node,
)

State = NegotiationState
NARROWER = "https://w3id.org/dpv#AcademicResearch"
WIDER = "https://w3id.org/dpv#ResearchAndDevelopment"
MARKETING = "https://w3id.org/dpv#Marketing"


def ask(pair: Link, **arguments: Any) -> str:
    """Let the lab ask for a contract, and deliver all that follows; return the lab's pid."""
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET, **arguments)
    pair.pump()
    return found.pid


def states(pair: Link) -> tuple[list[State], list[State]]:
    return (
        [item.state for item in pair.lab.negotiations()],
        [item.state for item in pair.school.negotiations()],
    )


def both(state: State) -> tuple[list[State], list[State]]:
    return ([state], [state])


def only_offer(node: Node) -> str:
    (found,) = [o for o in publish.offers(node.ports, DATASET) if not o.withdrawn]
    return found.id

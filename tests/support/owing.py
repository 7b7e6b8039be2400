"""Contracts with duties between two nodes, and where these stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from connector.domain.contract.duty import DeedKind, Duty
from connector.domain.contract.negotiation import Agreement
from connector.enforcement.terms import FEDERATED_TRAINING
from connector.services.duties import stating, timing, uses
from connector.services.duties.stating import Said
from connector.services.publication import publish
from tests.support.link import PREAU, Link, Node, description, limit, link, offer
from tests.support.negotiating import State, ask, both, states

INFORM, DELETE, ATTRIBUTE, REPORT = (f"/permission/0/duty/{index}" for index in range(4))
RESULTS = f"{PREAU}Results"
DAY = timedelta(days=1)
DONE = Said(DeedKind.DONE, "")
OWED: list[dict[str, Any]] = [
    {
        "action": "odrl:inform",
        "constraint": [limit("odrl:dateTime", "lteq", "2026-12-24T00:00:00Z", "dateTime")],
        "odrl:informedParty": [{"@id": "did:web:school.example"}],
        "odrl:consequence": [{"action": "odrl:compensate"}],
    },
    {
        "action": "odrl:delete",
        "constraint": [limit("odrl:dateTime", "lteq", "2027-09-30T00:00:00Z", "dateTime")],
    },
    {
        "action": "odrl:attribute",
        "constraint": [limit("odrl:elapsedTime", "lteq", "P10D", "duration")],
    },
]


def owing(*duties: dict[str, Any]) -> dict[str, Any]:
    policy = offer()
    policy["permission"][0]["duty"] = list(duties)
    return policy


def contract(node: Node) -> Agreement:
    (found,) = node.agreements()
    return found


def name(pair: Link, path: str) -> str:
    return f"{contract(pair.lab).id}#{path}"


def stand(node: Node, path: str) -> Duty:
    return stating.duty(node.ports, f"{contract(node).id}#{path}")[0]


def seen(pair: Link, path: str) -> list[str]:
    """Return where a duty stands, as each end has it."""
    return [stand(node, path).state for node in (pair.lab, pair.school)]


def turn(pair: Link, *, steady: bool = True) -> list[float]:
    return [timing.turn(node.ports, steady=steady) for node in (pair.lab, pair.school)]


def used(pair: Link, ticket: str = "urn:job:1") -> None:
    for node in (pair.lab, pair.school):
        with node.ports.store.write() as tx:
            uses.note(node.ports, tx, contract(node).id, ticket, FEDERATED_TRAINING)


@contextmanager
def owed(tmp_path: Path) -> Iterator[Link]:
    """Two nodes, and a contract between them with the duties `OWED`."""
    with link(tmp_path, "other", carries=True) as pair:
        publish.publish(pair.school.ports, description(pair.folder, offer=owing(*OWED)))
        ask(pair)
        assert states(pair) == both(State.FINALIZED)
        yield pair


def ends(pair: Link) -> tuple[Node, Node]:
    return pair.lab, pair.school

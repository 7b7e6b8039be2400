"""Contracts on one offer are read once, and as if each were read by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.errors import PreauError
from connector.jsonld import policy as reading
from connector.jsonld.policy import identical, policy_document, read_policy
from connector.services.negotiation import terms
from policies_odrl.model import Literal
from tests.support.each import over

NAME = "urn:uuid:5d0c7b6e-9c1f-4a53-8e5e-0d3f6c9b1a22"
STAND_IN = "urn:uuid:00000000-0000-4000-8000-000000000000"
STAND_IN_TIME = "2000-02-29T23:59:58Z"
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)


def contract(name: str = NAME, at: datetime = AT, notes: dict[str, Any] | None = None) -> Any:
    offer = {
        "@context": [
            "https://w3id.org/dspace/2025/1/context.jsonld",
            "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
        ],
        "@id": "urn:offer",
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        "permission": [{"action": "use", "constraint": []}],
    }
    parties = ("did:web:p.example", "did:web:c.example")
    agreed = terms.as_agreement(read_policy(offer), name, "urn:data", parties, at)
    return {**policy_document(agreed), **(notes or {})}


def alone(document: Any) -> Any:
    """Read a document from bytes that no other has in common with it."""
    return read_policy(json.dumps(document).encode())


def test_contracts_on_one_offer_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def counted(document: Any) -> Any:
        read.append(document)
        return nodes(document)

    nodes = reading.nodes_at_border
    documents = [contract(NAME[:-1] + digit, AT.replace(minute=int(digit))) for digit in "123"]
    read_policy(documents[0])
    monkeypatch.setattr(reading, "nodes_at_border", counted)
    found = [read_policy(each) for each in documents]
    assert [each.id for each in found] == [each["@id"] for each in documents]
    assert [each.timestamp for each in found] == [f"2026-11-27T12:0{n}:00Z" for n in (1, 2, 3)]
    assert not read
    other = contract(NAME, AT, {"target": "urn:other"})
    read.clear()
    assert read_policy(other).target != found[0].target
    assert len(read) == 1


def test_each_is_as_if_it_were_read_by_itself() -> None:
    for minute in range(3):
        document = contract(at=AT.replace(minute=minute), notes={"dct:title": "Étude"})
        assert identical(read_policy(document), alone(document))


def test_each_is_written_with_its_own_descriptions() -> None:
    found = read_policy(contract())
    for said in ("for the study", "for the study of 2026"):
        notes = (("http://purl.org/dc/terms/description", Literal(said)),)
        rule = replace(found.permissions[0], notes=notes)
        noted = replace(found, permissions=(rule,))
        assert identical(read_policy(policy_document(noted)), noted)


ODD: dict[str, dict[str, Any]] = {
    "its name is said elsewhere": {"replaces": NAME},
    "its name is that of its permission": {"permission": [{"@id": NAME, "action": "use"}]},
    "what stands in for the name is said": {"dct:replaces": {"@id": STAND_IN}},
    "the stand-in is its name": {"@id": STAND_IN},
    "the stand-in names its permission": {"permission": [{"@id": STAND_IN, "action": "use"}]},
    "the stand-in's time is said": {"dct:issued": STAND_IN_TIME},
    "its time is said twice, once as the stand-in": {
        "https://w3id.org/dspace/2025/1/timestamp": {
            "@value": STAND_IN_TIME,
            "@type": "xsd:dateTime",
        }
    },
    "its time is said twice": {
        "https://w3id.org/dspace/2025/1/timestamp": {
            "@value": "2026-11-27T12:00:00Z",
            "@type": "xsd:dateTime",
        }
    },
    "a name that is no UUID": {"@id": "urn:contract:1"},
    "a relative name": {"@id": "contract"},
    "a name of another kind": {"@id": ["urn:contract:1"]},
    "no time of the calendar": {
        "dspace:timestamp": {"@value": "2026-02-30T12:00:00Z", "@type": "xsd:dateTime"}
    },
    "a time of another type": {
        "dspace:timestamp": {"@value": "2026-11-27T12:00:00Z", "@type": "xsd:string"}
    },
    "a time with a language": {
        "dspace:timestamp": {"@value": "2026-11-27T12:00:00Z", "@language": "en"}
    },
    "a time without a type": {"dspace:timestamp": "2026-11-27T12:00:00Z"},
    "a member without meaning": {"surprise": 1},
}


@over("odd", ODD.values())
def test_an_odd_one_is_read_or_refused_as_by_itself(odd: dict[str, Any]) -> None:
    plain = contract()
    read_policy(plain)
    document = {**plain, **odd}

    def outcome(read: Any) -> Any:
        try:
            return read(document)
        except PreauError as exc:
            return exc.code, exc.reason

    for _ in range(2):
        mine, theirs = outcome(read_policy), outcome(alone)
        assert mine == theirs
        assert isinstance(mine, tuple) or identical(mine, theirs)

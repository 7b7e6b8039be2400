"""Translations that are remembered: the same as any, and one for all agreements on an offer."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from connector.errors import PreauError
from connector.jsonld.canonical import canonical, parse_object
from connector.jsonld.dsp_policy import from_dsp, to_dsp
from connector.jsonld.profiles import NO_PROFILES
from connector.jsonld.template import TIME
from connector.peer.dsp import translating
from connector.protocol.dsp.policies import Policies
from tests.support.link import CONTEXT

CONTEXTS = ["https://w3id.org/dspace/2025/1/context.jsonld"]
NUMBERS = range(1, 4)
PLAIN = Policies(to_dsp, partial(from_dsp, profiles=NO_PROFILES))


class Counted:
    """The same translations, and how often each was made."""

    def __init__(self) -> None:
        self.made = {"to": 0, "from": 0}

    def policies(self) -> Policies:
        def to(policy: bytes, *, kind: str) -> dict[str, Any]:
            self.made["to"] += 1
            return PLAIN.to_dsp(policy, kind=kind)

        def back(body: Any, *, kind: str, contexts: Any) -> bytes:
            self.made["from"] += 1
            return PLAIN.from_dsp(body, kind=kind, contexts=contexts)

        return translating.remembered(Policies(to, back))


def agreement(number: int, **members: Any) -> bytes:
    stated = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:0000000{number}-0000-4000-8000-00000000000{number}",
        "@type": "Agreement",
        "profile": "https://w3id.org/preau/odrl/v1",
        "target": "urn:dataset:1",
        "assigner": "did:web:school.example",
        "assignee": "did:web:lab.example",
        TIME: {"@type": "xsd:dateTime", "@value": f"2026-11-29T07:3{number}:00Z"},
        "permission": [{"action": "odrl:read"}],
    }
    return canonical(stated | members)


def test_agreements_on_an_offer_are_translated_once() -> None:
    counted = Counted()
    how = counted.policies()
    for number in NUMBERS:
        policy = agreement(number)
        said = how.to_dsp(policy, kind="message")
        assert said == PLAIN.to_dsp(policy, kind="message")
        assert said["@id"] == parse_object(policy)["@id"]
        read = how.from_dsp(said, kind="message", contexts=CONTEXTS)
        assert read == PLAIN.from_dsp(said, kind="message", contexts=CONTEXTS)
    assert counted.made == {"to": 1, "from": 1}


@pytest.mark.parametrize(
    "members",
    [
        {"@id": "urn:agreement:of-another-form"},
        {"target": "urn:example:00000001-0000-4000-8000-000000000001"},  # its id, once more
        {"target": "urn:uuid:00000000-0000-4000-8000-000000000000"},  # what stands for an id
        {TIME: {"@type": "xsd:dateTime", "@value": "2026-11-29T07:31:00+01:00"}},
    ],
    ids=["id", "twice", "stand-in", "time"],
)
def test_what_cannot_be_put_aside_is_translated_as_it_is(members: dict[str, Any]) -> None:
    how, policy = Counted().policies(), agreement(1, **members)
    said = how.to_dsp(policy, kind="message")
    assert said == PLAIN.to_dsp(policy, kind="message")
    read = how.from_dsp(said, kind="message", contexts=CONTEXTS)
    assert read == PLAIN.from_dsp(said, kind="message", contexts=CONTEXTS)


def test_a_refusal_is_in_words_of_what_was_read() -> None:
    how = Counted().policies()
    for number in NUMBERS:
        said = PLAIN.to_dsp(agreement(number), kind="message")
        body = {**said, "permission": [{"action": "use", "constraint": [{"leftOperand": "x"}]}]}
        with pytest.raises(PreauError) as plain:
            PLAIN.from_dsp(body, kind="message", contexts=CONTEXTS)
        with pytest.raises(PreauError) as found:
            how.from_dsp(body, kind="message", contexts=CONTEXTS)
        assert (found.value.code, found.value.reason) == (plain.value.code, plain.value.reason)

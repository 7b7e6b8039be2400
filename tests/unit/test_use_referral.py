"""Referrals between three nodes: granted under a contract, taken in once, by their holder alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.errors import PreauError
from connector.identity.statements import referral as referrals
from connector.identity.statements.referral import LIFE, Referral
from connector.protocol.use_messages import ReferralMessage
from connector.sdk import verify_referral
from connector.services.publication import publish
from connector.services.use import asking, referring
from connector.services.use.asking import Answered, Wanted
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.link import CONTEXT, DATASET, Link, description, limit, link
from tests.support.negotiating import ask as negotiated

ELSEWHERE = PREAU + "accessElsewhere"
WANTED = Wanted(action=ELSEWHERE)
ORIGIN = "https://casd.example"


def iri(left: str, operator: str, value: str) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": {"@id": value}}


def offer(name: str, party: str, *more: dict[str, Any]) -> dict[str, Any]:
    terms = [
        iri("odrl:purpose", "isA", DPV + "AcademicResearch"),
        iri(PREAU + "thirdParty", "eq", party),
        *more,
    ]
    return {
        "@context": CONTEXT,
        "@id": f"urn:offer:{name}",
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        "permission": [{"action": ELSEWHERE, "constraint": terms}],
    }


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    """A school that refers, a lab that is referred, and `other`, to which it is."""
    with link(tmp_path_factory.mktemp("refer")) as pair:
        pair.add("other")
        offers = [
            offer("node", pair.other.did),
            offer("origin", ORIGIN),
            offer("once", pair.other.did, limit("odrl:count", "lteq", "1", "integer")),
        ]
        described = description(pair.folder, offers=offers)
        described.pop("offer")
        publish.publish(pair.school.ports, described)
        yield pair


def contract(pair: Link, name: str) -> str:
    pid = negotiated(pair, offer_id=f"urn:offer:{name}")
    with pair.lab.ports.store.read() as tx:
        found = tx.negotiations.get(pid)
    assert found is not None
    assert found.agreement_id, found.reasons
    return found.agreement_id


def referred(pair: Link, name: str, wanted: Wanted = WANTED) -> Answered:
    return asking.ask(pair.lab.ports, contract(pair, name), wanted)


def code_of(pair: Link, caller: Any, token: str) -> str:
    try:
        pair.other.receive(caller, ReferralMessage(token))
    except PreauError as exc:
        return exc.code
    return ""


def test_the_third_party_takes_it_in_once_from_its_holder(three: Link) -> None:
    found = referred(three, "node")
    assert (found.state, found.content, found.data) == ("referred", None, b"")
    assert code_of(three, three.school, found.referral) == "TOKEN_MISMATCH"
    done = referring.present(three.lab.ports, found.referral)
    assert (done.holder, done.party, done.dataset) == (three.lab.did, three.other.did, DATASET)
    assert done.stated == {ODRL + "purpose": (DPV + "AcademicResearch",)}
    assert code_of(three, three.lab, found.referral) == "TOKEN_REPLAYED"
    three.other.restart()
    assert code_of(three, three.lab, found.referral) == "TOKEN_REPLAYED"
    (entry,) = three.other.log("referral.accepted")
    facts = json.loads(entry.event)["facts"]
    assert (entry.subject, facts["agreement"], facts["plan"]) == (
        done.id,
        done.agreement,
        done.plan,
    )
    (noted,) = three.school.log("use.referred")
    assert json.loads(noted.event)["facts"]["party"] == three.other.did


def test_it_is_the_same_until_it_has_expired(three: Link) -> None:
    found = referred(three, "node")
    again = asking.again(three.lab.ports, found.request_id)
    assert referrals.unverified_provider(again.referral) == three.school.did
    before = three.clock.now()
    three.clock.advance(LIFE.total_seconds())
    try:
        assert code_of(three, three.lab, found.referral) == "TOKEN_INVALID"
        assert asking.again(three.lab.ports, found.request_id).state == "gone"
    finally:
        three.clock.set(before)
    assert code_of(three, three.lab, again.referral) == ""
    assert code_of(three, three.lab, found.referral) == "TOKEN_REPLAYED"


REFUSED: dict[str, Wanted] = {
    "another purpose": replace(WANTED, stated={ODRL + "purpose": (DPV + "Marketing",)}),
    "rows, too": replace(WANTED, columns=("grade",)),
    "what the node knows": replace(WANTED, stated={PREAU + "thirdParty": (ORIGIN,)}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_use_beyond_the_contract_gets_no_referral(three: Link, name: str) -> None:
    found = referred(three, "node", REFUSED[name])
    assert (found.state, found.referral) == ("refused", "")
    assert found.code in {"PURPOSE_FORBIDDEN", "USE_REFUSED"}


def test_referrals_are_uses_that_count(three: Link) -> None:
    agreed = contract(three, "once")
    assert asking.ask(three.lab.ports, agreed, WANTED).state == "referred"
    assert asking.ask(three.lab.ports, agreed, WANTED).state == "refused"


def test_who_is_no_node_verifies_it_offline(three: Link) -> None:
    token = referred(three, "origin").referral
    document, now = three.school.member.data, three.clock.now()
    good: dict[str, Any] = {"party": ORIGIN, "holder": three.lab.did, "now": now}
    seen = verify_referral(token, document, **good)
    assert (seen.provider, seen.party) == (three.school.did, ORIGIN)
    for change, code in (
        ({"party": "https://other.example"}, "TOKEN_MISMATCH"),
        ({"holder": three.other.did}, "TOKEN_MISMATCH"),
        ({"now": now + LIFE}, "TOKEN_INVALID"),
        ({"now": now - timedelta(hours=1)}, "TOKEN_INVALID"),
    ):
        with pytest.raises(PreauError) as caught:
            verify_referral(token, document, **{**good, **change})
        assert caught.value.code == code, change
    with pytest.raises(PreauError) as caught:
        referring.present(three.lab.ports, token)
    assert "is not a node" in caught.value.reason
    assert code_of(three, three.lab, token) == "TOKEN_MISMATCH"


def test_what_another_signed_is_no_referral(three: Link) -> None:
    now = three.clock.now().replace(microsecond=0)
    said = Referral(
        id="urn:uuid:1",
        provider=three.school.did,
        holder=three.lab.did,
        party=three.other.did,
        at=now,
        until=now + LIFE,
        agreement="urn:a",
        dataset=DATASET,
        action=ELSEWHERE,
        plan="0" * 64,
        stated={},
    )
    signed = {
        "by its holder": referrals.make(three.lab.member.signer, said),
        "for a year": referrals.make(
            three.school.member.signer, replace(said, until=now + timedelta(days=365))
        ),
        "of a stranger": referrals.make(
            three.school.member.signer, replace(said, provider="did:web:nobody.example")
        ),
    }
    codes = {name: code_of(three, three.lab, token) for name, token in signed.items()}
    assert codes["for a year"] == "TOKEN_INVALID"
    assert codes["of a stranger"] == "UNKNOWN_PEER"
    assert codes["by its holder"] in {"SIGNATURE_INVALID", "TOKEN_INVALID"}
    assert code_of(three, three.lab, referrals.make(three.school.member.signer, said)) == ""


def test_an_operator_takes_it_in_of_a_holder_that_it_knows(three: Link) -> None:
    token = referred(three, "node").referral
    with pytest.raises(PreauError):
        referring.accept(three.other.ports, token, three.school.did)
    assert referring.accept(three.other.ports, token, three.lab.did).holder == three.lab.did
    with pytest.raises(PreauError) as caught:
        referring.accept(three.other.ports, token, three.lab.did)
    assert caught.value.code == "TOKEN_REPLAYED"


NOBODY: dict[str, tuple[list[dict[str, Any]], str]] = {
    "none": ([], "must name one third party"),
    "two": (
        [iri(PREAU + "thirdParty", "eq", each) for each in (ORIGIN, "https://b.example")],
        "no request can satisfy",
    ),
    "no address": ([iri(PREAU + "thirdParty", "eq", "urn:casd")], "thirdParty"),
    "columns": (
        [
            iri(PREAU + "thirdParty", "eq", ORIGIN),
            {
                "leftOperand": PREAU + "columns",
                "operator": "isAnyOf",
                "rightOperand": ["grade"],
            },
        ],
        "columns",
    ),
}


@pytest.mark.parametrize("name", NOBODY)
def test_an_offer_that_refers_to_nobody_is_refused(three: Link, name: str) -> None:
    terms, reason = NOBODY[name]
    asked = offer("bad", ORIGIN)
    asked["permission"][0]["constraint"] = terms
    with pytest.raises(PreauError) as caught:
        publish.publish(three.school.ports, description(three.folder, offer=asked))
    assert reason in caught.value.reason

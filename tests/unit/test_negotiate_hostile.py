"""Messages of a peer that is careless or hostile: refused whole, and nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import policies_odrl
from connector.domain.contract.negotiation import Role
from connector.errors import (
    ConstraintUnknown,
    IllegalMessage,
    Malformed,
    NotFound,
    OfferUnknown,
    PolicyInvalid,
    PreauError,
)
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.services.negotiation import negotiate, terms
from connector.services.publication import publish
from tests.support.link import (
    DATASET,
    END,
    PREAU,
    Link,
    description,
    limit,
    link,
    offer,
)
from tests.support.negotiating import (
    MARKETING,
    State,
    ask,
    both,
    only_offer,
    states,
)

EVENT = "ContractNegotiationEventMessage"


@pytest.fixture(params=[False, True], ids=["called", "carried"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    with link(tmp_path, carries=request.param) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def nested(conditions: int) -> dict[str, Any]:
    """Return an offer with so many conditions, one of them an `or` of others."""
    base = offer()
    parts = base["permission"][0]["constraint"]
    inner = [limit("odrl:dateTime", "lteq", END, "dateTime")] * (conditions - len(parts) - 1)
    parts.append({"or": inner})
    return base


def listed(values: int) -> dict[str, Any]:
    """Return an offer whose conditions have so many values."""
    base = offer()
    parts = base["permission"][0]["constraint"]
    names = [{"@id": f"urn:example:{number}"} for number in range(values - len(parts))]
    parts.append({"leftOperand": "odrl:purpose", "operator": "isNoneOf", "rightOperand": names})
    return base


def ruled(rules: int) -> dict[str, Any]:
    base = offer()
    ban = {
        "action": f"{PREAU}federatedTraining",
        "constraint": [limit("odrl:dateTime", "gt", END, "dateTime")],
    }
    return {**base, "prohibition": [ban] * (rules - 1)}


@pytest.mark.parametrize(
    "wish",
    [
        nested(terms.MAX_CONDITIONS + 1),
        ruled(terms.MAX_RULES + 1),
        listed(terms.MAX_VALUES + 1),
    ],
    ids=["conditions", "rules", "values"],
)
def test_terms_too_large_to_be_judged_are_refused_at_both_ends(
    pair: Link, wish: dict[str, Any]
) -> None:
    ask(pair, policy=wish)
    assert pair.school.negotiations() == []
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().code == PolicyInvalid.code
    assert "are evaluated" in pair.lab.only().reasons[0]
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, canonical(wish))
    before = pair.lab.state_of_everything()
    with pytest.raises(PolicyInvalid, match="are evaluated"):
        pair.lab.receive(pair.school, opening)
    assert pair.lab.state_of_everything() == before


@pytest.mark.parametrize(
    "wish",
    [nested(terms.MAX_CONDITIONS), ruled(terms.MAX_RULES), listed(terms.MAX_VALUES)],
    ids=["conditions", "rules", "values"],
)
def test_the_largest_terms_are_judged(pair: Link, wish: dict[str, Any]) -> None:
    ask(pair, policy=wish)
    assert pair.school.only().code != PolicyInvalid.code
    assert pair.school.only().state in {State.TERMINATED, State.OFFERED, State.FINALIZED}


def test_terms_of_too_many_bytes_are_not_read(pair: Link) -> None:
    wish = {**offer(epsilon="2"), "dct:title": "x" * terms.MAX_BYTES}
    ask(pair, policy=wish)
    assert pair.lab.only().code == PolicyInvalid.code
    assert "bytes" in pair.lab.only().reasons[0]
    shorter = {**wish, "dct:title": "x" * (terms.MAX_BYTES // 2)}
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=shorter)
    pair.pump()
    assert pair.lab.negotiations()[1].state is State.FINALIZED


def test_terms_too_large_are_not_published(pair: Link) -> None:
    raw = description(pair.folder, offer=nested(terms.MAX_CONDITIONS + 1))
    with pytest.raises(PolicyInvalid, match="are evaluated"):
        publish.publish(pair.school.ports, raw)


def test_terms_are_judged_before_the_store_is_locked(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = pair.school.ports.store
    write, locked, judged = store.write, [], []
    honest = policies_odrl.counter_offer

    @contextmanager
    def counted() -> Iterator[Any]:
        with write() as tx:
            locked.append(True)
            yield tx
            locked.pop()

    def counter_offer(*policies: Any) -> Any:
        judged.append(bool(locked))
        return honest(*policies)

    monkeypatch.setattr(policies_odrl, "counter_offer", counter_offer)
    store.write = counted
    ask(pair, policy=offer(epsilon="2.125"))
    assert judged == [False]
    assert states(pair) == both(State.FINALIZED)


# (terms that a receipt could not state or that no ledger could compute with, and their twin)
FIGURES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sites": (offer(sites=str(2**53)), offer(sites=str(2**53 - 1))),
    "delta": (offer(delta="0." + "0" * 390 + "1"), offer(delta="0." + "0" * 299 + "1")),
    "epsilon": (offer(epsilon="0." + "0" * 390 + "1"), offer(epsilon="0." + "0" * 299 + "1")),
    "end": (offer(until="0001-01-01T00:00:00+14:00"), offer(until="2026-12-01T00:00:00.5Z")),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_refused_at_once_or_contracted_to_the_end(pair: Link, name: str) -> None:
    bad, good = FIGURES[name]
    ask(pair, policy=bad)
    assert states(pair) == both(State.TERMINATED)
    assert pair.school.agreements() == []
    assert any("needs" in line or "compared with" in line for line in pair.lab.only().reasons)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=good)
    pair.pump()
    assert [node.negotiations()[1].state for node in (pair.lab, pair.school)] == [
        State.FINALIZED,
        State.FINALIZED,
    ]


def test_an_offer_that_another_replaces_is_not_accepted(pair: Link) -> None:
    for number, name in enumerate(("dct:isReplacedBy", "dct:isVersionOf")):
        text = canonical({**offer(), name: {"@id": "urn:example:later"}})
        opening = m.ContractOfferMessage(
            f"urn:{number}", f"urn:p{number}", "", only_offer(pair.school), DATASET, text
        )
        pair.lab.receive(pair.school, opening)
        pid = pair.lab.negotiations()[number].pid
        if name == "dct:isReplacedBy":
            with pytest.raises(ConstraintUnknown, match="replaces"):
                negotiate.accept(pair.lab.ports, pid)
        else:
            assert negotiate.accept(pair.lab.ports, pid).state is State.ACCEPTED


TEXT = "ANY TEXT OF THE CONSUMER"


def _saying(**changes: Any) -> dict[str, Any]:
    return {**offer(epsilon="1"), **changes}


def _with_rule(**changes: Any) -> dict[str, Any]:
    wish = offer(epsilon="1")
    wish["permission"][0].update(changes)
    return wish


def _is(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


FOREIGN: dict[str, dict[str, Any]] = {
    "prohibition": _saying(
        prohibition=[{"action": "use", "constraint": [_is("odrl:purpose", "eq", {"@value": TEXT})]}]
    ),
    "prohibition without text": _saying(
        prohibition=[
            {"action": "use", "constraint": [limit("odrl:dateTime", "gt", END, "dateTime")]}
        ]
    ),
    "text": offer(epsilon="1", extra=(_is("odrl:purpose", "neq", {"@value": TEXT}),)),
    "name": offer(epsilon="1", extra=(_is("odrl:purpose", "neq", {"@id": "urn:text:of-mine"}),)),
    "space": offer(
        epsilon="1", extra=(_is(f"{PREAU}membership", "eq", {"@id": "did:web:mine.example"}),)
    ),
    "nested": offer(
        epsilon="1",
        extra=(
            {
                "or": [
                    _is("odrl:purpose", "neq", {"@value": TEXT}),
                    limit("odrl:dateTime", "lteq", "2027-01-01T00:00:00Z", "dateTime"),
                ]
            },
        ),
    ),
    "target": _with_rule(target="urn:text:of-mine"),
    "assignee": _with_rule(assignee="urn:text:of-mine"),
    "duty": _with_rule(duty=[{"action": "odrl:compensate"}]),
}


@pytest.mark.parametrize("wish", FOREIGN.values(), ids=FOREIGN)
def test_words_of_the_consumer_are_refused(pair: Link, wish: dict[str, Any]) -> None:
    ask(pair, policy=wish)
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "TERMS_REFUSED"
    assert pair.lab.only().reasons
    assert pair.school.agreements() == []
    (published,) = publish.offers(pair.school.ports, DATASET)
    assert TEXT.encode() not in published.policy


OWN: dict[str, tuple[dict[str, Any], ...]] = {
    "number": (limit(f"{PREAU}epsilon", "lteq", "01.250", "decimal"),),
    "moment": (limit("odrl:dateTime", "lteq", "2027-01-01T01:00:00+01:00", "dateTime"),),
    "day": (limit("odrl:dateTime", "lteq", "2027-01-01", "date"),),
    "known purpose": (_is("odrl:purpose", "neq", {"@id": MARKETING}),),
}


@pytest.mark.parametrize("extra", OWN.values(), ids=OWN)
def test_figures_and_known_names_are_written_anew(
    pair: Link, extra: tuple[dict[str, Any], ...]
) -> None:
    ask(pair, policy=offer(epsilon="1.5", extra=extra))
    assert states(pair) == both(State.FINALIZED)


def test_prohibitions_of_the_provider_stay(pair: Link) -> None:
    ban = {"action": "use", "constraint": [limit("odrl:dateTime", "gt", END, "dateTime")]}
    publish.publish(pair.school.ports, description(pair.folder, offer=offer(prohibition=[ban])))
    ask(pair, policy=offer(epsilon="1.5", prohibition=[ban]))
    assert states(pair) == both(State.FINALIZED)
    assert b'"prohibition"' in pair.lab.agreements()[0].document


def test_a_stranger_cannot_read_or_end_it(pair: Link) -> None:
    other = pair.add("other")
    ask(pair, policy=offer(epsilon="5"))
    before = pair.school.state_of_everything()
    theirs, ours = pair.school.only().pid, pair.lab.only().pid
    for message in (
        m.GetNegotiationMessage(theirs),
        m.ContractNegotiationTerminationMessage("urn:x", theirs, ours, "", ()),
        m.ContractNegotiationEventMessage("urn:x", theirs, ours, "ACCEPTED"),
        m.ContractRequestMessage("urn:x", ours, theirs, "urn:o", DATASET),
    ):
        with pytest.raises(NotFound):
            pair.school.receive(other, message)
    assert pair.school.state_of_everything() == before
    answer = pair.school.receive(pair.lab, m.GetNegotiationMessage(theirs))
    assert answer == m.ContractNegotiation(theirs, ours, "OFFERED").to_body()


def test_the_offer_id_of_another_consumer_is_unknown(pair: Link) -> None:
    other = pair.add("other")
    ask(pair, policy=offer(epsilon="5"))  # leaves an offer made for the lab
    theirs = pair.lab.only().offer_id
    before = pair.school.state_of_everything()
    reasons = set()
    for offer_id in (theirs, "urn:none"):
        message = m.ContractRequestMessage("urn:x", "urn:c", "", offer_id, DATASET)
        with pytest.raises(OfferUnknown) as refusal:
            pair.school.receive(other, message)
        reasons.add(refusal.value.reason)
    assert len(reasons) == 1  # it does not say which of the two it was
    assert pair.school.state_of_everything() == before
    message = m.ContractRequestMessage("urn:x", "urn:c", "", theirs, DATASET)
    assert pair.school.receive(pair.lab, message)["state"] == "AGREED"


def test_an_offer_of_another_dataset_is_unknown(pair: Link) -> None:
    second = description(pair.folder, id="urn:example:second")
    publish.publish(pair.school.ports, second, distinct="invented")
    message = m.ContractRequestMessage(
        "urn:x", "urn:c", "", only_offer(pair.school), "urn:example:second"
    )
    with pytest.raises(OfferUnknown):
        pair.school.receive(pair.lab, message)


def test_a_message_id_names_one_content(pair: Link) -> None:
    first = m.ContractRequestMessage("urn:1", "urn:c", "", only_offer(pair.school), DATASET)
    answer = pair.school.receive(pair.lab, first)
    before = pair.school.state_of_everything()
    assert pair.school.receive(pair.lab, first) == answer
    for other in (
        replace(first, consumer_pid="urn:c2"),
        m.ContractNegotiationTerminationMessage("urn:1", answer["provider_pid"], "urn:c", "", ()),
    ):
        with pytest.raises(Malformed, match="other content"):
            pair.school.receive(pair.lab, other)
    assert pair.school.state_of_everything() == before


def test_another_peer_may_use_the_same_message_id(pair: Link) -> None:
    other = pair.add("other")
    first = m.ContractRequestMessage("urn:1", "urn:c", "", only_offer(pair.school), DATASET)
    one = pair.school.receive(pair.lab, first)
    two = pair.school.receive(other, first)
    assert one["provider_pid"] != two["provider_pid"]


def test_a_negotiation_is_opened_once(pair: Link) -> None:
    first = m.ContractRequestMessage("urn:1", "urn:c", "", only_offer(pair.school), DATASET)
    pair.school.receive(pair.lab, first)
    before = pair.school.state_of_everything()
    with pytest.raises(IllegalMessage, match="opened before"):
        pair.school.receive(pair.lab, replace(first, message_id="urn:2"))
    assert pair.school.state_of_everything() == before
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, canonical(offer()))
    pair.lab.receive(pair.school, opening)
    with pytest.raises(IllegalMessage, match="opened before"):
        pair.lab.receive(pair.school, replace(opening, message_id="urn:4"))
    assert len(pair.lab.negotiations()) == 1


def test_an_offer_that_cannot_be_upheld_is_not_accepted(pair: Link) -> None:
    strange = offer(extra=(limit("odrl:count", "lteq", "5", "integer"),))
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, canonical(strange))
    pair.lab.receive(pair.school, opening)
    before = pair.lab.state_of_everything()
    with pytest.raises(ConstraintUnknown):
        negotiate.accept(pair.lab.ports, pair.lab.only().pid)
    assert pair.lab.state_of_everything() == before


def test_an_offer_about_another_dataset_is_refused(pair: Link) -> None:
    pair.hold("ContractOfferMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5"))
    pair.deliver()
    before = pair.lab.state_of_everything()
    message = m.ContractOfferMessage(
        "urn:1", pair.school.only().pid, pair.lab.only().pid, "urn:o", "urn:x", canonical(offer())
    )
    with pytest.raises(Malformed, match="another dataset"):
        pair.lab.receive(pair.school, message)
    assert pair.lab.state_of_everything() == before


def test_a_counter_offer_about_another_dataset_is_refused(pair: Link) -> None:
    pair.hold("ContractOfferMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5"))
    pair.deliver()
    ours, before = pair.school.only(), pair.school.state_of_everything()
    pids = (pair.lab.only().pid, ours.pid)
    message = m.ContractRequestMessage("urn:1", *pids, ours.offer_id, "urn:x", b"")
    with pytest.raises(Malformed, match="another dataset"):
        pair.school.receive(pair.lab, message)
    assert pair.school.state_of_everything() == before
    pair.school.receive(pair.lab, replace(message, dataset=DATASET))
    assert pair.school.only().state is State.AGREED


def test_terms_offered_about_another_dataset_are_refused(pair: Link) -> None:
    pair.hold("ContractRequestMessage")
    asked = negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="1"))
    before = pair.lab.state_of_everything()
    for number, consumer in enumerate(("", asked.pid)):
        for target in ("urn:example:another", DATASET):
            text = canonical(offer(epsilon="1", target=target))
            pid = f"urn:{number}:{target}"
            message = m.ContractOfferMessage(pid, pid, consumer, asked.offer_id, DATASET, text)
            if target == DATASET:
                pair.lab.receive(pair.school, message)
                continue
            with pytest.raises(Malformed, match="another dataset"):
                pair.lab.receive(pair.school, message)
            if not number:
                assert pair.lab.state_of_everything() == before
    assert {it.state for it in pair.lab.negotiations()} == {State.OFFERED, State.ACCEPTED}


def test_an_offer_that_cannot_be_read_is_refused(pair: Link) -> None:
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, b"{}")
    with pytest.raises(PreauError):
        pair.lab.receive(pair.school, opening)
    assert pair.lab.negotiations() == []


def test_an_opening_offer_waits_although_it_could_be_accepted(pair: Link) -> None:
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, only_offer(pair.school))
    pair.pump()
    assert [n.state for n in negotiate.negotiations(pair.lab.ports).values] == [State.OFFERED]
    assert pair.lab.waiting() == []


def test_a_request_that_was_given_up_can_be_sent_again(pair: Link) -> None:
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    with pair.lab.ports.store.write() as tx:
        (message,) = tx.outbox.find()
        tx.outbox.put(replace(message, failed="PEER_UNREACHABLE: given up"))
    assert negotiate.reconcile(pair.lab.ports, found.pid) == found
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.CONSUMER])
def test_a_contract_that_is_missing_is_said(pair: Link, role: Role) -> None:
    last = "ContractAgreementVerificationMessage" if role is Role.PROVIDER else EVENT
    pair.hold(last)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    node = pair.school if role is Role.PROVIDER else pair.lab
    with node.ports.store.write() as tx:
        tx.agreements.remove(node.only().agreement_id)
    before = node.state_of_everything()
    message = (
        m.ContractAgreementVerificationMessage("urn:x", node.only().pid, pair.lab.only().pid, "a")
        if role is Role.PROVIDER
        else m.ContractNegotiationEventMessage(
            "urn:x", pair.school.only().pid, node.only().pid, "FINALIZED", "a"
        )
    )
    with pytest.raises(NotFound, match="agreement of this negotiation"):
        node.receive(pair.lab if role is Role.PROVIDER else pair.school, message)
    assert node.state_of_everything() == before

"""Policies in the form of the Dataspace Protocol: there and back, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import Malformed, MessageTooLarge, PolicyInvalid, PolicyOutsideProtocol
from connector.jsonld.dsp_policy import CONTEXT, from_dsp, to_dsp
from connector.jsonld.loss import dropped
from connector.jsonld.opaque import SPACE, inward, outward
from connector.jsonld.policy import policy_bytes, read_policy
from connector.jsonld.profiles import Profiles, profile
from connector.protocol import messages as m
from connector.protocol.dsp import negotiation
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.policies import Policies
from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    Policy,
    PolicyKind,
    fill,
    load,
    template,
    templates,
)
from policies_odrl.documents.contexts import UNDEFINED, is_absolute
from policies_odrl.model import ODRL, Reference, each
from policies_odrl.vocabulary import DCT, PREAU
from tests.support.dsp import CALLBACK, ONE, C, P, octets
from tests.support.dsp_offers import BASE, FEW, Body, message_of, reference, with_rule
from tests.support.dsp_terms import sayable
from tests.support.each import over
from tests.support.policies import CONSUMER, DATASET, PROVIDER, agreed, training_offer
from tests.support.schemas import faults
from tests.support.whole_policies import whole_policies

ROOT = Path(__file__).parents[2]
CONTRACTS = sorted(path for path in (ROOT / "examples/contracts").iterdir() if path.is_dir())
POLICIES = Policies(to_dsp, from_dsp)


def dataset_of(body: Mapping[str, Any]) -> Body:
    service = {"@id": "urn:example:s", "@type": "DataService", "endpointURL": "https://a.example"}
    held = {"@type": "Distribution", "format": "HttpData-PULL", "accessService": service}
    whole = {"@context": [CONTEXT], "@id": DATASET, "@type": "Dataset"}
    return {**whole, "hasPolicy": [body], "distribution": [held]}


@cache
def examples() -> Mapping[str, Policy]:
    """Each template and each contract of the sector, the parties of these by their names alone."""
    plain = [
        (it.name, each(load(it / "contrat.json"), Reference, lambda one: replace(one, notes=())))
        for it in CONTRACTS
    ]
    found = {it.name: fill(it, it.example) for it in templates()} | dict(plain)
    opened = {PolicyKind.SET: PolicyKind.OFFER}
    return {it: replace(one, kind=opened.get(one.kind, one.kind)) for it, one in found.items()}


@cache
def sent() -> list[tuple[str, bytes, Body]]:
    """Where they are sent, their bytes, and what is sent."""
    found = []
    for policy in examples().values():
        data = policy_bytes(policy)
        places = ("message", "catalog") if policy.kind is PolicyKind.OFFER else ("message",)
        found += [(kind, data, to_dsp(data, kind=kind)) for kind in places]
    return found


# -- ours ---------------------------------------------------------------------------------------


def test_every_template_and_contract_goes_there_and_back_to_the_byte() -> None:
    assert len(examples()) == len(templates()) + 8
    for kind, data, body in sent():
        target = json.loads(data)["target"]
        assert ("target" in body) is (kind == "message")
        given = {"target": target} if kind == "catalog" else {}
        assert from_dsp(body, kind=kind, **given) == data


def test_of_a_dataset_with_them_nothing_is_dropped() -> None:
    for kind, _, body in sent():
        assert kind == "message" or dropped(dataset_of(body)) == ()


def messages() -> Iterator[Negotiated]:
    """Each offer and agreement in a message, as services give them: offers without target."""
    for policy in examples().values():
        data = policy_bytes(replace(policy, target=None))
        offered = m.ContractOfferMessage(ONE, P, "", policy.id, DATASET, data)
        if policy.kind is PolicyKind.OFFER:
            yield Negotiated(offered, callback=CALLBACK)
        else:
            concluded = m.ContractAgreementMessage(ONE, P, C, b"", "")
            yield Negotiated(concluded, policy=policy_bytes(policy))


def test_messages_carry_them_and_lose_nothing() -> None:
    for message in messages():
        body = negotiation.write(message, POLICIES)
        assert dropped(body) == ()
        assert negotiation.read(octets(body), POLICIES) == message


@pytest.mark.reference
def test_what_is_sent_is_valid_under_the_published_schemas() -> None:
    folder = reference("dsp", "schemas")
    for message in messages():
        body = negotiation.write(message, POLICIES)
        offered = body["@type"] == "ContractOfferMessage"
        name = f"contract-{'offer' if offered else 'agreement'}-message-schema.json"
        assert faults(folder, name, body) == []
    for kind, _, body in sent():
        if kind == "catalog":
            assert faults(folder, "dataset-schema.json", dataset_of(body)) == []


def test_a_contract_that_calls_its_parties_something_is_refused() -> None:
    """The schema wants the identifier of a party alone, and its label would be lost."""
    for folder in CONTRACTS:
        policy = load(folder / "contrat.json")
        if policy.kind is PolicyKind.AGREEMENT:
            with pytest.raises(PolicyOutsideProtocol, match="`/assigner` must be one identifier"):
                to_dsp(policy_bytes(policy), kind="message")


def test_the_form_is_that_of_a_reader_of_plain_json() -> None:
    policy = replace(training_offer(), target=AssetRef(DATASET))
    body = to_dsp(policy_bytes(policy), kind="message")
    rule = body["permission"][0]
    assert "@context" not in body
    assert (body["@type"], body["target"]) == ("Offer", DATASET)
    assert rule["action"] == PREAU + "federatedTraining"
    assert rule["constraint"][0]["leftOperand"] == ODRL + "purpose"
    assert rule["constraint"][3]["rightOperand"] == {"@value": "3", "@type": "xsd:decimal"}
    sold = agreed(policy)
    contract = to_dsp(policy_bytes(sold), kind="message")
    assert contract["timestamp"] == "2026-11-24T15:00:00Z"
    assert (contract["assigner"], contract["assignee"]) == (PROVIDER, CONSUMER)


@given(whole_policies.map(sayable))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_policy_goes_there_and_back_or_is_refused(policy: Policy) -> None:
    try:
        data = policy_bytes(policy)
        body = to_dsp(data, kind="message")
    except (PolicyInvalid, PolicyOutsideProtocol):
        return
    assert from_dsp(body, kind="message") == data
    assert dropped(message_of(body)) == ()


# -- what the protocol cannot say ---------------------------------------------------------------

SALE = agreed(BASE)
COLLECTION = AssetRef(source="urn:example:all", collection=True, refinements=(FEW,))
SEQUENCE = LogicalConstraint(Connective.AND_SEQUENCE, (FEW, replace(FEW, right=(Literal("4"),))))
OUTSIDE: dict[str, tuple[Policy, str]] = {
    "a refined action": (with_rule(action=Action(ODRL + "read", (FEW,))), "/permission/0/action"),
    "a target of a rule": (
        replace(with_rule(target=AssetRef("urn:example:other")), target=None, assigner=None),
        "/target",
    ),
    "a collection": (replace(BASE, target=COLLECTION), "/target"),
    "a target with a label": (
        replace(BASE, target=AssetRef(DATASET, notes=((DCT + "title", Literal("A")),))),
        "/target",
    ),
    "a value that stands elsewhere": (
        with_rule(constraints=(replace(FEW, right=(), reference=("urn:example:v",)),)),
        "/permission/0/constraint/0/rightOperand",
    ),
    "an order": (
        with_rule(constraints=(SEQUENCE,)),
        "/permission/0/constraint/0/andSequence",
    ),
    "a set": (replace(BASE, kind=PolicyKind.SET), "/@type"),
    "a request": (replace(BASE, kind=PolicyKind.REQUEST), "/@type"),
    "rules of a parent": (replace(BASE, inherits=("urn:example:p",)), "/odrl:inheritFrom"),
    "no identifier": (replace(BASE, id=""), "/@id"),
    "no target": (replace(BASE, target=None), "/target"),
    "an agreement without its time": (replace(SALE, timestamp=""), "/timestamp"),
    "an agreement without a party": (replace(SALE, assignee=None), "/assignee"),
}


@over("policy, pointer", OUTSIDE.values(), OUTSIDE)
def test_what_the_protocol_cannot_say_is_refused_by_its_pointer(
    policy: Policy, pointer: str
) -> None:
    with pytest.raises(PolicyOutsideProtocol) as caught:
        to_dsp(policy_bytes(policy), kind="message")
    assert f"`{pointer}`" in caught.value.reason
    assert caught.value.hint


def test_what_they_vary_is_said() -> None:
    whom = Constraint(ODRL + "recipient", Operator.EQ, (Iri(inward("BPNL1")),))
    for policy in (BASE, SALE, with_rule(constraints=(whom,))):
        data = policy_bytes(policy)
        assert from_dsp(to_dsp(data, kind="message"), kind="message") == data


def test_a_catalog_holds_offers_of_one_dataset() -> None:
    assert to_dsp(policy_bytes(replace(BASE, target=None)), kind="catalog")["@type"] == "Offer"
    with pytest.raises(PolicyOutsideProtocol, match="`/target`"):
        to_dsp(policy_bytes(replace(BASE, target=COLLECTION)), kind="catalog")
    own = replace(with_rule(target=AssetRef("urn:example:other")), target=None)
    with pytest.raises(
        PolicyOutsideProtocol, match="`/permission/0/target` is not allowed in a rule"
    ):
        to_dsp(policy_bytes(own), kind="catalog")
    with pytest.raises(PolicyOutsideProtocol, match="`/@type` must be `Offer`"):
        to_dsp(policy_bytes(SALE), kind="catalog")
    duty = replace(BASE, permissions=(), obligations=load_duty())
    with pytest.raises(PolicyOutsideProtocol, match="neither a `permission` nor"):
        to_dsp(policy_bytes(duty), kind="catalog")
    with pytest.raises(ValueError, match="elsewhere"):
        to_dsp(policy_bytes(BASE), kind="elsewhere")


def load_duty() -> tuple[Any, ...]:
    return (fill(template("research"), template("research").example).permissions[0].duties[0],)


def test_what_is_no_policy_of_ours_is_not_sent() -> None:
    with pytest.raises(Malformed):
        to_dsp(b"{}", kind="message")
    with pytest.raises(PolicyInvalid):
        to_dsp(json.dumps({"@context": CONTEXT, "@id": "urn:a"}).encode(), kind="message")
    empty = {"@context": CONTEXT, "@id": "urn:a", "@type": "odrl:Offer"}
    with pytest.raises(PolicyInvalid, match="without rules"):
        to_dsp(json.dumps(empty).encode(), kind="message")


# -- theirs -------------------------------------------------------------------------------------

AT_MOST = {"leftOperand": ODRL + "count", "operator": "lteq", "rightOperand": "3"}
THEIRS: Body = {
    "@id": "b2ZmZXI=:YXNzZXQ=:1",
    "@type": "Offer",
    "target": "asset-1",
    "permission": [{"action": "use", "constraint": [AT_MOST]}],
}


def changed(path: str, value: Any) -> Body:
    """Their offer with another member; None takes it away."""
    body: Body = json.loads(json.dumps(THEIRS))
    *way, last = [int(it) if it.isdigit() else it for it in path.split("/")]
    part: Any = body
    for step in way:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return body


CONDITION = "permission/0/constraint/0"
REFUSED: dict[str, tuple[str, Any, str]] = {
    "no identifier": ("@id", None, "/@id"),
    "an identifier that is a number": ("@id", 1, "/@id"),
    "identifiers": ("@id", ["urn:a"], "/@id"),
    "an empty identifier": ("@id", "", "/@id"),
    "no class": ("@type", None, "/@type"),
    "another class": ("@type", "Set", "/@type"),
    "classes": ("@type", ["Offer"], "/@type"),
    "an agreement of nobody": ("@type", "Agreement", "/assigner"),
    "no target": ("target", None, "/target"),
    "a target that is described": ("target", {"@id": "urn:a"}, "/target"),
    "profiles that are no text": ("profile", [1], "/profile/0"),
    "a time of another form": ("timestamp", "yesterday", "/timestamp"),
    "a day that is none": ("timestamp", "2026-02-30T12:00:00Z", "/timestamp"),
    "a permission alone": ("permission", {"action": "use"}, "/permission"),
    "no permission": ("permission", [], "permission"),
    "a rule that is text": ("permission/0", "use", "/permission/0"),
    "no action": ("permission/0/action", None, "/permission/0/action"),
    "a refined action": ("permission/0/action", {"@id": "odrl:use"}, "/permission/0/action"),
    "a target of a rule": ("permission/0/target", "asset-2", "/permission/0/target"),
    "a context of a rule": (
        "permission/0/@context",
        {"use": "urn:a"},
        "/permission/0/@context",
    ),
    "a permission by another name": ("odrl:permission", [], "/odrl:permission"),
    "a context of its own": ("@context", [CONTEXT], "/@context"),
    "a condition that is text": (CONDITION, "count", "/" + CONDITION),
    "no left operand": (CONDITION + "/leftOperand", None, f"/{CONDITION}/leftOperand"),
    "an operator of nobody": (CONDITION + "/operator", "odrl:eq", f"/{CONDITION}/operator"),
    "no right operand": (CONDITION + "/rightOperand", None, f"/{CONDITION}/rightOperand"),
    "a number": (CONDITION + "/rightOperand", 3, f"/{CONDITION}/rightOperand"),
    "a truth value": (CONDITION + "/rightOperand", True, f"/{CONDITION}/rightOperand"),
    "a comparison that is joined": (CONDITION + "/and", [AT_MOST], "/" + CONDITION),
    "two connectives": (CONDITION, {"and": [AT_MOST], "or": [AT_MOST]}, "/" + CONDITION),
    "nothing joined": (CONDITION, {"and": []}, f"/{CONDITION}/and"),
    "one condition joined": (CONDITION, {"and": AT_MOST}, f"/{CONDITION}/and"),
}


@over("path, value, pointer", REFUSED.values(), REFUSED)
def test_another_form_is_refused_by_its_pointer(path: str, value: Any, pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        from_dsp(changed(path, value), kind="message")
    assert f"`{pointer}`" in caught.value.reason


USE: Body = {"action": "use"}


def nested(depth: int, name: str, inner: Any) -> Any:
    for _ in range(depth):
        inner = {name: [inner]}
    return inner


def duties(depth: int) -> Body:
    return {**USE, "duty": [duties(depth - 1)]} if depth else USE


HOSTILE: dict[str, tuple[str, Any]] = {
    "conditions in conditions": (CONDITION, nested(30, "and", AT_MOST)),
    "consequences of consequences": (
        "permission/0/duty",
        [{"action": "use", "odrl:consequence": [{"action": "use", "odrl:consequence": [USE]}]}],
    ),
    "duties in duties": ("permission/0/duty", [duties(30)]),
    "what nobody reads, without an end": ("permission/0/x", nested(500, "y", 1)),
    "a relative name as a value": (CONDITION + "/rightOperand", {"@id": "active"}),
    "a value of no type": (CONDITION + "/rightOperand", {"@value": ["3"]}),
    "nothing as a value": (CONDITION + "/rightOperand", [None]),
    "text where a node is meant": ("permission/0/odrl:assigneeOf", "BPNL1"),
    "a name with a line break": ("target", "asset\n1"),
    "a long name": ("target", "a" * 1000),
}


@over("path, value", HOSTILE.values(), HOSTILE)
def test_hostile_offers_are_refused(path: str, value: Any) -> None:
    with pytest.raises(Malformed):
        from_dsp(changed(path, value), kind="message")


def test_an_offer_larger_than_is_read_is_refused() -> None:
    with pytest.raises(MessageTooLarge):
        from_dsp(changed("x", ["y"] * 11_000 + [["z"] * 11_000] * 3), kind="message")


def test_their_offers_are_read_in_their_own_names() -> None:
    loose = {
        **THEIRS,
        "assigner": "BPNL1",
        "assignee": {"@id": "urn:example:us"},
        "prohibition": [],
        "obligation": [],
        "profile": ["urn:example:profile"],
        "permission": [
            {"@id": "rule 1", "action": "use", "constraint": [], "duty": []},
            {"action": "use", "constraint": [{"@id": "c", **AT_MOST}, {"or": [AT_MOST]}]},
        ],
    }
    data = from_dsp(loose, kind="message")
    policy = load(data)
    assert (policy.id, policy.target) == (
        SPACE + "b2ZmZXI%3D%3AYXNzZXQ%3D%3A1",
        AssetRef(SPACE + "asset-1"),
    )
    again = to_dsp(data, kind="message")
    assert [again[it] for it in ("@id", "target", "assigner")] == [
        *(THEIRS["@id"], "asset-1", "BPNL1")
    ]
    assert again["permission"][0] == {"@id": "rule 1", "action": "use"}
    assert from_dsp(again, kind="message") == data
    del loose["profile"], loose["target"], loose["@type"]
    held = from_dsp(loose, kind="catalog", target="asset-1")
    assert read_policy(held) == replace(policy, profiles=())
    with pytest.raises(Malformed, match="`/target` is not allowed in an offer of a catalog"):
        from_dsp(THEIRS, kind="catalog")


def test_an_offer_may_have_the_name_of_its_dataset() -> None:
    """As in the specification's own catalog; ODRL has one thing of one name."""
    body = changed("@id", "urn:example:both") | {"target": "urn:example:both"}
    data = from_dsp(body, kind="message")
    assert read_policy(data).target == AssetRef("urn:example:both")
    assert to_dsp(data, kind="message") == body


UNKNOWN: dict[str, tuple[str, Any, str]] = {
    "a bare operand": (CONDITION + "/leftOperand", "dateTime", UNDEFINED + "dateTime"),
    "a bare action": ("permission/0/action", "read", UNDEFINED + "read"),
    "a refinement that the context does not define": (
        "permission/0/refinement",
        [AT_MOST],
        UNDEFINED + "refinement",
    ),
    "a member of the policy": ("odrl:mystery", "x", ODRL + "mystery"),
    "an operand of a vocabulary": (
        CONDITION + "/leftOperand",
        "https://w3id.org/catenax/policy/Membership",
        "https://w3id.org/catenax/policy/Membership",
    ),
}


@over("path, value, name", UNKNOWN.values(), UNKNOWN)
def test_what_is_not_known_is_kept_and_never_granted(path: str, value: Any, name: str) -> None:
    data = from_dsp(changed(path, value), kind="message")
    assert name.removeprefix(ODRL) in data.decode()  # it can be shown
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(data)
    assert f"`{name}` is not known here" in caught.value.reason


def test_offers_are_read_with_the_vocabularies_of_others() -> None:
    file = ROOT / "examples/catena-x/profile.ttl"
    known = Profiles((profile("catena-x", file.read_bytes()),))
    context = "https://w3id.org/catenax/2025/9/policy/context.jsonld"
    body = changed(CONDITION, {**AT_MOST, "leftOperand": "Membership", "operator": "eq"})
    body["permission"][0]["constraint"][0]["rightOperand"] = "active"
    said = {"contexts": ["https://unknown.example/context", {"use": "urn:x"}, context, CONTEXT]}
    data = from_dsp(body, kind="message", profiles=known, **said)  # type: ignore[arg-type]
    policy = read_policy(data, known)
    (found,) = policy.permissions[0].constraints
    assert isinstance(found, Constraint)
    assert found.left == "https://w3id.org/catenax/policy/Membership"
    assert len(policy.profiles) == 1
    assert from_dsp(to_dsp(data, kind="message"), kind="message", profiles=known) == data
    with pytest.raises(PolicyInvalid, match="of no profile that the policy declares"):
        read_policy(from_dsp(body, kind="message", **said), known)  # type: ignore[arg-type]
    ids = changed(CONDITION + "/leftOperand", "https://w3id.org/idsa/code/COUNT")
    assert read_policy(from_dsp(ids, kind="message")) == read_policy(
        from_dsp(THEIRS, kind="message")
    )


@pytest.mark.reference
def test_the_examples_of_the_specification_are_read() -> None:
    files = sorted(reference("dsp", "examples", "negotiation").glob("*.json"))
    read = [json.loads(it.read_text("utf-8")) for it in files]
    bodies = [it.get("offer") or it.get("agreement") for it in read]
    policies = [load(from_dsp(it, kind="message")) for it in bodies if it]
    assert len(policies) >= 6
    assert {it.timestamp for it in policies if it.kind is PolicyKind.AGREEMENT} == {
        "2023-01-01T01:00:00Z"
    }
    for name in ("catalog", "dataset"):
        whole = json.loads(reference("dsp", "examples", "catalog", f"{name}.json").read_text())
        dataset = whole["dataset"][0] if name == "catalog" else whole
        (offer,) = dataset["hasPolicy"]
        policy = load(from_dsp(offer, kind="catalog", target=dataset["@id"]))
        assert policy.target == AssetRef(dataset["@id"])


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_identifiers_stay_apart_and_come_back(one: str, other: str) -> None:
    for name in (one, SPACE + one, "urn:" + one):
        assert outward(inward(name)) == name
        assert is_absolute(inward(name))
    assert (inward(one) == inward(other)) is (one == other)

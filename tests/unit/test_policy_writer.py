"""Writing: under the protocol's contexts alone, schema-shaped, and checked for loss."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Malformed, PolicyInvalid
from connector.jsonld.policy import policy_bytes, policy_document, read_policy
from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    read,
    write,
)
from policies_odrl.errors import NotWritable
from policies_odrl.model import ODRL, XSD
from policies_odrl.reading.reader import load
from policies_odrl.vocabulary import DCT, INCLUDED_IN, OPERANDS, PROFILE
from tests.support.cases import policy_in
from tests.support.each import over
from tests.support.policies import agreed, nodes, one_rule, training_offer
from tests.support.small_policies import granted, may, never, terms

READ = one_rule("read")
RULE = READ.permissions[0]


def test_the_offer_as_it_travels() -> None:
    document = policy_document(training_offer())
    assert document["@context"] == [
        "https://w3id.org/dspace/2025/1/context.jsonld",
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
    ]
    assert document["@type"] == "Offer"
    assert document["profile"] == PROFILE
    assert "target" not in document
    rule = document["permission"][0]
    assert rule["action"] == PROFILE + "#federatedTraining"
    assert rule["constraint"][0] == {
        "leftOperand": "odrl:purpose",
        "operator": "isAnyOf",
        "rightOperand": {"@id": "https://w3id.org/dpv#AcademicResearch"},
    }
    assert rule["constraint"][3]["rightOperand"] == {"@value": "3", "@type": "xsd:decimal"}


def test_an_agreement_names_what_the_protocol_asks_for() -> None:
    document = policy_document(agreed(training_offer()))
    assert {"@id", "@type", "target", "assigner", "assignee", "permission"} <= set(document)
    assert document["dspace:timestamp"] == {
        "@value": "2026-11-24T15:00:00Z",
        "@type": "xsd:dateTime",
    }


def bare_values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [found for child in value.values() for found in bare_values(child)]
    if isinstance(value, list):
        assert value, "empty arrays fail the protocol's schemas"
        return [found for child in value for found in bare_values(child)]
    return [value]


RICH = policy_in(
    json.loads((Path(__file__).parent / "data" / "rich_policy.json").read_text("utf-8"))
)


def test_everything_that_a_policy_can_hold_travels() -> None:
    assert read_policy(policy_bytes(RICH)) == RICH
    assert all(isinstance(value, str) for value in bare_values(policy_document(RICH)))


def test_own_targets_and_parties_of_rules_travel() -> None:
    rule = replace(
        RULE,
        target=AssetRef("urn:example:own"),
        assigner=PartyRef("urn:example:b"),
        assignee=PartyRef("urn:example:c"),
    )
    policy = replace(READ, permissions=(rule, RULE))
    assert read_policy(policy_bytes(policy)) == policy


def test_own_beside_shared_ones_are_pushed_down_when_read() -> None:
    """ODRL IM 2.7.1: a property of the whole policy holds for every rule, besides its own."""
    pay = Duty(action=Action(ODRL + "compensate"))
    own = replace(RULE, target=AssetRef("urn:example:own"))
    plain = replace(READ, permissions=(own, replace(RULE, duties=(pay,))))
    policy = replace(plain, target=AssetRef("urn:example:shared"))
    found = read_policy({**write(plain), "target": "urn:example:shared"})
    assert found.target is None
    assert [rule.target.id for rule in found.permissions if rule.target] == [
        "urn:example:own",
        "urn:example:shared",
        "urn:example:shared",
    ]
    assert found.permissions[2].duties[0].target == AssetRef("urn:example:shared")
    assert read_policy(policy_bytes(found)) == found
    with pytest.raises(PolicyInvalid, match="without loss"):
        policy_bytes(policy)


def test_titles_in_a_language_travel() -> None:
    title = Literal("Accord", XSD + "string", "fr")
    policy = replace(READ, metadata=((DCT + "title", title),))
    assert read_policy(policy_bytes(policy)) == policy


def test_every_action_and_operand_travels() -> None:
    for action in INCLUDED_IN:
        policy = one_rule(action)
        assert read_policy(policy_bytes(policy)) == policy
    for left in OPERANDS:
        policy = one_rule("read", Constraint(left, Operator.EQ, (Literal("x"),)))
        assert read_policy(policy_bytes(policy)) == policy


def test_only_a_sequence_travels_as_a_list() -> None:
    parts = tuple(Constraint(ODRL + "count", Operator.LT, (Literal("3"),)) for _ in range(2))
    forms = {item: write(one_rule("read", LogicalConstraint(item, parts))) for item in Connective}
    written = {item: forms[item]["permission"][0]["constraint"][0][item.value] for item in forms}
    ordered = written.pop(Connective.AND_SEQUENCE)
    assert len(ordered.pop("@list")) == len(parts)  # JSON-LD 1.1, section 4.3.1
    assert not ordered
    assert all(isinstance(array, list) and len(array) == len(parts) for array in written.values())


def test_bytes_are_canonical_and_stable() -> None:
    data = policy_bytes(training_offer())
    assert data == policy_bytes(read_policy(data))
    assert b" " not in data
    assert json.loads(data) == policy_document(training_offer())


LOST: dict[str, Policy] = {
    "an operand of nobody": one_rule("read", Constraint("urn:x:y", Operator.EQ, (Iri("urn:a"),))),
    "a relative operand": one_rule("read", Constraint("purpose", Operator.EQ, (Iri("urn:a"),))),
    "a relative value": one_rule("read", Constraint(ODRL + "purpose", Operator.EQ, (Iri("a"),))),
    "a relative action": one_rule("urn:x:read"),
    "a relative identifier": replace(READ, id="policy"),
    "an unknown profile": replace(READ, profiles=("https://example.org/p",)),
    "a value twice": one_rule(
        "read", Constraint(ODRL + "purpose", Operator.IS_ANY_OF, (Iri("urn:a"), Iri("urn:a")))
    ),
    "one identifier for two rules": replace(
        READ,
        permissions=(
            replace(RULE, id="urn:r"),
            replace(RULE, id="urn:r", target=AssetRef("urn:b")),
        ),
    ),
    "a constraint without values": one_rule("read", Constraint(ODRL + "purpose", Operator.EQ, ())),
    "metadata that is not Dublin Core": replace(READ, metadata=(("urn:x:note", Literal("x")),)),
    "a function of nobody": replace(
        READ, permissions=(replace(RULE, functions=(("urn:x:f", PartyRef("urn:a")),)),)
    ),
}


@over("name", LOST)
def test_what_would_be_lost_is_not_written(name: str) -> None:
    with pytest.raises((PolicyInvalid, Malformed)):
        policy_bytes(LOST[name])


def test_a_policy_without_rules_is_not_written() -> None:
    with pytest.raises(NotWritable):
        write(replace(READ, permissions=()))
    with pytest.raises(PolicyInvalid, match="without rules"):
        policy_bytes(replace(READ, permissions=()))


def test_a_party_without_any_identifier_is_not_written() -> None:
    with pytest.raises(NotWritable):
        write(replace(READ, assignee=PartyRef("")))


@over("output", [{"@type": "Asset"}, {"uid": "urn:example:made"}])
def test_what_a_rule_makes_travels_also_where_nobody_can_tell_it(output: dict[str, Any]) -> None:
    rule = {"action": "read", "output": output}
    source = {"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Set", "uid": "urn:p"}
    policy = load({**source, "permission": rule})
    assert load(write(policy)) == policy
    (found,) = policy.permissions
    assert (found.output is None) is bool(found.unread) is ("uid" not in output)


# -- what is shared is not added to a rule that names its own ------------------------------------


def read_back(policy: Policy) -> Policy:
    return read(nodes(write(policy)))


def test_a_shared_asset_is_not_added_to_a_rule_that_names_its_own() -> None:
    own, shared = AssetRef("urn:y"), AssetRef("urn:x")
    mixed = terms(may(target=own), may(act="play"), never(act="print"), target=shared, id="urn:p")
    found = read_back(mixed)
    for target, act in product(("urn:x", "urn:y", "urn:z"), ("read", "play", "print")):
        asked = {"target": target, "act": ODRL + act}
        assert granted(found, **asked) == granted(mixed, **asked)
    assert granted(found, target="urn:y")
    assert not granted(found, target="urn:x")
    alike = terms(may(target=shared), may(act="play"), target=shared, id="urn:p")
    assert granted(read_back(alike), target="urn:x", act=ODRL + "play")


@over("name", ["assignee", "assigner"])
def test_a_shared_party_is_not_added_to_a_rule_that_names_its_own(name: str) -> None:
    own, shared = PartyRef("urn:ben"), {name: PartyRef("urn:ann")}
    found = read_back(terms(may(**{name: own}), may(act="play"), id="urn:p", **shared))
    assert getattr(found, name) is None
    assert [getattr(rule, name) for rule in found.permissions] == [own, shared[name]]
    assert getattr(read_back(terms(may(), id="urn:p", **shared)), name) == shared[name]


def test_what_inherited_rules_share_too_is_not_written_into_the_rules() -> None:
    child = terms(may(), target=AssetRef("urn:x"), id="urn:p", inherits=("urn:q",))
    with pytest.raises(NotWritable, match="what inherited rules share differs"):
        write(replace(child, permissions=(may(target=AssetRef("urn:y")),)))
    assert write(child)["target"] == "urn:x"

"""No term of the vocabulary gets lost between a policy and what travels, in either direction.

The protocol's context defines four classes, one action, the operators and no left operand; a bare
word that it does not define would vanish on the way (DSP 2025-1, its `odrl-profile` context), so
that it is refused.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from connector.errors import PolicyInvalid
from connector.jsonld.policy import (
    policy_bytes,
    policy_document,
    policy_turtle,
    read_policy,
    read_turtle,
)
from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.errors import IllFormed
from policies_odrl.model import ODRL, duties_below
from policies_odrl.reading.inventory import described
from policies_odrl.vocabulary import FUNCTIONS, INCLUDED_IN, OPERANDS, PROFILE, SAME_ACTION
from tests.support.each import each, over
from tests.support.policies import nodes, one_rule, purpose
from tests.support.whole_policies import whole_policies

DSP = "https://w3id.org/dspace/2025/1/context.jsonld"
DSP_PROFILE = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld"
W3C = "http://www.w3.org/ns/odrl.jsonld"

PROPERTIES = (
    "permission prohibition obligation duty remedy consequence constraint refinement action target "
    "assigner assignee output leftOperand operator rightOperand rightOperandReference unit "
    "dataType status source partOf profile conflict inheritFrom hasPolicy assignerOf assigneeOf "
    "includedIn implies"
)
KEYS = [
    *PROPERTIES.split(),
    *(item.value for item in Connective),
    *sorted(name.removeprefix(ODRL) for name in FUNCTIONS),
]
CLASSES = [
    *(kind.value for kind in PolicyKind),
    *("Policy", "Permission", "Prohibition", "Duty", "Rule", "Action", "Constraint"),
    *("LogicalConstraint", "Asset", "AssetCollection", "Party", "PartyCollection"),
]
WORDS = {
    "action": sorted(
        name.removeprefix(ODRL) for name in (*INCLUDED_IN, *SAME_ACTION) if name.startswith(ODRL)
    ),
    "leftOperand": sorted(name.removeprefix(ODRL) for name in OPERANDS if name.startswith(ODRL)),
    "operator": [item.value for item in Operator],
}


def found_in(document: dict[str, Any], word: str) -> bool:
    """Whether the word's IRI stands in the nodes; False where the document is refused."""
    try:
        return json.dumps(ODRL + word) in json.dumps(nodes(document))
    except IllFormed:
        return False


def as_key(context: list[str] | str, word: str) -> dict[str, Any]:
    value = {"@list": [{"@id": "urn:v"}]} if word == "andSequence" else {"@id": "urn:v"}
    if word == "rightOperandReference":
        value = {"@value": "urn:v", "@type": "http://www.w3.org/2001/XMLSchema#anyURI"}
    return {"@context": context, "@id": "urn:a", word: value}


def a_property_is_expanded_or_refused(word: str) -> None:
    assert found_in(as_key(W3C, word), word)
    assert found_in(as_key([DSP, DSP_PROFILE], f"odrl:{word}"), word)
    bare = as_key([DSP, DSP_PROFILE], word)
    if not found_in(bare, word):
        with pytest.raises(IllFormed, match=rf"`{word}`"):
            nodes(bare)


def a_class_is_expanded_or_refused(word: str) -> None:
    for context in (W3C, [DSP, DSP_PROFILE]):
        typed = {"@context": context, "@id": "urn:a", "@type": f"odrl:{word}"}
        assert found_in(typed, word)
    assert found_in({"@context": W3C, "@id": "urn:a", "@type": word}, word)
    bare = {"@context": [DSP, DSP_PROFILE], "@id": "urn:a", "@type": word}
    if not found_in(bare, word):
        with pytest.raises(IllFormed, match=rf"`{word}`"):
            nodes(bare)


def a_term_is_expanded_or_refused(term: tuple[str, str]) -> None:
    place, word = term
    assert found_in({"@context": W3C, "@id": "urn:a", place: word}, word)
    assert found_in({"@context": [DSP, DSP_PROFILE], "@id": "urn:a", place: f"odrl:{word}"}, word)
    bare = {"@context": [DSP, DSP_PROFILE], "@id": "urn:a", place: word}
    if not found_in(bare, word):
        with pytest.raises(IllFormed, match=rf"`{word}`"):
            nodes(bare)


def test_each_word_is_expanded_or_refused() -> None:
    each(KEYS, a_property_is_expanded_or_refused)
    each(CLASSES, a_class_is_expanded_or_refused)
    terms = [(place, word) for place, words in WORDS.items() for word in words]
    each(terms, a_term_is_expanded_or_refused)


def test_what_the_context_defines_is_what_we_write_bare() -> None:
    """The refusals above do not come from a context that defines nothing."""
    context = [DSP, DSP_PROFILE]
    for place, words in {"action": ["use"], "operator": WORDS["operator"]}.items():
        for word in words:
            assert found_in({"@context": context, "@id": "urn:a", place: word}, word)
    assert not found_in({"@context": context, "@id": "urn:a", "action": "read"}, "read")


# -- each term in a policy ------------------------------------------------------------------

ATOM = purpose("Marketing")
REFINED = AssetRef("", collection=True, source="urn:s", refinements=(ATOM,))


def policies() -> list[Policy]:
    """Each term and each property that a policy can hold, in rules and policies."""
    rule = one_rule("read").permissions[0]
    atoms = [Constraint(left, Operator.EQ, (Literal("5"),)) for left in OPERANDS]
    atoms += [Constraint(ATOM.left, operator, (Iri("urn:v"),)) for operator in Operator]
    atoms += [
        replace(ATOM, unit="urn:u"),
        replace(ATOM, datatype="urn:d"),
        replace(ATOM, status=Literal("1")),
        replace(ATOM, right=(), reference=("urn:r",)),
        replace(ATOM, right=(Literal(""),)),
        replace(ATOM, id="urn:c"),
    ]
    logical = [LogicalConstraint(item, (ATOM, *atoms[:1])) for item in Connective]
    parties = [(name, PartyRef("urn:p")) for name in sorted(FUNCTIONS)]
    duty = Duty(action=Action(ODRL + "delete"), consequences=(Duty(action=rule.action),))
    rules = [
        *(replace(rule, action=Action(name)) for name in (*INCLUDED_IN, *SAME_ACTION)),
        *(replace(rule, constraints=(item,)) for item in (*atoms, *logical)),
        *(replace(rule, action=Action(rule.action.id, (item,))) for item in atoms[:3]),
        *(replace(rule, functions=(pair,)) for pair in parties),
        replace(rule, output=AssetRef("urn:o")),
        replace(rule, target=REFINED),
        replace(rule, duties=(duty,)),
        replace(rule, id="urn:r"),
    ]
    bare = one_rule("read")
    return [
        *(replace(bare, permissions=tuple(rules[at : at + 10])) for at in range(0, len(rules), 10)),
        *(replace(bare, kind=kind) for kind in PolicyKind),
        *(replace(bare, conflict=item) for item in Conflict),
        replace(bare, inherits=("urn:q",)),
        replace(bare, replaced_by="urn:q"),
        replace(bare, profiles=(PROFILE, ODRL + "core")),
        replace(
            bare, prohibitions=(Prohibition(action=rule.action, remedies=(duty.consequences)),)
        ),
        replace(bare, obligations=(duty,)),
    ]


def test_each_term_and_property_travels_in_both_formats() -> None:
    for policy in policies():
        assert read_policy(policy_bytes(policy)) == policy
        assert read_turtle(policy_turtle(policy)) == policy


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(whole_policies)
def test_whole_policies_travel_in_both_formats(policy: Policy) -> None:
    back = read_policy(policy_bytes(policy))
    assert (back, described(back)) == (policy, described(policy))
    again = read_turtle(policy_turtle(policy))
    assert (again, described(again)) == (policy, described(policy))


# -- names ----------------------------------------------------------------------------------


def test_a_shared_part_is_written_once_and_read_in_both_places() -> None:
    shared = replace(ATOM, id="urn:c")
    duty = Duty(action=Action(ODRL + "delete"), constraints=(ATOM,), id="urn:d")
    party = PartyRef("urn:p", collection=True)
    rules = tuple(
        Permission(
            action=Action(ODRL + name), constraints=(shared,), duties=(duty,), assignee=party
        )
        for name in ("read", "play")
    )
    policy = replace(one_rule("read"), permissions=rules)
    document = policy_document(policy)
    assert document["permission"][1]["constraint"] == [{"@id": "urn:c"}]
    assert document["permission"][1]["duty"] == [{"@id": "urn:d"}]
    assert read_policy(policy_bytes(policy)) == policy
    assert read_turtle(policy_turtle(policy)) == policy


TWO = [
    (replace(ATOM, id="urn:c"), replace(ATOM, id="urn:c", operator=Operator.EQ)),
    (replace(ATOM, id="urn:c"), LogicalConstraint(Connective.OR, (ATOM,), id="urn:c")),
    (replace(ATOM, id="urn:example:policy"), ATOM),
]


@over("pair", TWO)
def test_one_name_means_one_thing(pair: tuple[Constraint, Constraint]) -> None:
    with pytest.raises(PolicyInvalid, match="two different things of one name"):
        policy_document(one_rule("read", *pair))


def test_a_party_is_not_plain_in_one_place_and_a_collection_in_another() -> None:
    rule = one_rule("read").permissions[0]
    party, crowd = PartyRef("urn:p"), PartyRef("urn:p", collection=True)
    for one, two in ((party, crowd), (crowd, party)):
        policy = replace(one_rule("read"), permissions=(replace(rule, assigner=one, assignee=two),))
        with pytest.raises(PolicyInvalid, match="two different things of one name"):
            policy_document(policy)
    same = replace(
        rule, assigner=crowd, assignee=crowd, target=AssetRef("urn:t"), output=AssetRef("urn:t")
    )
    assert policy_document(replace(one_rule("read"), permissions=(same,)))


def test_descriptions_that_differ_under_one_name_are_not_written() -> None:
    name = "http://xmlns.com/foaf/0.1/name"
    one = PartyRef("urn:p", collection=True, notes=((name, Literal("a")),))
    two = replace(one, notes=())
    rule = one_rule("read").permissions[0]
    known = replace(one, notes=(("http://www.w3.org/2000/01/rdf-schema#label", Literal("a")),))
    policy = replace(one_rule("read"), permissions=(replace(rule, assigner=known, assignee=two),))
    with pytest.raises(PolicyInvalid, match="without loss"):
        policy_document(policy)
    alike = replace(one_rule("read"), permissions=(replace(rule, assigner=known, assignee=known),))
    assert policy_document(alike)
    of_others = replace(one_rule("read"), permissions=(replace(rule, assigner=one),))
    assert policy_document(of_others)


def test_rules_of_no_kind_have_nothing_below() -> None:
    assert [duties_below(rule) for rule in one_rule("read").permissions] == [()]

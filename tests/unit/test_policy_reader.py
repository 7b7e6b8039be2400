"""Reading: strict, names the bad node, drops nothing, bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Malformed, MessageTooLarge, PolicyInvalid, PreauError
from connector.jsonld.policy import policy_bytes, policy_document, read_policy
from policies_odrl import (
    IllFormed,
    Knowledge,
    LimitExceeded,
    OdrlError,
    Operator,
    PolicyKind,
    Request,
    errors,
    evaluate,
    read,
)
from policies_odrl.errors import NotUnderstood
from policies_odrl.model import ODRL, Literal
from policies_odrl.reading.inventory import strange
from policies_odrl.reading.nodes import MAX_DEPTH, Count
from policies_odrl.reading.walk import MAX_NODES
from policies_odrl.vocabulary import PROFILE
from tests.support.each import over
from tests.support.policies import CONSUMER, DATASET, agreed, nodes, training_offer

MAX_CONDITIONS, MAX_RULES = Count.CONSTRAINTS.value, Count.RULES.value

ROWS = json.loads((Path(__file__).parent / "data" / "changed_offers.json").read_text("utf-8"))


def document() -> dict[str, Any]:
    return json.loads(policy_bytes(training_offer()))


def rule(doc: dict[str, Any]) -> dict[str, Any]:
    return doc["permission"][0]


def first(doc: dict[str, Any]) -> dict[str, Any]:
    return rule(doc)["constraint"][0]


def test_offer_is_read_as_it_was_written() -> None:
    assert read_policy(policy_bytes(training_offer())) == training_offer()


def test_agreement_is_read_as_it_was_written() -> None:
    assert read_policy(policy_bytes(agreed(training_offer()))) == agreed(training_offer())


def changed(row: dict[str, Any]) -> dict[str, Any]:
    doc = document()
    part: Any = doc
    for name in row.get("at", "").split("/")[1:]:
        part = part[int(name) if isinstance(part, list) else name]
    part.update(row.get("set", {}))
    for name in row.get("drop", ()):
        del part[name]
    return doc


@over("row", ROWS["refused"])
def test_bad_policy_is_refused_by_name(row: dict[str, Any]) -> None:
    doc = changed(row)
    if "error" in row:
        with pytest.raises(getattr(errors, row["error"])) as caught:
            read(nodes(doc), strict=True)
        assert row["says"] in caught.value.reason
    else:
        policy = read(nodes(doc), strict=True)
        assert any(row["says"] in name for name in strange(policy, Knowledge()))
        asked = Request(ODRL + "use", CONSUMER, DATASET)
        assert not evaluate(policy, asked, tentative=True).granted
    with pytest.raises(PolicyInvalid, match="`"):
        read_policy(json.dumps(doc))


@over("row", ROWS["read"])
def test_what_is_allowed_is_read_and_written_back(row: dict[str, Any]) -> None:
    policy = read_policy(json.dumps(changed(row)))
    assert read_policy(policy_bytes(policy)) == policy


def test_old_spelling_of_neq_is_never_written() -> None:
    doc = document()
    first(doc)["operator"] = "odrl:neg"
    policy = read_policy(json.dumps(doc))
    assert policy.permissions[0].constraints[0].operator is Operator.NEQ
    assert b"neg" not in policy_bytes(policy)


def test_set_is_the_default_class() -> None:
    doc = document()
    doc["@type"] = "Policy"
    assert read_policy(json.dumps(doc)).kind is PolicyKind.SET


def test_compact_policy_is_expanded() -> None:
    doc = document()
    del rule(doc)["action"]
    doc["action"] = ["odrl:read", "odrl:print"]
    doc["target"] = ["urn:example:a", "urn:example:b"]
    policy = read_policy(json.dumps(doc))
    pairs = {(r.action.id, r.target.id if r.target else "") for r in policy.permissions}
    assert pairs == {
        (ODRL + action, f"urn:example:{asset}")
        for action in ("read", "print")
        for asset in ("a", "b")
    }
    assert policy.target is None


def test_a_node_that_nothing_refers_to_is_refused() -> None:
    doc = document()
    both = {"@context": doc.pop("@context"), "@graph": [doc, {"@id": "urn:x:1", "dct:title": "x"}]}
    with pytest.raises(PolicyInvalid, match="does not refer to"):
        read_policy(json.dumps(both))


def test_two_policies_at_once_are_refused() -> None:
    doc = document()
    other = {**document(), "@id": "urn:example:other"}
    context = doc.pop("@context")
    del other["@context"]
    with pytest.raises(PolicyInvalid, match="one policy"):
        read_policy(json.dumps({"@context": context, "@graph": [doc, other]}))


def test_no_policy_at_all_is_refused() -> None:
    with pytest.raises(IllFormed, match="no policy was found"):
        read([])


def test_nodes_without_identifier_or_with_the_same_are_refused() -> None:
    with pytest.raises(IllFormed):
        read([{"@type": [ODRL + "Set"]}])
    with pytest.raises(IllFormed):
        read([{"@id": "urn:a"}, {"@id": "urn:a"}])


@over("value", ["x", {"@id": "y"}, ["x"], [1]])
def test_what_is_not_flattened_is_refused(value: object) -> None:
    with pytest.raises(IllFormed, match="flattened"):
        read([{"@id": "urn:a", "@type": [ODRL + "Set"], ODRL + "permission": value}])


def test_a_cycle_is_refused() -> None:
    with pytest.raises(IllFormed, match="cycle"):
        read(
            [
                {
                    "@id": "urn:a",
                    "@type": [ODRL + "Set"],
                    ODRL + "permission": [{"@id": "urn:r"}],
                },
                {
                    "@id": "urn:r",
                    ODRL + "action": [{"@id": ODRL + "use"}],
                    ODRL + "constraint": [{"@id": "_:c"}],
                },
                {"@id": "_:c", ODRL + "and": [{"@id": "_:c"}]},
            ]
        )


def flat_policy(*rest: dict[str, Any], **properties: object) -> list[dict[str, Any]]:
    return [
        {
            "@id": "urn:a",
            "@type": [ODRL + "Set"],
            ODRL + "permission": [{"@id": "urn:r"}],
        },
        {
            "@id": "urn:r",
            ODRL + "action": [{"@id": ODRL + "use"}],
            **{ODRL + name: value for name, value in properties.items()},
        },
        *rest,
    ]


def atom(name: str) -> dict[str, Any]:
    return {
        "@id": name,
        ODRL + "leftOperand": [{"@id": ODRL + "purpose"}],
        ODRL + "operator": [{"@id": ODRL + "eq"}],
        ODRL + "rightOperand": [{"@value": name}],
    }


def test_nesting_past_the_limit_is_refused_and_below_it_is_read() -> None:
    def chain(length: int) -> list[dict[str, Any]]:
        links = [{"@id": f"_:c{i}", ODRL + "and": [{"@id": f"_:c{i + 1}"}]} for i in range(length)]
        return flat_policy(*links, atom(f"_:c{length}"), constraint=[{"@id": "_:c0"}])

    assert read(chain(MAX_DEPTH - 3))
    with pytest.raises(LimitExceeded, match="nested"):
        read(chain(MAX_DEPTH))


def test_more_constraints_than_the_limit_are_refused() -> None:
    count = MAX_CONDITIONS + 1
    items = [atom(f"_:c{i}") for i in range(count)]
    refs = [{"@id": f"_:c{i}"} for i in range(count)]
    with pytest.raises(LimitExceeded, match="constraints"):
        read(flat_policy(*items, constraint=refs))


def test_shared_constraints_cannot_multiply_past_the_limit() -> None:
    levels = [
        {"@id": f"_:c{i}", ODRL + "and": [{"@id": f"_:c{i + 1}"}, {"@id": f"_:d{i}"}]}
        for i in range(16)
    ]
    doubles = [{"@id": f"_:d{i}", ODRL + "or": [{"@id": f"_:c{i + 1}"}]} for i in range(16)]
    with pytest.raises(LimitExceeded):
        read(flat_policy(*levels, *doubles, atom("_:c16"), constraint=[{"@id": "_:c0"}]))


def test_more_nodes_than_the_limit_are_refused() -> None:
    with pytest.raises(LimitExceeded, match="nodes"):
        read([{"@id": f"_:b{i}"} for i in range(MAX_NODES + 1)])


def test_compact_rules_cannot_multiply_past_the_limit() -> None:
    side = int(MAX_RULES**0.5) + 1
    many = [{"@id": f"urn:t:{i}"} for i in range(side)]
    with pytest.raises(LimitExceeded, match="rules"):
        read(flat_policy(target=many, assignee=many))


def test_more_rules_than_the_limit_are_refused() -> None:
    rules = [
        {"@id": f"_:r{i}", ODRL + "action": [{"@id": ODRL + "use"}]} for i in range(MAX_RULES + 1)
    ]
    policy = {
        "@id": "urn:a",
        "@type": [ODRL + "Set"],
        ODRL + "permission": [{"@id": item["@id"]} for item in rules],
    }
    with pytest.raises(LimitExceeded, match="rules"):
        read([policy, *rules])


def test_a_hundred_thousand_constraints_are_refused_before_expansion() -> None:
    doc = document()
    rule(doc)["constraint"] = [first(doc)] * 100_000
    with pytest.raises(MessageTooLarge):
        read_policy(doc)
    with pytest.raises(Malformed):  # as text it is over the byte limit already
        read_policy(json.dumps(doc))


def test_list_of_values_is_taken_apart() -> None:
    values = [{"@list": [{"@value": "a"}, {"@id": "urn:b"}]}]
    item = {**atom("_:c"), ODRL + "rightOperand": values}
    policy = read(flat_policy(item, constraint=[{"@id": "_:c"}]))
    assert len(policy.permissions[0].constraints[0].right) == 2


def test_native_numbers_keep_their_type() -> None:
    item = {**atom("_:c"), ODRL + "rightOperand": [{"@value": 3}, {"@value": 2.5}]}
    policy = read(flat_policy(item, constraint=[{"@id": "_:c"}]))
    found = policy.permissions[0].constraints[0].right
    assert [value.datatype.rpartition("#")[2] for value in found if isinstance(value, Literal)] == [
        "integer",
        "double",
    ]


def test_empty_logical_constraint_is_refused() -> None:
    nothing = {"@id": "_:c", ODRL + "and": []}
    with pytest.raises(IllFormed, match="without operands"):
        read(flat_policy(nothing, constraint=[{"@id": "_:c"}]))


def test_reference_without_a_node_is_refused() -> None:
    with pytest.raises(IllFormed, match="must name a node"):
        read(flat_policy(constraint=[{"@value": "x"}]))


def test_references_may_be_typed_as_the_odrl_context_has_them() -> None:
    listed = {"@value": "urn:list", "@type": "http://www.w3.org/2001/XMLSchema#anyURI"}
    item = atom("_:c")
    del item[ODRL + "rightOperand"]
    item[ODRL + "rightOperandReference"] = [listed]
    policy = read(flat_policy(item, constraint=[{"@id": "_:c"}]))
    assert policy.permissions[0].constraints[0].reference == ("urn:list",)
    item[ODRL + "rightOperandReference"] = [{"@value": "urn:list"}]
    with pytest.raises(IllFormed, match="must be an IRI"):
        read(flat_policy(item, constraint=[{"@id": "_:c"}]))


def test_rules_that_share_a_node_are_counted_each_time() -> None:
    shared = [{"@id": "urn:r"}] * (MAX_RULES + 1)
    body = {"@id": "urn:r", ODRL + "action": [{"@id": ODRL + "use"}]}
    policy = {"@id": "urn:a", "@type": [ODRL + "Set"], ODRL + "permission": shared}
    with pytest.raises(LimitExceeded, match="rules"):
        read([policy, body])


def test_every_error_has_a_code_of_its_own() -> None:
    found = [OdrlError, IllFormed, NotUnderstood, LimitExceeded]
    assert len({error.code for error in found}) == len(found)


def test_document_is_the_canonical_one() -> None:
    assert json.loads(policy_bytes(training_offer())) == policy_document(training_offer())
    assert policy_document(training_offer())["profile"] == PROFILE


def test_reading_never_raises_anything_else() -> None:
    for broken in ('{"@context": 1}', "[]", "{}", '{"@graph": []}', '"x"', "{", "null"):
        with pytest.raises(PreauError):
            read_policy(broken)

"""The whole information model, read from Turtle: what each part becomes, and what is refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from connector.jsonld.policy import policy_bytes, policy_turtle, read_policy, read_turtle
from policies_odrl import (
    AssetRef,
    IllFormed,
    Iri,
    Knowledge,
    LimitExceeded,
    Literal,
    OdrlError,
    PartyRef,
    Policy,
    PolicyKind,
    Request,
    errors,
    evaluate,
    read,
    read_all,
)
from policies_odrl.documents.sources import nodes_of as turtle_nodes
from policies_odrl.model import ODRL, RDF_TYPE, Common
from policies_odrl.reading.inventory import described, strange
from policies_odrl.reading.nodes import MAX_BITS, MAX_TEXT, Count
from policies_odrl.vocabulary import DCT, Kind, Operand
from tests.support.each import over
from tests.support.policies import load_all

FORMS = Path(__file__).parents[1] / "conformance" / "policies" / "forms"
PREFIXES = """
@prefix o: <http://www.w3.org/ns/odrl/2/> .
@prefix r: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix d: <http://purl.org/dc/terms/> .
@prefix f: <http://xmlns.com/foaf/0.1/> .
@prefix v: <http://www.w3.org/2006/vcard/ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix x: <urn:x:> .
"""
ATOM = "[ o:leftOperand o:purpose ; o:operator o:eq ; o:rightOperand x:p ]"
READS = "o:permission [ o:action o:read ]"


def parsed(text: str, knowledge: Knowledge | None = None) -> Policy:
    return read(turtle_nodes(PREFIXES + text), knowledge, strict=True)


def policy(body: str, kind: str = "Set") -> Policy:
    return parsed(f"x:p a o:{kind} ; {body} .")


@over("file", sorted(FORMS.iterdir()))
def test_whole_documents_are_read_and_written_in_both_formats(file: Path) -> None:
    found = load_all(file)
    assert found
    for item in found:
        for back in (read_policy(policy_bytes(item)), read_turtle(policy_turtle(item))):
            assert back == item
            assert described(back) == described(item)


@over("kind", PolicyKind)
def test_every_class_is_read(kind: PolicyKind) -> None:
    assert policy(READS, kind.value).kind is kind
    assert parsed(f"x:p a o:Policy, o:{kind.value} ; {READS} .").kind is kind


# -- identifiers ----------------------------------------------------------------------------


def test_uid_names_what_has_no_name_of_its_own() -> None:
    found = parsed(
        "[] a o:Set ; o:uid x:p ; o:permission [ o:uid x:r ; o:action o:read ;"
        " o:target [ a o:Asset ; o:uid 'urn:x:t'^^xsd:anyURI ] ; o:assignee [ o:uid 'urn:x:a' ] ;"
        " o:constraint [ o:uid x:c ; o:or ( [ o:uid x:d ; o:leftOperand o:purpose ; o:operator o:eq"
        " ; o:rightOperand x:p ] ) ] ] ."
    )
    rule = found.permissions[0]
    assert (found.id, rule.id, rule.target, rule.assignee) == (
        *("urn:x:p", "urn:x:r"),
        *(AssetRef("urn:x:t"), PartyRef("urn:x:a")),
    )
    assert rule.constraints[0].id == "urn:x:c"


# -- compact policies -----------------------------------------------------------------------


def test_every_combination_of_actions_assets_and_parties_is_a_rule() -> None:
    found = policy(
        "o:permission [ o:action o:read, o:play ; o:target x:a, x:b ; o:assigner x:c, x:d ;"
        " o:assignee x:e, x:f ; o:output x:g, x:h ; o:informedParty x:i, x:j ;"
        " o:trackingParty x:k ]"
    )
    rows = {
        (r.action.id, r.target, r.assigner, r.assignee, r.output, r.functions)
        for r in found.permissions
    }
    assert len(found.permissions) == len(rows) == 2**6
    assert all(len(r.functions) == 2 for r in found.permissions)


def test_what_the_policy_shares_is_added_to_each_rule_once() -> None:
    found = policy(
        "o:action o:play ; o:target x:a ; o:informedParty x:i ; o:output x:o ;"
        " o:permission [ o:action o:read, o:play ; o:target x:a, x:b ] ; o:prohibition [ ]"
    )
    pairs = {(r.action.id.rpartition("/")[2], r.target.id) for r in found.permissions if r.target}
    assert pairs == {(act, asset) for act in ("read", "play") for asset in ("urn:x:a", "urn:x:b")}
    (ban,) = found.prohibitions
    assert (ban.action.id, ban.target, ban.output) == (
        *(ODRL + "play", AssetRef("urn:x:a")),
        AssetRef("urn:x:o"),
    )
    assert ban.functions == ((ODRL + "informedParty", PartyRef("urn:x:i")),)
    assert found.target is None
    assert found.common.targets == (AssetRef("urn:x:a"),)


def test_an_expanded_rule_gives_its_name_up_and_remembers_it() -> None:
    both = parsed("x:p a o:Set ; o:permission x:r . x:r o:action o:read, o:play ; r:label 'a' .")
    assert {(rule.id, rule.origin) for rule in both.permissions} == {("", "urn:x:r")}
    single = parsed("x:p a o:Set ; o:permission x:r . x:r o:action o:read .")
    assert (single.permissions[0].id, single.permissions[0].origin) == ("urn:x:r", "")


def test_duties_take_the_shared_target_that_their_rule_took() -> None:
    found = policy(
        "o:target x:a, x:b ; o:assigner x:c, x:d ; o:assignee x:e, x:f ;"
        " o:permission [ o:action o:read ; o:duty [ o:action o:delete ;"
        "   o:consequence [ o:action o:inform ] ], [ o:action o:delete ; o:target x:z ] ] ;"
        " o:prohibition [ o:action o:sell ; o:remedy [ o:action o:inform ] ] ;"
        " o:obligation [ o:action o:pay ; o:consequence [ o:action o:inform ] ]"
    )
    assert len(found.permissions) == len(found.prohibitions) == len(found.obligations) == 8
    for rule in found.permissions:
        first, second = rule.duties
        assert (first.target, first.assigner, first.assignee) == (
            *(rule.target, rule.assigner),
            rule.assignee,
        )
        assert first.consequences[0].target == rule.target
        assert second.target == AssetRef("urn:x:z")
    assert all(rule.remedies[0].target == rule.target for rule in found.prohibitions)
    assert all(rule.consequences[0].target == rule.target for rule in found.obligations)


def test_a_duty_takes_nothing_that_its_rule_stated_itself() -> None:
    found = policy(
        "o:target x:a, x:b ;"
        " o:permission [ o:action o:read ; o:target x:own ; o:duty [ o:action o:delete ] ]"
    )
    own = [rule for rule in found.permissions if rule.target == AssetRef("urn:x:own")]
    assert own[0].duties[0].target is None


def test_assets_and_parties_may_state_the_policy_of_them() -> None:
    found = parsed(
        f"x:p a o:Set ; {READS} . x:a o:hasPolicy x:p . x:b o:assignerOf x:p ."
        " x:c o:assigneeOf x:p ; a o:Party ."
    )
    assert (found.target, found.assigner, found.assignee) == (
        *(AssetRef("urn:x:a"), PartyRef("urn:x:b")),
        PartyRef("urn:x:c"),
    )


# -- several policies -----------------------------------------------------------------------


def test_several_policies_are_read_in_order_and_may_share_parts() -> None:
    found = read_all(
        turtle_nodes(
            f"{PREFIXES} x:p a o:Set ; o:permission [ o:action o:read ; o:constraint x:c ] ."
            " x:q a o:Offer ; o:profile <https://w3id.org/preau/odrl/v1> ;"
            " o:permission [ o:action o:play ; o:constraint x:c ] ."
            " x:c o:leftOperand o:purpose ; o:operator o:eq ; o:rightOperand x:q ."
        )
    )
    assert [item.id for item in found] == ["urn:x:p", "urn:x:q"]
    assert found[0].permissions[0].constraints == found[1].permissions[0].constraints
    assert [len(item.profiles) for item in found] == [0, 1]


# -- descriptions ---------------------------------------------------------------------------


def test_descriptions_are_kept_and_change_no_comparison() -> None:
    told = parsed(
        "x:p a o:Set ; r:label 'p' ; d:source x:s ; o:assigner x:b ; o:permission ["
        " a o:Permission ; r:comment 'r' ; d:title 'rule'@fr ; o:target x:a ; o:assignee x:b ;"
        " o:action [ rdf:value o:read ; r:label 'act' ] ; o:constraint [ r:label 'c' ;"
        " o:and [ r:label 'd' ; o:leftOperand o:purpose ; o:operator o:eq ; o:rightOperand x:b ] ]"
        " ] . x:a a o:Asset, <http://www.w3.org/ns/dcat#Dataset> ; d:title 't' ; o:partOf x:all ."
        " x:b a o:Party, f:Person, v:Individual ; f:name 'Ada' ; v:hasEmail <mailto:a@b.example> ."
    )
    bare = parsed(
        "x:p a o:Set ; o:assigner x:b ; o:permission [ o:target x:a ; o:assignee x:b ;"
        " o:action o:read ; o:constraint [ o:and ["
        " o:leftOperand o:purpose ; o:operator o:eq ; o:rightOperand x:b ] ] ] ."
    )
    rule = told.permissions[0]
    assert told.permissions == bare.permissions
    assert told.assigner == bare.assigner
    assert told.metadata == ((DCT + "source", Iri("urn:x:s")), *told.metadata[1:])
    assert rule.target is not None
    assert rule.target.notes[0] == (RDF_TYPE, Iri("http://www.w3.org/ns/dcat#Dataset"))
    assert (ODRL + "partOf", Iri("urn:x:all")) in rule.target.notes
    assert (DCT + "title", Literal("rule", language="fr")) in rule.notes
    assert any(notes for _, notes in described(told))
    assert not any(notes for _, notes in described(bare))
    assert described(read_policy(policy_bytes(told))) == described(told)


def test_a_named_action_node_keeps_its_name() -> None:
    found = parsed(
        "x:p a o:Set ; o:permission [ o:action x:act ] ."
        f" x:act a o:Action ; rdf:value o:print ; o:refinement {ATOM} ."
    )
    action = found.permissions[0].action
    assert (action.id, action.node, len(action.refinements)) == (ODRL + "print", "urn:x:act", 1)
    assert read_turtle(policy_turtle(found)).permissions[0].action.node == "urn:x:act"


def test_refinements_of_the_action_that_is_named_count_too() -> None:
    """Nothing that is said of `odrl:print` itself may get lost on the way through `rdf:value`."""
    found = parsed(
        f"x:p a o:Set ; o:permission [ o:action [ rdf:value o:print ; o:refinement {ATOM} ] ] ."
        f" o:print o:refinement {ATOM}, {ATOM} ."
    )
    assert len(found.permissions[0].action.refinements) == 3


def test_known_actions_may_be_restated() -> None:
    """What the document says beyond what is known is kept, and nobody decides by it."""
    text = (
        "x:p a o:Set ; o:target x:t ; o:permission [ o:action o:display ] . o:display o:includedIn "
    )
    shown = Request(ODRL + "display", target="urn:x:t")
    known, wider = parsed(text + "o:play, o:use ."), parsed(text + "o:sell ; o:implies o:read .")
    assert not known.permissions[0].unread
    assert evaluate(known, shown).granted
    assert len(wider.permissions[0].unread) == 2
    assert not evaluate(wider, shown).granted
    assert not evaluate(wider, replace(shown, action=ODRL + "read")).granted


def test_terms_of_others_are_read_when_they_are_known() -> None:
    text = (
        "x:p a o:Set ; o:profile x:profile ; o:permission [ o:action x:train ; o:constraint"
        " [ o:leftOperand x:left ; o:operator o:eq ; o:rightOperand 1 ] ] ."
        " x:train o:includedIn o:use ."
    )
    known = {
        "operands": {"urn:x:left": Operand("urn:x:left", Kind.NUMBER, frozenset())},
        "actions": {"urn:x:train": (ODRL + "use",)},
        "profiles": frozenset({"urn:x:profile"}),
    }
    assert parsed(text, Knowledge(**known)).profiles == ("urn:x:profile",)
    assert list(strange(parsed(text, Knowledge(**known)), Knowledge(**known))) == []
    for name, missing in (
        *(("operands", "urn:x:left"), ("actions", "urn:x:train")),
        ("profiles", "urn:x:profile"),
    ):
        less = Knowledge(**{key: value for key, value in known.items() if key != name})
        restated = [ODRL + "includedIn"] if name == "actions" else []
        assert list(strange(parsed(text, less), less)) == [missing, *restated]


# -- what is refused ------------------------------------------------------------------------

BROKEN = json.loads((Path(__file__).parent / "data" / "broken_policies.json").read_text("utf-8"))


@over("row", BROKEN["rows"])
def test_what_breaks_the_model_is_refused_by_name(row: dict[str, str]) -> None:
    if "error" not in row:
        found = parsed(row["turtle"] + " .")
        assert any(row["says"] in item for item in strange(found, Knowledge()))
        return
    with pytest.raises(getattr(errors, row["error"])) as caught:
        parsed(row["turtle"] + " .")
    assert row["says"] in str(caught.value)


def test_a_node_of_which_nothing_is_said_is_no_fault() -> None:
    whole = turtle_nodes(f"{PREFIXES} x:p a o:Set ; {READS} .")
    assert read([*whole, {"@id": "urn:x:nothing"}]) == read(whole)


def test_an_empty_child_is_read_because_it_inherits() -> None:
    assert policy("o:inheritFrom x:q").inherits == ("urn:x:q",)
    assert policy("d:isReplacedBy x:q").replaced_by == "urn:x:q"


# -- hostile values and sizes ---------------------------------------------------------------


def nodes_with(value: object) -> list[dict[str, object]]:
    name = ODRL + "rightOperand"
    return [
        {"@id": "urn:p", "@type": [ODRL + "Set"], ODRL + "permission": [{"@id": "_:r"}]},
        {
            "@id": "_:r",
            ODRL + "action": [{"@id": ODRL + "read"}],
            ODRL + "constraint": [{"@id": "_:c"}],
        },
        {
            "@id": "_:c",
            ODRL + "leftOperand": [{"@id": ODRL + "purpose"}],
            ODRL + "operator": [{"@id": ODRL + "eq"}],
            name: [value],
        },
    ]


@over(
    ("value", "error"),
    [
        ({"@value": "a" * (MAX_TEXT + 1)}, LimitExceeded),
        ({"@value": 1 << MAX_BITS}, LimitExceeded),
        ({"@value": float("inf")}, IllFormed),
        ({"@value": float("nan")}, IllFormed),
        ({"@value": "a", "@type": 5}, IllFormed),
        ({"@value": "a", "@language": ["fr"]}, IllFormed),
        ({"@list": "a"}, IllFormed),
        ({"@list": ["a"]}, IllFormed),
        ({"@value": None}, IllFormed),
    ],
)
def test_hostile_values_are_refused(value: dict[str, object], error: type[OdrlError]) -> None:
    with pytest.raises(error):
        read(nodes_with(value))


@over("value", [{"@value": "a" * MAX_TEXT}, {"@value": (1 << MAX_BITS) - 1}, {"@value": 0.5}])
def test_values_at_the_limit_are_read(value: dict[str, object]) -> None:
    assert read(nodes_with(value))


def shared(count: int, each: str, part: str) -> str:
    rules = ", ".join([f"[ o:action o:read ; {each} ]"] * count)
    return f"x:p a o:Set ; o:permission {rules} . {part} ."


LABELS = ", ".join(f"'{index}'" for index in range(300))
SHARED = {
    "labels": shared(Count.NOTES.value // 300 + 1, "o:target x:t", f"x:t r:label {LABELS}"),
    "values": shared(
        Count.VALUES.value // 300 + 1,
        "o:constraint x:c",
        f"x:c o:leftOperand o:purpose ; o:operator o:isAnyOf ; o:rightOperand {LABELS}",
    ),
    "classes": f"x:p a o:Set ; {READS} . x:q a {', '.join(f'x:c{n}' for n in range(20))} .",
    "copies of constraints": "x:p a o:Set ; o:permission [ o:action o:read ; o:target "
    + ", ".join(f"x:t{n}" for n in range(300))
    + " ; o:constraint "
    + ", ".join([ATOM] * 200)
    + " ] .",
    "copies of duties": "x:p a o:Set ; o:permission [ o:action o:read ; o:target "
    + ", ".join(f"x:t{n}" for n in range(200))
    + " ; o:duty "
    + ", ".join(["[ o:action o:pay ]"] * 100)
    + " ] .",
    "copies of what the policy shares": "x:p a o:Set ; o:target [ a o:AssetCollection ;"
    " o:source x:s ; o:refinement "
    + ", ".join([ATOM] * 300)
    + " ] ; o:permission "
    + ", ".join(["[ o:action o:read ]"] * 200)
    + " .",
}


@over("name", SHARED)
def test_what_is_shared_cannot_multiply(name: str) -> None:
    with pytest.raises((LimitExceeded, IllFormed), match="more than"):
        parsed(SHARED[name])


@pytest.mark.reference
def test_policies_of_public_suites_are_read() -> None:
    """All but two, whose rules state no action at all, and two with a property of their own."""
    folder = Path(os.environ["PREAU_REFERENCE"]) / "odrl"
    files = [
        *folder.glob("suite/policies/*.ttl"),
        *folder.glob("w3c/**/policy*.json"),
        *folder.glob("conflicts/policies/*.ttl"),
    ]
    refused: dict[str, str] = {}
    for file in files:
        try:
            assert load_all(file)
        except IllFormed as exc:
            refused[file.stem] = exc.reason
    axes = {name for name, reason in refused.items() if "spatial-axis" in reason}
    assert {name for name in refused if name not in axes} <= {
        *("policy-1", "policy-2", "ODRL816-policy", "ODRL871-policy"),
    }
    assert len(files) > len(axes) + 4


def test_common_is_empty_where_nothing_is_shared() -> None:
    assert policy(READS).common == Common()

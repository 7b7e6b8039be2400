"""Faults of reading and writing: what was lost on the way, and what one node said of all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.errors import PolicyInvalid
from connector.jsonld.policy import policy_document, policy_turtle, read_policy, read_turtle
from policies_odrl import Policy, Request, evaluate, resolve, values, write
from policies_odrl.errors import NotWritable
from policies_odrl.model import ODRL, XSD, Common, Literal
from tests.support.each import over

PREFIXES = """
@prefix o: <http://www.w3.org/ns/odrl/2/> .
@prefix d: <http://purl.org/dc/terms/> .
@prefix r: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix x: <urn:x:> .
"""
DUTY = "o:duty [ o:uid {1} ; o:action o:inform ]"
READS = "o:permission [ o:action o:read ]"
ONCE = "[ o:leftOperand o:count ; o:operator o:lteq ; o:rightOperand 1 ]"


def parsed(text: str) -> Policy:
    return read_turtle(PREFIXES + text)


PARENT = parsed(
    "x:parent a o:Set ; o:prohibition [ o:action o:sell ] ; o:obligation x:o ."
    " x:o o:action o:inform ; o:consequence [ o:action o:delete ] ."
)


def whole(child: Policy) -> Policy:
    return resolve(child, {PARENT.id: PARENT})


# -- what a policy states for the rules that it inherits -------------------------------------


@over(
    "shared",
    [
        "o:target x:a",
        "o:target x:a, x:b",
        "o:assigner x:a, x:b",
        "o:assignee x:a, x:b ; o:action o:print",
        f"o:target x:a ; {READS}",
        f"o:output x:a ; {READS}",
        f"o:trackingParty x:a ; {READS}",
        "o:action o:print ; o:permission [ o:target x:a ]",
        "o:target x:a ; o:permission [ o:action o:read ; o:target x:a ]",
        f"o:action [ r:value o:print ; o:refinement {ONCE} ] ; o:permission []",
        f"o:target x:a, x:b ; {READS}",
        f"o:action o:print ; {READS} ; o:prohibition [ o:action o:sell ; o:target x:c ]",
        "o:target x:a ; o:permission [ o:action o:read ; o:target x:b ]",
        "o:payeeParty x:a ; o:permission [ o:action o:read ; o:payeeParty x:b ]",
    ],
)
def test_what_inherited_rules_share_is_written(shared: str) -> None:
    child = parsed(f"x:child a o:Set ; o:inheritFrom x:parent ; {shared} .")
    for again in (read_policy(policy_document(child)), read_turtle(policy_turtle(child))):
        assert again == child
        assert whole(again) == whole(child)


def test_rules_that_would_be_others_when_read_again_are_refused() -> None:
    both = parsed(f"x:child a o:Set ; o:inheritFrom x:parent ; o:target x:a, x:b ; {READS} .")
    first, second = both.permissions
    for rules in ((first,), (first, first, second), (first, second, first)):
        with pytest.raises(NotWritable, match="what inherited rules share"):
            write(replace(both, permissions=rules))
    assert len(write(both)["permission"]) == 1
    alone = parsed(f"x:child a o:Set ; o:target x:a, x:b ; {READS} .")
    assert read_policy(policy_document(alone)) == alone


def test_a_rule_that_does_not_hold_what_it_shares_is_refused() -> None:
    child = parsed(f"x:child a o:Set ; o:inheritFrom x:parent ; o:output x:a ; {READS} .")
    rule = replace(child.permissions[0], output=None)
    with pytest.raises(NotWritable, match="what inherited rules share"):
        write(replace(child, permissions=(rule,)))
    assert write(child)["odrl:output"] == {"@id": "urn:x:a"}


def test_what_is_shared_and_lost_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    child = parsed("x:child a o:Set ; o:inheritFrom x:parent ; o:target x:a, x:b .")
    bare = replace(child, common=Common())
    document = policy_document(bare)
    monkeypatch.setattr("policies_odrl.write", lambda _: document)
    assert policy_document(bare) == document
    with pytest.raises(PolicyInvalid, match="without loss"):
        policy_document(child)


# -- what one node says of all ---------------------------------------------------------------

BANNED = (
    "x:p a o:Set ; o:target x:t ; o:conflict o:prohibit ;"
    " o:permission [ o:action o:read ] ; o:prohibition [ o:action {} ] . {}"
)


NARROWING = "is not known here"  # nobody understands which use is narrowed


def test_a_document_does_not_name_one_action_by_another() -> None:
    with pytest.raises(PolicyInvalid, match=NARROWING):
        parsed(BANNED.format("o:use", "o:use r:value o:print ."))
    plain = parsed(BANNED.format("o:use", "o:use a o:Action ."))
    assert not evaluate(plain, Request(action=ODRL + "read", target="urn:x:t")).granted
    named = parsed(BANNED.format("x:n", f"x:n r:value o:print ; o:refinement {ONCE} ."))
    assert named.prohibitions[0].action.id == ODRL + "print"
    assert evaluate(named, Request(action=ODRL + "read", target="urn:x:t")).granted


@over("action", ["o:read", "[ r:value o:read ]", "x:n . x:n r:value o:read"])
def test_what_narrows_one_rule_does_not_narrow_another(action: str) -> None:
    said = f"o:read o:refinement {ONCE} ."
    with pytest.raises(PolicyInvalid, match=NARROWING):
        parsed(
            f"x:p a o:Set ; o:prohibition [ o:action o:read ] ; o:permission x:r . {said}"
            f" x:r o:action {action} ."
        )
    alone = parsed(f"x:p a o:Set ; o:permission x:r . {said} x:r o:action {action} .")
    assert len(alone.permissions[0].action.refinements) == 1


@over(
    "text",
    [
        "x:p a o:Set ; o:action o:read ; o:permission [ o:uid {0} ], [ o:uid {1} ] .",
        "x:p a o:Set ; o:action o:read ; o:permission {0}, [ o:uid {1} ] . {0} a o:Permission .",
        f"x:p a o:Set ; o:permission [ o:uid {{0}} ; o:action o:read ; {DUTY} ] .",
    ],
)
def test_two_rules_are_not_called_the_same(text: str) -> None:
    with pytest.raises(PolicyInvalid, match="two nodes of one `uid`, `urn:x:r`"):
        parsed(text.format("x:r", "x:r"))
    assert parsed(text.format("x:r", "x:s")).permissions[0].id == "urn:x:r"


def test_a_rule_is_not_called_as_its_policy() -> None:
    text = "x:p a o:Set ; o:permission [ o:uid {} ; o:action o:read ] ."
    with pytest.raises(PolicyInvalid, match="two nodes of one `uid`"):
        parsed(text.format("x:p"))
    assert parsed(text.format("x:q")).permissions[0].id == "urn:x:q"


def test_a_duty_of_two_permissions_is_one() -> None:
    found = parsed(
        "x:p a o:Set ; o:permission [ o:action o:read ; o:duty x:d ],"
        " [ o:action o:print ; o:duty x:d ] . x:d o:action o:inform ."
    )
    assert {rule.duties[0].id for rule in found.permissions} == {"urn:x:d"}


@over("name", ["valid", "issued"])
def test_what_replaces_a_rule_is_no_description(name: str) -> None:
    with pytest.raises(PolicyInvalid, match="terms/isReplacedBy` is not known here"):
        parsed("x:p a o:Set ; o:permission [ o:action o:read ; d:isReplacedBy x:q ] .")
    assert parsed(f"x:p a o:Set ; d:{name} '2020' ; {READS} .").metadata


# -- times -----------------------------------------------------------------------------------


def instant(text: str) -> values.Span | None:
    return values.span(Literal(text, XSD + "dateTime"))


@over(
    ("zone", "known"),
    [("+14:00", True), ("-14:00", True), ("+14:01", False), ("-14:30", False), ("+13:59", True)],
)
def test_no_zone_is_farther_than_fourteen_hours(zone: str, known: bool) -> None:  # noqa: FBT001
    assert (instant("2026-01-01T00:00:00" + zone) is not None) is known


def test_each_action_that_is_named_once_may_be_refined() -> None:
    found = parsed(
        "x:p a o:Set ; o:permission [ o:action o:read, o:print ] ."
        f" o:read o:refinement {ONCE} . o:print o:refinement {ONCE} ."
    )
    assert [len(rule.action.refinements) for rule in found.permissions] == [1, 1]

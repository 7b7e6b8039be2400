"""A policy with one thing in it that nobody knows never grants more than before.

Known policies are changed in one place: by a property, a class or a value of no vocabulary that is
known. Either reading refuses the result, or each request that it grants was granted before. What is
listed as a description changes nothing at all, so that "refuse everything" cannot pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies_odrl import (
    Answer,
    Facts,
    OdrlError,
    Performed,
    Policy,
    Quantity,
    Request,
    compare,
    contains,
    evaluate,
    explain,
    load,
    resolve,
    validate,
    write,
)
from policies_odrl.comparison.compare import Relation
from policies_odrl.model import ODRL
from policies_odrl.reading.notes import Scope, describes
from tests.support.policies import NOW

DATA = json.loads((Path(__file__).parent / "data" / "mutated_policies.json").read_text("utf-8"))
POLICIES: list[dict[str, Any]] = DATA["policies"]
PAID = Performed(
    ODRL + "compensate",
    NOW - timedelta(days=1),
    "urn:x:ada",
    "urn:t:a",
    {ODRL + "payAmount": (Quantity(Decimal(5), "https://www.wikidata.org/wiki/Q4916"),)},
)
FACTS = Facts(
    now=NOW,
    members={"urn:x:crowd": frozenset({"urn:x:ada"}), "urn:t:folder": frozenset({"urn:t:a"})},
    performed=(PAID,),
)
REQUESTS = [
    Request(action, assignee, target, {name: tuple(values) for name, values in stated.items()})
    for action in DATA["actions"]
    for assignee in DATA["assignees"]
    for target in DATA["targets"]
    for stated in DATA["values"]
]
EX = "https://vocabulary.example/"


def places(part: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a document, those that are values of text or numbers left out."""
    if isinstance(part, list):
        for item in part:
            yield from places(item)
    elif isinstance(part, dict) and "@value" not in part:
        yield part
        for key, item in part.items():
            if key != "@context":
                yield from places(item)


def granted(policy: Policy) -> set[int]:
    return {
        place for place, request in enumerate(REQUESTS) if evaluate(policy, request, FACTS).granted
    }


def granted_by(document: dict[str, Any]) -> set[int]:
    try:
        return granted(load(document))
    except OdrlError:
        return set()


BEFORE = [granted_by(document) for document in POLICIES]

NAMES = st.sampled_from(
    [
        *(EX + "onlyIf", "ex:onlyIf", "undefinedWord", "odrl:onlyIf", "ordl:constraint"),
        *("https://www.w3.org/ns/odrl/2/constraint", "http://creativecommons.org/ns#prohibits"),
        *("odrl:purpose", "odrl:remedies", "refinement", "rdf:value", "odrl:assignees"),
    ]
)
VALUES = st.sampled_from(
    [
        *("text", 7, {"@id": EX + "value"}, {"@value": "x", "@type": EX + "type"}),
        {EX + "deep": {"odrl:leftOperand": {"@id": "odrl:purpose"}}},
        [{"@id": EX + "one"}, "two"],
    ]
)
# A member whose value names a term -> what nobody knows in its place.
TERMS = ("leftOperand", "operator", "action", "rightOperand", "conflict", "unit", "dataType")


@st.composite
def added(draw: st.DrawFn) -> tuple[int, dict[str, Any]]:
    """Draw a policy of which something more is said in one place."""
    number = draw(st.integers(0, len(POLICIES) - 1))
    document = deepcopy(POLICIES[number])
    place = draw(st.sampled_from(list(places(document))))
    name = draw(NAMES)
    if name in place:
        name = EX + "besides"
    place[name] = draw(VALUES)
    return number, document


@st.composite
def replaced(draw: st.DrawFn) -> tuple[int, dict[str, Any]]:
    """Draw a policy in which one term is of no vocabulary that is known."""
    number = draw(st.integers(0, len(POLICIES) - 1))
    document = deepcopy(POLICIES[number])
    found = [(place, key) for place in places(document) for key in TERMS if key in place]
    place, key = draw(st.sampled_from(found))
    new = draw(st.sampled_from([{"@id": EX + "term"}, "undefinedWord", {EX + "deep": 1}]))
    place[key] = new
    return number, document


@given(added())
def test_nothing_more_is_granted_where_more_is_said(drawn: tuple[int, dict[str, Any]]) -> None:
    number, document = drawn
    assert granted_by(document) <= BEFORE[number]


@given(replaced())
def test_nothing_more_is_granted_where_a_term_is_not_known(
    drawn: tuple[int, dict[str, Any]],
) -> None:
    number, document = drawn
    assert granted_by(document) <= BEFORE[number]


@pytest.mark.parametrize("name", DATA["descriptions"])
@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_a_description_changes_nothing(number: int, name: str) -> None:
    assert describes(name, Scope.PART)
    assert BEFORE[number]
    for index, _ in enumerate(places(POLICIES[number])):
        document = deepcopy(POLICIES[number])
        list(places(document))[index][name] = "a description"
        assert granted_by(document) == BEFORE[number]


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_each_policy_refuses_something(number: int) -> None:
    assert BEFORE[number] < set(range(len(REQUESTS)))


@pytest.mark.parametrize(("said", "grants"), [(EX + "onlyIf", False), ("dct:title", True)])
@pytest.mark.parametrize("of", ["child", "parent"])
def test_what_is_said_of_one_of_a_family_bears_on_the_rules_of_all(
    of: str, said: str, *, grants: bool
) -> None:
    context = ["http://www.w3.org/ns/odrl.jsonld", {"dct": "http://purl.org/dc/terms/"}]
    child: dict[str, Any] = {"inheritFrom": "urn:p:parent", "uid": "urn:p:child"}
    rule = {"action": "read", "target": REQUESTS[0].target}
    parent: dict[str, Any] = {"permission": [rule], "uid": "urn:p:parent"}
    {"child": child, "parent": parent}[of][said] = "text"
    read = [load({"@context": context, "@type": "Set", **each}) for each in (child, parent)]
    whole = resolve(read[0], {"urn:p:parent": read[1]})
    assert evaluate(whole, REQUESTS[0], FACTS).granted is grants
    back = load(write(read[0]))
    assert resolve(back, {"urn:p:parent": load(write(read[1]))}) == whole


def test_a_ban_of_which_something_is_not_understood_is_never_ruled_out() -> None:
    """A condition that is known to be false beside it does not lift the ban."""
    policy: dict[str, Any] = deepcopy(POLICIES[0])
    assert BEFORE[0]
    policy["prohibition"][0][EX + "onlyIf"] = "text"
    assert not granted_by(policy)
    found = load(policy)
    assert compare(found, found).relation is Relation.EQUIVALENT
    known = load(POLICIES[0])
    assert contains(known, found).answer is contains(found, known).answer is Answer.UNKNOWN
    assert "unknown-property" in {item.code for item in validate(found)}
    assert "unknown-property" not in {item.code for item in validate(known)}
    assert "Not understood: " in str(explain(found))

"""A policy with one thing in it that nobody knows never grants more than before.

Known policies are changed in one place: by a property, a class or a value of no vocabulary that is
known. Either reading refuses the result, or each request that it grants was granted before. What is
listed as a description changes nothing at all, so that "refuse everything" cannot pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

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
from tests.support.choices import Choices
from tests.support.distilled import distilled
from tests.support.each import over
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

NAMES = (
    *(EX + "onlyIf", "ex:onlyIf", "undefinedWord", "odrl:onlyIf", "ordl:constraint"),
    *("https://www.w3.org/ns/odrl/2/constraint", "http://creativecommons.org/ns#prohibits"),
    *("odrl:purpose", "odrl:remedies", "refinement", "rdf:value", "odrl:assignees"),
)
VALUES = (
    *("text", 7, {"@id": EX + "value"}, {"@value": "x", "@type": EX + "type"}),
    {EX + "deep": {"odrl:leftOperand": {"@id": "odrl:purpose"}}},
    [{"@id": EX + "one"}, "two"],
)
# A member whose value names a term -> what nobody knows in its place.
TERMS = ("leftOperand", "operator", "action", "rightOperand", "conflict", "unit", "dataType")
STRANGE = ({"@id": EX + "term"}, "undefinedWord", {EX + "deep": 1})
Changed = tuple[int, dict[str, Any]]


def added(pick: Choices) -> Changed:
    """A policy of which something more is said in one place."""
    number = pick.below(len(POLICIES))
    document = deepcopy(POLICIES[number])
    place, name = pick.one(list(places(document))), pick.one(NAMES)
    place[EX + "besides" if name in place else name] = pick.one(VALUES)
    return number, document


def replaced(pick: Choices) -> Changed:
    """A policy in which one term is of no vocabulary that is known."""
    number = pick.below(len(POLICIES))
    document = deepcopy(POLICIES[number])
    found = [(place, key) for place in places(document) for key in TERMS if key in place]
    place, key = pick.one(found)
    place[key] = pick.one(STRANGE)
    return number, document


@distilled(added, 4, fresh=25)
def test_nothing_more_is_granted_where_more_is_said(drawn: Changed) -> None:
    number, document = drawn
    assert granted_by(document) <= BEFORE[number]


@distilled(replaced, 3, fresh=25)
def test_nothing_more_is_granted_where_a_term_is_not_known(drawn: Changed) -> None:
    number, document = drawn
    assert granted_by(document) <= BEFORE[number]


@over("number", range(len(POLICIES)))
def test_descriptions_change_nothing(number: int) -> None:
    """Wherever they stand, the same is read, of which they are no part; so the same is granted."""
    assert all(describes(name, Scope.PART) for name in DATA["descriptions"])
    said = dict.fromkeys(DATA["descriptions"], "a description")
    known, whole = load(POLICIES[number]), deepcopy(POLICIES[number])
    for index, _ in enumerate(places(POLICIES[number])):
        document = deepcopy(POLICIES[number])
        for described in (list(places(it))[index] for it in (document, whole)):
            described.update(said)
        assert replace(load(document), metadata=known.metadata) == known
    assert BEFORE[number]
    assert granted_by(whole) == BEFORE[number]


@over("number", range(len(POLICIES)))
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

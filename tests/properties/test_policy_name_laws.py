"""Laws of names: what each verb says of them, against all requests of a world small enough.

Whatever is learned later of a name that is not known, no proof turns out wrong.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Final

from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Facts,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    Truth,
    compare,
    compile_policy,
    conflict_between,
    conflict_within,
    counter_offer,
    evaluate,
)
from policies_odrl.algebra.forms import LISTING
from policies_odrl.comparison.compare import Relation
from policies_odrl.conflicts.compatibility import Compatibility
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import DPV
from tests.support.choices import Choices
from tests.support.distilled import distilled

USE: Final = Action(ODRL + "use")
DATA: Final = AssetRef("urn:data")
PLACE: Final = "https://w3id.org/dpv/loc#"
UNKNOWN: Final = "urn:x:1"
_KINDS: Final = ("eq", "neq", "isA", "isAnyOf", "isNoneOf", "isAllOf")
_PURPOSES: Final = ("Purpose", "ResearchAndDevelopment", "AcademicResearch", "Marketing")
# Left operand -> its names and its operators.
WORLDS: Final = {
    ODRL + "purpose": ((*(DPV + it for it in _PURPOSES), UNKNOWN), _KINDS),
    ODRL + "spatial": (
        (*(PLACE + it for it in ("EU", "FR", "GP", "FR-75", "DE")), UNKNOWN),
        (*_KINDS, "isPartOf", "hasPart"),
    ),
    ODRL + "language": (
        ("fr", "fr-FR", "FR-fr", "fr-CA", "en"),
        ("eq", "neq", "isAnyOf", "isNoneOf"),
    ),
}
COMPLETIONS: Final = [
    Facts(),
    *(
        Facts(knowledge=Knowledge(broader={UNKNOWN: (kind,)}, wholes={UNKNOWN: (whole,)}))
        for kind, whole in (
            (DPV + "AcademicResearch", PLACE + "FR"),
            (DPV + "Marketing", PLACE + "DE"),
        )
    ),
]


def named(value: str) -> Iri | Literal:
    return Iri(value) if ":" in value else Literal(value)


def conditions(pick: Choices, left: str) -> tuple[Condition, ...]:
    names, operators = WORLDS[left]

    def plain(it: Choices) -> Constraint:
        operator, values = Operator(it.one(operators)), it.several(names, (1, 2))
        several = dict.fromkeys(values if operator in LISTING else values[:1])
        return Constraint(left, operator, tuple(map(named, several)))

    def part(it: Choices) -> Condition:
        if it.below(3):
            return plain(it)
        return LogicalConstraint(it.one((Connective.OR, Connective.XONE)), (plain(it), plain(it)))

    return pick.some(part, (1, 2, 3))


def permitting(stated: tuple[Condition, ...]) -> Policy:
    rule = Permission(action=USE, target=DATA, constraints=stated)
    return Policy(id="urn:one", kind=PolicyKind.SET, permissions=(rule,))


def prohibiting(stated: tuple[Condition, ...]) -> Policy:
    rule = Prohibition(action=USE, target=DATA, constraints=stated)
    return Policy(id="urn:two", kind=PolicyKind.SET, prohibitions=(rule,))


def requests(left: str) -> list[Request]:
    """Return requests that state one or two names."""
    pairs = product(map(named, WORLDS[left][0]), repeat=2)
    stated = dict.fromkeys(tuple(dict.fromkeys(pair)) for pair in pairs)
    return [Request(USE.id, "urn:asking", DATA.id, {left: values}) for values in stated]


REQUESTS: Final = {left: requests(left) for left in WORLDS}


def granted(policy: Policy | None, left: str, facts: Facts) -> set[int]:
    """Return the places of the requests that a policy grants."""
    if policy is None:
        return set()
    permits = compile_policy(policy, facts.knowledge, tentative=True).permits
    return {place for place, asked in enumerate(REQUESTS[left]) if permits(asked, facts)}


Pair = tuple[str, tuple[Condition, ...], tuple[Condition, ...]]


def pair(pick: Choices) -> Pair:
    left = pick.one(list(WORLDS))
    return left, conditions(pick, left), conditions(pick, left)


@distilled(pair, 64)
def test_one_question_about_names_has_one_answer(drawn: Pair) -> None:
    left, *stated = drawn
    one, two = map(permitting, stated)
    found, verdict = compare(one, two), conflict_between(one, two).answer
    assert conflict_between(two, one).answer is verdict
    never = verdict is Compatibility.CONFLICT
    vain = any(conflict_within(it).answer is Compatibility.CONFLICT for it in (one, two))
    assert never is (found.relation is Relation.DISJOINT) or (never and vain)
    answer = counter_offer(one, two).policy
    if answer is not None:
        assert not never
        assert conflict_within(answer).answer is not Compatibility.CONFLICT
    for facts in COMPLETIONS:
        mine, theirs, proposed = (granted(it, left, facts) for it in (one, two, answer))
        assert not (never and mine & theirs)
        assert mine <= theirs or not found.forward
        assert theirs <= mine or not found.backward
        assert proposed <= mine


@distilled(pair, 64)
def test_a_ban_that_never_bears_is_false_of_all_that_is_granted(drawn: Pair) -> None:
    left, mine, theirs = drawn
    policy, ban = permitting(mine), prohibiting(theirs)
    verdict = conflict_between(policy, ban).answer
    whole = replace(policy, prohibitions=ban.prohibitions)
    assert conflict_within(whole).answer is verdict
    for facts in COMPLETIONS if verdict is Compatibility.COMPATIBLE else ():
        for place in granted(policy, left, facts):
            (rule,) = evaluate(ban, REQUESTS[left][place], facts, tentative=True).rules
            assert rule.applies is Truth.FALSE

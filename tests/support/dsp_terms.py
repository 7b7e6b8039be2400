"""Random terms of offers: such as our nodes publish, and such as anybody may send.

What is published is of operands that a delivery upholds, with every operator, connective, kind of
value and duty that it may have. What others send is any policy of the information model that the
protocol can say, of terms that nobody here knows among others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from connector.errors import PreauError
from connector.jsonld.dsp_policy import to_dsp
from connector.jsonld.policy import policy_bytes, policy_document
from connector.ports import Ports
from connector.services.negotiation import terms
from connector.services.publication import saying
from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.model import ODRL, Condition, Rule, each
from policies_odrl.vocabulary import DPV, PREAU, PROFILE
from tests.support.choices import Choices, any_text
from tests.support.policies import CONSUMER, DATASET, PROVIDER
from tests.support.policy_strategies import every, joined, literal
from tests.support.whole_policies import whole_policy

COLUMNS: Final = ("uai", "année", "l'élève «x»")  # of the data set that is offered
_PURPOSES: Final = tuple(
    DPV + it for it in ("ResearchAndDevelopment", "AcademicResearch", "CommercialResearch")
)
_PLACES: Final = tuple(f"https://w3id.org/dpv/loc#{it}" for it in ("FR", "EU", "DE"))
_BASES: Final = tuple(f"https://w3id.org/dpv/legal/eu/gdpr#A6-1-{it}" for it in "aef")
_ODD_NAMES: Final = (
    "https://académie.example/charte/é?q=1#ß",
    "did:web:lycée.example",
    "urn:x:数据",
)
_CONCEPT: Final = (Operator.IS_A, Operator.EQ, Operator.NEQ)
_SEVERAL: Final = (Operator.IS_ANY_OF, Operator.IS_NONE_OF)
_TIMES: Final = (Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ)
_FEWER: Final = (Operator.LT, Operator.LTEQ)


def _iris(*names: str) -> list[tuple[Iri, ...]]:
    """Return each of some names, and all of them."""
    return [*((Iri(it),) for it in names), tuple(map(Iri, names))]


def _typed(kind: str, *values: str) -> list[tuple[Literal, ...]]:
    return [(literal(kind, it),) for it in values]


_ATOMS: Final = [
    every([ODRL + "purpose"], _CONCEPT, _iris(*_PURPOSES)[:-1]),
    every([ODRL + "purpose"], _SEVERAL, _iris(*_PURPOSES)),
    every([DPV + "hasLegalBasis"], (*_CONCEPT[:2], *_SEVERAL), _iris(*_BASES)[:-1]),
    every([DPV + "hasLocation"], (Operator.IS_PART_OF, Operator.EQ), _iris(*_PLACES)[:-1]),
    every(
        [ODRL + "dateTime"],
        _TIMES,
        _typed("dateTime", "2027-06-30T00:00:00Z", "2031-01-01T12:00:00+02:00"),
    ),
    every([ODRL + "dateTime"], _TIMES, _typed("date", "2027-02-28", "2032-02-29")),
    every([ODRL + "count"], _FEWER, [*_typed("integer", "3", "1000"), *_typed("decimal", "12.0")]),
    every([PREAU + "usesThisMonth"], _FEWER, _typed("integer", "2", "99")),
    every([ODRL + "elapsedTime"], _FEWER, _typed("duration", "P30D", "P1Y2M", "PT36H")),
    every([PREAU + "retention"], [Operator.LTEQ], _typed("duration", "P90D", "P5Y")),
    every([PREAU + "charter", PREAU + "ethicsOpinion"], [Operator.EQ], _iris(*_ODD_NAMES)[:-1]),
    every([PREAU + "dpia"], [Operator.EQ, Operator.IS_ANY_OF], _iris(*_ODD_NAMES)[:-1]),
    every(
        [PREAU + "columns"],
        [Operator.IS_ANY_OF, Operator.IS_NONE_OF],
        [(Literal(it),) for it in COLUMNS],
    ),
    every(
        [ODRL + "fileFormat"],
        [Operator.EQ],
        [(Literal("text/csv"),), (Literal("application/jsonl"),)],
    ),
]
_ACTIONS: Final = [ODRL + it for it in ("use", "read", "reproduce", "derive")]
_DUE: Final = [ODRL + it for it in ("attribute", "inform", "compensate", "delete", "reviewPolicy")]
_ACTS: Final = [ODRL + "sell", ODRL + "distribute", PREAU + "reidentify", PREAU + "publish"]
_DEADLINE: Final = every([ODRL + "elapsedTime"], [Operator.LTEQ], _typed("duration", "P7D", "P1M"))
_LEFT: Final = ["Membership", ODRL + "dateTime", "https://w3id.org/catenax/policy/UsagePurpose"]
_RIGHT: Final = ["active", "5", ["a", "b"], {"@value": "1.5", "@type": "xsd:decimal"}]
_SAYABLE: Final = (Connective.AND, Connective.OR, Connective.XONE)


def _atom(pick: Choices) -> Constraint:
    return pick.one(pick.one(_ATOMS))


_condition = joined(_atom, _SAYABLE)


def _conditions(pick: Choices) -> tuple[Condition, ...]:
    return pick.some(lambda it: _atom(it) if it.below(3) else _condition(it), (0, 1, 1, 2, 3))


def _duty(pick: Choices) -> Duty:
    return Duty(action=Action(pick.one(_DUE)), constraints=pick.several(_DEADLINE, (0, 1)))


def offered(pick: Choices) -> Policy:
    """Return an offer, without name and target, that may or may not be sound."""
    rules = pick.some(
        lambda it: Permission(
            action=Action(it.one(_ACTIONS)),
            constraints=_conditions(it),
            duties=it.some(_duty, (0, 0, 1)),
        ),
        (1, 1, 1, 2),
    )
    bans = pick.some(
        lambda it: Prohibition(action=Action(it.one(_ACTS)), constraints=it.some(_atom, (0, 0, 1))),
        (0, 0, 1, 2),
    )
    return Policy(
        kind=PolicyKind.OFFER,
        id="urn:example:offer",
        profiles=(PROFILE,),
        permissions=rules,
        prohibitions=bans,
    )


def sound(choices: Callable[[], Choices], ports: Ports) -> Iterator[Policy]:
    """Yield offers that a node publishes to every peer, without an end.

    Raises:
        Exception: one was neither found sound nor refused by a code.
    """
    while True:
        pick = choices()
        found = replace(offered(pick), id=f"urn:example:offer:{pick.below(1 << 32)}")
        try:
            terms.check_sound(found, ports.mechanisms)
            saying.form(policy_bytes(found))
        except PreauError:
            continue
        yield found


def varied(base: Policy, pick: Choices) -> Policy:
    """Return what a consumer might ask for instead: less, more, other terms, or the same anew."""
    rule = base.permissions[0]
    further = (*rule.constraints, *_conditions(pick))
    changed = pick.one([rule.constraints[1:], further, _conditions(pick), rule.constraints[::-1]])
    return replace(base, permissions=(replace(rule, constraints=changed), *base.permissions[1:]))


def document(policy: Policy) -> dict[str, Any]:
    """Return a policy as its author writes it."""
    return policy_document(policy)


def sayable(policy: Policy) -> Policy:
    """Return a policy without most of what the protocol cannot say."""
    plain = replace(policy, inherits=(), timestamp="2026-11-24T15:00:00Z")
    plain = each(plain, Action, lambda it: Action(it.id))
    plain = each(plain, Rule, lambda it: replace(it, target=None))
    return replace(
        plain,
        target=AssetRef(DATASET),
        assigner=plain.assigner and PartyRef(PROVIDER),
        assignee=plain.assignee and PartyRef(CONSUMER),
    )


def anybodys(choices: Callable[[], Choices]) -> dict[str, Any]:
    """Return rules of anybody's offer, as they stand in a message."""
    while True:
        pick = choices()
        base = offered(pick) if pick.below(3) else sayable(whole_policy(pick))
        plain = replace(base, kind=PolicyKind.OFFER, target=None, timestamp="")
        with suppress(PreauError):  # the protocol cannot say it
            return to_dsp(policy_bytes(plain), kind="catalog")


def spoken(rules: dict[str, Any], pick: Choices) -> dict[str, Any]:
    """Return an offer with what connectors put into one besides, now and then."""
    body: dict[str, Any] = json.loads(json.dumps(rules))
    rule = body.get("permission", body.get("prohibition", [{}]))[0]
    odd = {
        "leftOperand": pick.one(_LEFT),
        "operator": pick.one(list(Operator)).value,
        "rightOperand": pick.one([*_RIGHT, any_text(pick, 9)]),
    }
    match pick.below(8):
        case 0:
            rule["constraint"] = [*rule.get("constraint", []), odd]
        case 1:
            rule["constraint"] = [{pick.one(list(Connective)).value: [odd, {"or": [odd]}]}]
        case 2:
            body |= {"profile": "https://unknown.example/profile", "assigner": "BPNL0000000000é"}
        case 3:
            body |= {"obligation": [], "https://unknown.example/member": {"x": [None]}}
    return body

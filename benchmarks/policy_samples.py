"""Policies that are measured: ours, made here, of known size."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import policies_odrl as odrl
from policies_odrl.model import ODRL, XSD, Value
from policies_odrl.vocabulary import PREAU, PROFILE

NOW = datetime(2026, 6, 3, 11, tzinfo=UTC)
READ = ODRL + "read"
ALICE, BOOK = "urn:example:alice", "urn:example:book"
ASKED = odrl.Request(READ, ALICE, BOOK)


def small() -> odrl.Policy:
    """Return one permission with one bound in time."""
    return odrl.Policy(
        kind=odrl.PolicyKind.SET,
        id="urn:example:policy",
        permissions=(
            odrl.Permission(
                action=odrl.Action(READ),
                target=odrl.AssetRef(BOOK),
                assignee=odrl.PartyRef(ALICE),
                constraints=(bound(odrl.Operator.LT, datetime(2030, 1, 1, tzinfo=UTC)),),
            ),
        ),
    )


def bound(operator: odrl.Operator, at: datetime) -> odrl.Constraint:
    """Return a bound in time."""
    text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return odrl.Constraint(ODRL + "dateTime", operator, (odrl.Literal(text, XSD + "dateTime"),))


def contract() -> tuple[odrl.Policy, odrl.Request, odrl.Facts]:
    """Return a contract as the demonstration's, a request that it grants, and what is known."""
    dpv = "https://w3id.org/dpv/sector/education#ResearchManagement"
    eq, at_most_, at_least = odrl.Operator.EQ, odrl.Operator.LTEQ, odrl.Operator.GTEQ

    def ours(name: str, operator: odrl.Operator, value: Value) -> odrl.Constraint:
        return odrl.Constraint(PREAU + name, operator, (value,))

    def amount(text: str) -> odrl.Literal:
        return odrl.Literal(text, XSD + "decimal")

    constraints = (
        odrl.Constraint(ODRL + "purpose", odrl.Operator.IS_A, (odrl.Iri(dpv),)),
        bound(at_most_, datetime(2030, 6, 30, tzinfo=UTC)),
        ours("membership", eq, odrl.Iri("did:web:space.example")),
        ours("unitOfPrivacy", eq, odrl.Iri(PREAU + "Person")),
        ours("rowsPerPerson", at_most_, amount("4")),
        ours("epsilon", at_most_, amount("3")),
        ours("delta", at_most_, amount("0.00001")),
        ours("minimumSites", at_least, amount("3")),
    )
    action = PREAU + "federatedTraining"
    policy = odrl.Policy(
        kind=odrl.PolicyKind.AGREEMENT,
        id="urn:example:contract",
        permissions=(odrl.Permission(action=odrl.Action(action), constraints=constraints),),
        profiles=(PROFILE,),
        target=odrl.AssetRef(BOOK),
        assigner=odrl.PartyRef("urn:example:school"),
        assignee=odrl.PartyRef(ALICE),
    )
    stated: dict[str, tuple[object, ...]] = {
        ODRL + "purpose": (dpv,),
        PREAU + "unitOfPrivacy": (PREAU + "Person",),
        PREAU + "rowsPerPerson": (4,),
        PREAU + "epsilon": (2.5,),
        PREAU + "delta": (1e-5,),
    }
    known = {PREAU + "membership": ("did:web:space.example",), PREAU + "minimumSites": (3,)}
    return policy, odrl.Request(action, ALICE, BOOK, stated), odrl.Facts(now=NOW, values=known)


def year() -> odrl.Policy:
    """Return a permission for 9 to 17 h on each working day of 2026, as alternatives."""
    days = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(365))
    hours = tuple(
        odrl.LogicalConstraint(
            odrl.Connective.AND,
            (
                bound(odrl.Operator.GT, day + timedelta(hours=9)),
                bound(odrl.Operator.LT, day + timedelta(hours=17)),
            ),
        )
        for day in days
        if day.weekday() < 5  # noqa: PLR2004 - Monday to Friday
    )
    (rule,) = small().permissions
    anytime = odrl.LogicalConstraint(odrl.Connective.OR, hours)
    return replace(small(), permissions=(replace(rule, constraints=(anytime,)),))


def figure(left: str, bound: int) -> str:
    """Return a bound that the operand can have: some end at one."""
    return str(bound / 100) if left in {PREAU + "tCloseness", PREAU + "delta"} else str(bound)


def attributes(low: int, high: int) -> odrl.Policy:
    """Return an offer of 20 attributes: 13 numbers between two bounds, 7 lists of names."""
    sizes = ("absoluteSize", "relativeSize", "payAmount", "percentage", "resolution")
    ours = (
        *("kAnonymity", "lDiversity", "tCloseness", "minimumCellCount"),
        *("epsilon", "delta", "rowsPerPerson", "minimumSites"),
    )
    names = (
        *("language", "fileFormat", "deliveryChannel", "recipient"),
        *("product", "media", "version"),
    )
    bounds = ((odrl.Operator.GTEQ, low), (odrl.Operator.LTEQ, high))
    numbers = tuple(
        odrl.Constraint(left, operator, (odrl.Literal(figure(left, bound), XSD + "decimal"),))
        for left in (*(ODRL + name for name in sizes), *(PREAU + name for name in ours))
        for operator, bound in bounds
    )
    lists = tuple(
        odrl.Constraint(
            ODRL + name,
            odrl.Operator.IS_ANY_OF,
            tuple(odrl.Iri(f"urn:example:{name}:{number}") for number in range(low, high, 10)),
        )
        for name in names
    )
    (rule,) = small().permissions
    changed = replace(rule, constraints=(*numbers, *lists), target=None, assignee=None)
    return replace(small(), kind=odrl.PolicyKind.OFFER, profiles=(PROFILE,), permissions=(changed,))


def many(rules: int) -> odrl.Policy:
    """Return a policy with a permission and a prohibition for each of many assets."""
    (rule,) = small().permissions
    assets = [odrl.AssetRef(f"urn:example:{number}") for number in range(rules // 2)]
    return replace(
        small(),
        permissions=tuple(replace(rule, target=asset) for asset in assets),
        prohibitions=tuple(
            odrl.Prohibition(action=odrl.Action(ODRL + "print"), target=asset) for asset in assets
        ),
    )


def for_pyodre() -> object:
    """Return the policy of one bound in time as pyodre takes it: under the context it carries."""
    return {
        "@context": "http://www.w3.org/ns/odrl.jsonld",
        "@type": "Set",
        "uid": "urn:example:policy",
        "permission": [
            {
                "target": BOOK,
                "assignee": ALICE,
                "action": "read",
                "constraint": [
                    {
                        "leftOperand": "dateTime",
                        "operator": "lt",
                        "rightOperand": {"@value": "2030-01-01T00:00:00", "@type": "xsd:dateTime"},
                    }
                ],
            }
        ],
    }

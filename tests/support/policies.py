"""Policies that tests share: the contract of the main job, and small parts to vary it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Iri,
    Knowledge,
    Literal,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    read_all,
)
from policies_odrl.documents.dialects import translated
from policies_odrl.documents.sources import Nodes, Source, nodes_of
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import DPV, PREAU, PROFILE

SPACE = "did:web:authority.example"
PROVIDER = "did:web:provider.example"
CONSUMER = "did:web:consumer.example"
DATASET = "urn:example:dataset"
EDUCATION = "https://w3id.org/dpv/sector/education#"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def nodes(source: Source) -> Nodes:
    """Node objects of a document of which nothing may be lost."""
    return nodes_of(source, strict=True)


def load_all(source: Source, knowledge: Knowledge | None = None) -> tuple[Policy, ...]:
    """Return all policies of a document, as `preau policy check` reads them."""
    return read_all(translated(nodes_of(source)), knowledge)


def purpose(*names: str, operator: str = "isAnyOf") -> Constraint:
    values = tuple(Iri(name if ":" in name else DPV + name) for name in names)
    return Constraint(ODRL + "purpose", Operator(operator), values)


def until(moment: str = "2027-06-30T22:00:00Z", operator: str = "lteq") -> Constraint:
    kind = "dateTime" if "T" in moment else "date"
    return Constraint(ODRL + "dateTime", Operator(operator), (Literal(moment, XSD + kind),))


def amount(name: str, value: str, operator: str = "lteq") -> Constraint:
    left = name if ":" in name else PREAU + name
    return Constraint(left, Operator(operator), (Literal(value, XSD + "decimal"),))


def name_is(name: str, value: str, operator: str = "eq") -> Constraint:
    left = name if ":" in name else PREAU + name
    return Constraint(left, Operator(operator), (Iri(value),))


def training_terms(
    *,
    epsilon: str = "3",
    delta: str = "0.00001",
    rows: str = "4",
    sites: str = "3",
    end: str = "2027-06-30T22:00:00Z",
    purposes: tuple[str, ...] = ("AcademicResearch",),
) -> tuple[Condition, ...]:
    return (
        purpose(*purposes),
        until(end),
        name_is("membership", SPACE),
        amount("epsilon", epsilon),
        amount("delta", delta),
        name_is("unitOfPrivacy", PREAU + "Person"),
        amount("rowsPerPerson", rows),
        amount("minimumSites", sites, "gteq"),
    )


def training_offer(**terms: object) -> Policy:
    """The offer of the main job, without target, as a catalog shows it."""
    return Policy(
        kind=PolicyKind.OFFER,
        id="urn:uuid:0b7f9b8e-6f0d-4d1c-9a52-1f1f1f1f1f1f",
        profiles=(PROFILE,),
        conflict=Conflict.PROHIBIT,
        permissions=(
            Permission(
                action=Action(PREAU + "federatedTraining"),
                constraints=training_terms(**terms),
            ),
        ),
    )


def agreed(offer: Policy) -> Policy:
    """The agreement that an offer becomes."""
    return replace(
        offer,
        kind=PolicyKind.AGREEMENT,
        id="urn:uuid:7a1d6c1e-0000-4000-8000-000000000001",
        target=AssetRef(DATASET),
        assigner=PartyRef(PROVIDER),
        assignee=PartyRef(CONSUMER),
        timestamp="2026-11-24T15:00:00Z",
    )


def one_rule(action: str = "read", *constraints: Condition, kind: str = "Offer") -> Policy:
    """A policy with one permission."""
    name = action if ":" in action else ODRL + action
    return Policy(
        kind=PolicyKind(kind),
        id="urn:example:policy",
        permissions=(Permission(action=Action(name), constraints=constraints),),
        profiles=(PROFILE,),
    )

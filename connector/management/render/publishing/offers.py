"""Offers as views: own ones and those of catalogs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from connector.domain.catalog.dataset import Offer
from connector.domain.catalog.review import Review
from connector.domain.layer import LayerName
from connector.domain.page import Damaged
from connector.enforcement.mechanisms import opening
from connector.errors import PreauError
from connector.identity.statements.risk_report import unverified_uses
from connector.jsonld.canonical import parse_object
from connector.jsonld.policy import read_shown
from connector.jsonld.reach import terms
from connector.management.views.publishing.offers import (
    CoverageView,
    LayerNameView,
    OfferView,
    ReachView,
)
from connector.management.views.publishing.risk import FindingsView, findings
from connector.protocol.messages import CoverageLine
from connector.services.readable import Readable
from policies_odrl import OdrlError
from policies_odrl.language.explain import explain
from policies_odrl.language.phrases import LANGUAGES


def offer(value: Offer, lines: Iterable[CoverageLine]) -> OfferView:
    """Return an own offer."""
    said = {
        "sentences": sentences(value.policy),
        "coverage": [coverage(line) for line in lines],
        "reach": reach(value.policy),
    }
    return offer_in_brief(value).model_copy(update=said)


def damaged_offer(value: Damaged) -> OfferView:
    """Return an own offer that cannot be read."""
    return OfferView(id=value.row, policy={}, fault=value.fault)


def offer_in_brief(value: Offer) -> OfferView:
    """Return an own offer as it stands in a list."""
    shown = Readable()
    policy: dict[str, Any] = shown.part(partial(parse_object, value.policy), {})
    return OfferView(
        id=value.id,
        policy=policy,
        licence=licence(policy),
        audience=value.audience,
        space=value.space,
        withdrawn=value.withdrawn,
        decision=value.decision.value,
        layers=layer_names(value.layers),
        protocol=bool(value.dsp),
        **_review(value.review),
        findings=shown.part(partial(measured, value.report), []),
        fault=shown.fault,
    )


def licence(policy: Mapping[str, Any]) -> str:
    """Return the licence of an offer to anybody, in our own rendering; empty where it is none."""
    if {"@id": opening.PUBLIC} not in policy.get("dct:accessRights", ()):
        return ""
    return "".join(str(each.get("@id", "")) for each in policy.get("dct:license", ()))


def measured(token: str) -> list[FindingsView]:
    """Return what a report says that was verified before."""
    return [findings(it.action, it.findings) for it in unverified_uses(token)] if token else []


def _review(value: Review | None) -> dict[str, Any]:
    if value is None:
        return {}
    return {
        "roles": list(value.roles),
        "remind_hours": value.remind_hours,
        "lapse_hours": value.lapse_hours,
    }


def sentences(policy: bytes | Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a policy in plain words, by language; empty where no policy can be read.

    Of a peer's offer that this node could not sign, what is not understood is said to be so.
    """
    try:
        read = read_shown(policy)
    except OdrlError:
        return {}
    return {language: list(explain(read, language)) for language in LANGUAGES}


def reach(policy: bytes) -> list[ReachView]:
    """Return the terms of an offer with who understands them; nothing where it cannot be read."""
    try:
        found = terms(read_shown(policy))
    except (OdrlError, PreauError):
        return []
    return [
        ReachView(
            path=each.pointer,
            term=each.iri,
            everyone=each.anybody,
            vocabulary=each.vocabulary,
            labels=dict(each.labels),
        )
        for each in found
    ]


def coverage(line: CoverageLine) -> CoverageView:
    """Return a line of the coverage table."""
    return CoverageView(**line.to_body())


def layer_names(found: Iterable[LayerName]) -> list[LayerNameView]:
    """Return the layers that an offer or contract names."""
    return [LayerNameView(**asdict(each)) for each in found]

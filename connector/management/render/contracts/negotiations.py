"""Negotiations as views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from connector.domain.contract.negotiation import Negotiation
from connector.errors import PreauError
from connector.jsonld.canonical import parse_object
from connector.jsonld.profiles import NO_PROFILES, Profiles
from connector.management.views.contracts.negotiations import ChangeView, NegotiationView
from connector.services.negotiation import terms
from connector.services.readable import Readable
from policies_odrl.comparison.differences import Compared
from policies_odrl.language.phrases import LANGUAGES

_NOT_COMPARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "This node cannot compare the terms asked for with those offered: what changes is not"
        " known. Read the terms on the table.",
        "fr": "Ce nœud ne peut pas comparer les conditions demandées à celles qui sont proposées : "
        "ce qui change n’est pas connu. Lisez les conditions sur la table.",
    }
)


def negotiation(value: Negotiation, profiles: Profiles = NO_PROFILES) -> NegotiationView:
    """Return a negotiation."""
    shown = Readable()
    return NegotiationView(
        pid=value.pid,
        role=value.role.value,
        peer=value.peer,
        peer_pid=value.peer_pid,
        state=value.state.value,
        dataset=value.dataset_id,
        offer=value.offer_id,
        policy=shown.part(partial(parse_object, value.policy), {}) if value.policy else {},
        policy_by=value.policy_by.value,
        agreement=value.agreement_id,
        code=value.code,
        reasons=list(value.reasons),
        changes=changes(value, profiles),
        awaits=value.awaits,
        address=value.address,
        created_at=value.created_at,
        updated_at=value.updated_at,
        fault=shown.fault,
    )


def changes(value: Negotiation, profiles: Profiles) -> list[ChangeView]:
    """Return how the provider's terms on the table differ from those that were asked for.

    Where this node cannot compare the two, that is said in place of the list: an empty one means
    that nothing changes.
    """
    return differences(partial(terms.tabled, value, profiles))


def differences(compared: Callable[[], Iterable[Compared]]) -> list[ChangeView]:
    """Return how terms differ from others; where they cannot be compared, that is said instead."""
    try:
        found = compared()
    except PreauError as exc:
        return [_not_compared(exc.reason)]
    return [
        ChangeView(
            kind=item.kind.value,
            path=item.path,
            operand=item.operand,
            line=terms.one_line(item.line),
            sentences={lang: terms.one_line(item.said(lang)) for lang in LANGUAGES},
        )
        for item in found
    ]


def _not_compared(reason: str) -> ChangeView:
    return ChangeView(
        kind="unknown",
        path="",
        operand="",
        line=terms.one_line(f"the two texts cannot be compared: {reason}"),
        sentences=dict(_NOT_COMPARED),
    )

"""Authority templates, charter, offer, negotiated terms: merged, checked, and told apart; pure.

Rules: the strictest wins, by the meet of the policy engine; what is not proved to lie within a
layer does not (`contains`). A line of the coverage table comes from the outermost layer with which
its condition is stated: the layers are merged one after the other, and the first that states it
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import policies_odrl  # what compares is loaded when it is first needed
from connector.domain.layer import LayerKind, LayerName
from connector.enforcement.coverage import PROFILE_PATH, named
from connector.errors import LayerUnmet
from connector.jsonld.profiles import Profiles
from policies_odrl import Constraint, LimitExceeded, Permission, Policy, PolicyKind
from policies_odrl.model import Rule, conditions, duties_below
from policies_odrl.text import condition as condition_text
from policies_odrl.text import term
from policies_odrl.vocabulary import wider_actions

Statement = tuple[str, str, str]  # kind of rule, its action, what is stated


@dataclass(frozen=True, slots=True)
class Stated:
    """A layer in force, and what it allows."""

    name: LayerName
    policy: Policy


@dataclass(frozen=True, slots=True)
class Unmet:
    """A layer that terms are not proved to lie within.

    Attributes:
        name: the layer.
        clause: its clause, or what could not be decided, in one line.
    """

    name: LayerName
    clause: str

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.name}: {self.clause}"


def merged(layers: Sequence[Stated], offer: Policy, profiles: Profiles) -> Policy:
    """Return what layers and an offer grant together; without layers the offer as it is.

    Raises:
        LayerUnmet: nothing is left, or what is left is not proved to lie within a layer.
    """
    if not layers:
        return offer
    found = _joined((*(each.policy for each in layers), offer), profiles)
    against = unmet(layers, offer if found is None else found, profiles)
    if found is None:
        said = "; ".join(map(str, against)) or ", ".join(str(each.name) for each in layers)
        raise LayerUnmet(
            f"nothing of the offer is left under {said}",
            hint="`preau layer list` shows the layers; write terms that they allow",
        )
    if against:
        raise LayerUnmet(f"the offer cannot be proved to lie within {against[0]}")
    # whom an offer is for, and who makes it, is no condition of a layer
    return replace(found, assignee=offer.assignee, assigner=offer.assigner)


def unmet(layers: Iterable[Stated], terms: Policy, profiles: Profiles) -> tuple[Unmet, ...]:
    """Return the layers that terms are not proved to lie within; empty where they lie in all."""
    found = ((each.name, _clause(each.policy, bare(terms), profiles)) for each in layers)
    return tuple(Unmet(name, clause) for name, clause in found if clause)


def origins(
    chain: Sequence[tuple[LayerKind, Policy]],
    terms: Policy,
    lines: Iterable[tuple[str, str]],
    otherwise: LayerKind,
) -> tuple[LayerKind, ...]:
    """Return from which layer each line of a coverage table comes.

    Args:
        chain: what the layers grant together up to each kind, from the outermost.
        terms: the policy that the table is of.
        lines: path and constraint of each.
        otherwise: the layer of what nothing in the chain states.
    """
    stated = [(kind, statements(policy)) for kind, policy in chain]
    rules = dict(terms.rules())
    return tuple(
        next((kind for kind, known in stated if not known.isdisjoint(asked)), otherwise)
        for asked in (_asked(rules, path, text) for path, text in lines)
    )


def chained(layers: Sequence[Stated], profiles: Profiles) -> list[tuple[LayerKind, Policy]]:
    """Return what templates grant together, and what they grant with the charter."""
    found: list[tuple[LayerKind, Policy]] = []
    for kind in (LayerKind.AUTHORITY, LayerKind.CHARTER):
        upto = [each.policy for each in layers if each.name.layer in {kind, LayerKind.AUTHORITY}]
        joined = _joined(tuple(upto), profiles) if upto else None
        if joined is not None and any(each.name.layer == kind for each in layers):
            found.append((kind, joined))
    return found


def statements(policy: Policy) -> frozenset[Statement]:
    """Return all that a policy states, as coverage tables word it."""
    return frozenset(
        (*(("profile", "", f"profile {term(each)}") for each in policy.profiles), *_stated(policy))
    )


def bare(policy: Policy) -> Policy:
    """Return the terms alone, without what an offer leaves open and an agreement fills in."""
    return replace(
        policy,
        kind=PolicyKind.OFFER,
        id="",
        target=None,
        assigner=None,
        assignee=None,
        timestamp="",
    )


def _stated(policy: Policy) -> Iterator[Statement]:
    for _, rule in policy.rules():
        for text in (named(rule), *_texts(rule)):
            yield type(rule).__name__, rule.action.id, text


def _texts(rule: Rule) -> Iterator[str]:
    for _, item in conditions((*rule.constraints, *rule.unread), ""):
        if isinstance(item, Constraint):
            yield condition_text(item)
    for function, party in rule.functions:
        yield f"{term(function)} {party.id}"
    for _, duties in duties_below(rule):
        for duty in duties:
            yield named(duty)
            yield from _texts(duty)


def _asked(rules: dict[str, Rule], path: str, text: str) -> frozenset[Statement]:
    """Return what a layer would state where a line of terms comes from it."""
    if path.startswith(PROFILE_PATH):
        return frozenset({("profile", "", text)})
    rule = rules["/".join(path.split("/")[:3])]
    # the permission of a wider action grants this one, under its conditions
    wide = isinstance(rule, Permission)
    actions = wider_actions(rule.action.id) if wide else {rule.action.id}
    return frozenset((type(rule).__name__, each, text) for each in actions)


@lru_cache(maxsize=64)
def _joined(policies: tuple[Policy, ...], profiles: Profiles) -> Policy | None:
    parts = [policies_odrl.Layer(str(place), bare(each)) for place, each in enumerate(policies)]
    try:
        found = policies_odrl.layer(*parts, knowledge=profiles.known(*policies))
    except LimitExceeded as exc:
        raise LayerUnmet(f"the layers and the offer cannot be merged: {exc.reason}") from exc
    return found.policy if found else None


@lru_cache(maxsize=256)
def _clause(above: Policy, terms: Policy, profiles: Profiles) -> str:
    """Return the first clause of a layer that terms do not keep; empty where they lie within."""
    found = policies_odrl.contains(bare(above), terms, profiles.known(above, terms))
    if found:
        return ""
    return next((each.line for each in found.gaps), next(iter(found.missing), "not to be decided"))

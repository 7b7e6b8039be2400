"""Several policies: each by itself, and what they do to one another.

Rules: an identifier stands for one policy; two offers for one target do not contradict; what is
inherited is looked at in `families.py`. Work is linear in the policies but for rules on the same
target, whose pairs are bounded as in `shadows.py`.
Source: IM 2.1 (one uid).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from policies_odrl.checking.families import Family, of_inheritance, of_inherited
from policies_odrl.checking.findings import Finding, Say, speaker
from policies_odrl.checking.shadows import (
    MAX_PAIRS,
    Bearing,
    Comparison,
    Index,
    bearing,
    meeting,
)
from policies_odrl.checking.validate import BUILT_IN, validate
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Policy, PolicyKind

_Found = Iterator[tuple[str, Finding]]


def lint(
    policies: Mapping[str, Policy], lang: str = "en", *, knowledge: Knowledge = BUILT_IN
) -> dict[str, tuple[Finding, ...]]:
    """Return name -> findings of several policies, those of each and those between them.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> use = Permission(action=Action("http://www.w3.org/ns/odrl/2/use"))
    >>> one = Policy(kind=PolicyKind.OFFER, id="urn:offer", permissions=(use,))
    >>> found = lint({"a.jsonld": one, "b.jsonld": one})
    >>> [item.sentence for item in found["b.jsonld"] if item.code == "duplicate-identifier"]
    ['the identifier `urn:offer` is used by a.jsonld as well']

    Args:
        policies: name, such as the path of a file -> policy.
        lang: `en` or `fr`.
        knowledge: terms and hierarchies beyond the built-in ones.
    """
    say = speaker(lang)
    found = {
        name: list(validate(policy, lang, knowledge=knowledge)) for name, policy in policies.items()
    }
    family = Family(policies)
    for name, item in (*_identifiers(policies, say), *of_inheritance(policies, family, say)):
        found[name].append(item)
    for name, item in (
        *of_inherited(policies, family, say, knowledge),
        *_offers(policies, say, knowledge),
    ):
        found[name].append(item)
    for name in family.whole:
        found[name] = [item for item in found[name] if item.code != "unresolved-inheritance"]
    return {name: tuple(items) for name, items in found.items()}


def _identifiers(policies: Mapping[str, Policy], say: Say) -> _Found:
    first: dict[str, str] = {}
    for name, policy in policies.items():
        other = first.setdefault(policy.id, name) if policy.id else name
        if other != name:
            yield name, say("", "duplicate-identifier", policy.id, other)


def _offers(policies: Mapping[str, Policy], say: Say, knowledge: Knowledge) -> _Found:
    """Yield permissions of one offer that another offer prohibits for the same target."""
    comparison = Comparison(knowledge)
    bans: dict[object, dict[str, list[Bearing]]] = {}
    for name, item in _aimed(policies, "/prohibition"):
        own = replace(item, path=f"{name}{item.path}")
        bans.setdefault(item.target, {}).setdefault(name, []).append(own)
    for name, item in _aimed(policies, "/permission"):
        for other, rules in bans.get(item.target, {}).items():
            met = meeting(item, Index(rules), comparison) if other != name else None
            if met is not None:
                yield name, say(item.path, "offers-contradict", met.path)
    if comparison.exhausted:
        yield next(iter(policies)), say("", "too-large", str(MAX_PAIRS))


def _aimed(policies: Mapping[str, Policy], group: str) -> Iterator[tuple[str, Bearing]]:
    """Yield the rules of offers that name a target; others stand under that of their dataset."""
    for name, policy in policies.items():
        if policy.kind is PolicyKind.OFFER:
            for path, rule in policy.rules():
                if path.startswith(group) and policy.target_of(rule) is not None:
                    yield name, bearing(policy, path, rule)

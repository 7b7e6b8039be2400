"""Who and what a policy of each class has to name: target, assigner, assignee.

Rules: an agreement that misses one is an error, because it would bind nobody or nothing; in an
offer and a request the message or the catalog may fill in what is missing, so that is a note.
Source: IM 2.1.1 to 2.1.3; ODRL Vocabulary, policy subclasses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies_odrl.checking.findings import Finding, Say
from policies_odrl.completeness import incomplete
from policies_odrl.model import ODRL, AssetRef, PartyRef, Policy, PolicyKind, Rule

_TARGETED: Final = frozenset(PolicyKind) - {PolicyKind.OFFER, PolicyKind.AGREEMENT}


def of_policy(policy: Policy, say: Say) -> Iterator[Finding]:
    """Yield parties and targets that are missing or out of place."""
    if not policy.inherits:  # what misses may come from a parent (IM 2.9), see `families.py`
        yield from missing(policy, say)
    for path, rule in policy.rules():
        yield from _rule(policy, path, rule, say)


def missing(policy: Policy, say: Say) -> Iterator[Finding]:
    """Yield what a policy of its class needs and does not name."""
    rules = list(policy.rules())
    by_path = dict(rules)
    for path, code in incomplete(policy):
        rule = by_path.get(path)
        if rule is None or not _unnamed(rule, code.removeprefix("missing-")):
            yield say(path, code)
    match policy.kind:
        case PolicyKind.OFFER if not _everywhere(policy, rules, "assigner"):
            yield say("", "offer-without-assigner")
        case PolicyKind.REQUEST if not _everywhere(policy, rules, "assignee"):
            yield say("", "request-without-assignee")
        case PolicyKind.PRIVACY:
            for name in ("assigner", "assignee"):
                if not _everywhere(policy, rules, name):
                    yield say("", "class-without-party", policy.kind.value, name)
        case PolicyKind.ASSERTION:
            if not any(_everywhere(policy, rules, name) for name in ("assigner", "assignee")):
                yield say("", "class-without-party", policy.kind.value, "assigner")


def _everywhere(policy: Policy, rules: list[tuple[str, Rule]], name: str) -> bool:
    if getattr(policy, name) is not None:
        return True
    return bool(rules) and all(
        getattr(rule, name) is not None or _unnamed(rule, name) for _, rule in rules
    )


def _unnamed(rule: Rule, name: str) -> bool:
    """Return whether a party or a target is stated, but nobody can tell which (IM 2.2, 2.3)."""
    return any(item.left == ODRL + name for item in rule.unread)


def _rule(policy: Policy, path: str, rule: Rule, say: Say) -> Iterator[Finding]:
    named = policy.target_of(rule) is not None or _unnamed(rule, "target")
    if policy.kind in _TARGETED and not named and not policy.inherits:
        yield say(path, "rule-without-target")
    giver, taker = policy.assigner_of(rule), policy.assignee_of(rule)
    if giver is not None and taker is not None and giver.id and giver == taker:
        yield say(path, "same-party", giver.id)


def of_references(policy: Policy, say: Say) -> Iterator[Finding]:
    """Yield collections that are refined under their own identifier.

    IM 2.5.5 and 2.5.6: a refined collection is identified by `source`, never by `uid`.
    """
    yield from _refined("", policy, say)
    for path, rule in policy.rules():
        yield from _refined(path, rule, say)


def _refined(path: str, owner: Policy | Rule, say: Say) -> Iterator[Finding]:
    for name in ("target", "assigner", "assignee"):
        item: AssetRef | PartyRef | None = getattr(owner, name)
        if item is not None and item.refinements and item.id and not item.source:
            where = f"{path}/{name}"
            yield say(where, "uid-with-refinement", item.id)

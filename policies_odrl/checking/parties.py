"""Who and what a policy of each class has to name: target, assigner, assignee.

Rules: an agreement that misses one is an error, because it would bind nobody or nothing; in an
offer and a request the message or the catalog may fill in what is missing, so that is a note.
Source: IM 2.1.1 to 2.1.3; ODRL Vocabulary, policy subclasses.
"""

from __future__ import annotations

from typing import Final

from policies_odrl.checking.report import Report
from policies_odrl.completeness import incomplete
from policies_odrl.model import ODRL, AssetRef, PartyRef, Policy, PolicyKind, Rule

_PARTS: Final = ("target", "assigner", "assignee")


def of_policy(policy: Policy, report: Report) -> None:
    """Note parties and targets that are missing or out of place."""
    if not policy.inherits:  # what misses may come from a parent (IM 2.9), see `lint.py`
        missing(policy, report)
    for path, rule in policy.rules():
        named = policy.target_of(rule) is not None or _unnamed(rule, "target")
        bound = policy.kind in {PolicyKind.OFFER, PolicyKind.AGREEMENT} or policy.inherits
        if not named and not bound:
            report.note(path, "rule-without-target")
        giver, taker = policy.assigner_of(rule), policy.assignee_of(rule)
        if giver is not None and giver.id and giver == taker:
            report.note(path, "same-party", giver.id)
    for path, owner in (("", policy), *policy.rules()):
        for name in _PARTS:
            item: AssetRef | PartyRef | None = getattr(owner, name)
            if item is not None and item.refinements and item.id and not item.source:
                # IM 2.5.5 and 2.5.6: a refined collection is identified by `source`
                report.note(f"{path}/{name}", "uid-with-refinement", item.id)


def missing(policy: Policy, report: Report) -> None:
    """Note what a policy of its class needs and does not name."""
    rules = dict(policy.rules())
    for path, code in incomplete(policy):
        if path not in rules or not _unnamed(rules[path], code.removeprefix("missing-")):
            report.note(path, code)
    lacks = [name for name in _PARTS[1:] if not _everywhere(policy, name)]
    match policy.kind:
        case PolicyKind.OFFER if "assigner" in lacks:
            report.note("", "offer-without-assigner")
        case PolicyKind.REQUEST if "assignee" in lacks:
            report.note("", "request-without-assignee")
        case PolicyKind.PRIVACY:
            for name in lacks:
                report.note("", "class-without-party", policy.kind.value, name)
        case PolicyKind.ASSERTION if len(lacks) == len(_PARTS[1:]):
            report.note("", "class-without-party", policy.kind.value, "assigner")


def _everywhere(policy: Policy, name: str) -> bool:
    """Return whether a policy names a party for all its rules."""
    named = [getattr(rule, name) or _unnamed(rule, name) for _, rule in policy.rules()]
    return getattr(policy, name) is not None or (bool(named) and all(named))


def _unnamed(rule: Rule, name: str) -> bool:
    """Return whether a party or a target is stated, but nobody can tell which (IM 2.2, 2.3)."""
    return any(item.left == ODRL + name for item in rule.unread)

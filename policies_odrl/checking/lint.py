"""Documents and several policies: all that is wrong, and what policies do to one another.

What the reader finds wrong, and what the check of what can be read does (`validate.py`), is told
once. Work is linear in the policies but for circles and for rules on the same target, which are
bounded. Source: IM 2.1 (one uid), 2.9 (inheritance), 2.10 (conflict).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from policies_odrl.algebra.boxes import Proof
from policies_odrl.checking import proofs
from policies_odrl.checking.findings import Finding, Report, Severity
from policies_odrl.checking.validate import judged, missing
from policies_odrl.documents.dialects import renamed
from policies_odrl.errors import LimitExceeded, OdrlError
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import ODRL, Policy, PolicyKind
from policies_odrl.reading.inherit import resolve, strategies
from policies_odrl.reading.nodes import short, types_of
from policies_odrl.reading.reader import read_all
from policies_odrl.text import term

MAX_CIRCLE: Final = 256  # policies that are followed for a circle
MAX_HEIRS: Final = 256  # policies of one document that inherit
Nodes = Sequence[Mapping[str, Any]]

_INHERIT: Final = "/odrl:inheritFrom"
# Spellings of the namespace that authors use by mistake.
_WRONG: Final = tuple(
    scheme + rest
    for scheme in ("https://www.", "http://", "https://", "http://www.")
    for rest in ("w3.org/ns/odrl/2/", "w3.org/ns/odrl/2#", "w3.org/ns/odrl/")
    if scheme + rest not in {ODRL, "http://www.w3.org/ns/odrl/"}
)
# What is not told of one document: what the reader has told, and that others are not in it.
_TOLD: Final = frozenset({"unknown-property", "missing-parent"})
# Findings that the reader has told where they name what it found strange.
_OF_TERMS: Final = frozenset({"unknown-operand", "term-of-unknown-profile"})


def inspect(
    nodes: Nodes, knowledge: Knowledge = NOTHING_MORE, lang: str = "en"
) -> tuple[Finding, ...]:
    """Return all that is wrong or questionable in a flattened, expanded document, read or not."""
    report = Report(lang, knowledge)
    names = (name for node in nodes for name in (*node, *types_of(node)))
    wrong = next((wrong for name in names for wrong in _WRONG if name.startswith(wrong)), "")
    if wrong:
        report.note("", "wrong-namespace", wrong, ODRL)
        right = partial(re.compile("^" + re.escape(wrong)).sub, ODRL)
        nodes = [renamed(node, right) for node in nodes]
    told = len(report.found)
    policies: tuple[Policy, ...] = ()
    try:
        read_all(nodes, knowledge, report=report)
        policies = read_all(nodes, knowledge)
    except OdrlError as exc:
        if not any(item.severity is Severity.ERROR for item in report.found[told:]):
            code = "over-the-limit" if isinstance(exc, LimitExceeded) else "unreadable"
            report.note("", code, (str(exc), exc.in_("fr")))
    _sensible(policies, report, lang)
    return report.worst()


def _sensible(policies: Sequence[Policy], report: Report, lang: str) -> None:
    """Add what can be said of policies that were read, and was not told before."""
    named = {policy.id or str(place): policy for place, policy in enumerate(policies)}
    reports = {
        name: judged(policy, Report(lang, report.knowledge, policy.id if len(policies) > 1 else ""))
        for name, policy in named.items()
    }
    heirs = sum(bool(policy.inherits) for policy in policies)
    if heirs > MAX_HEIRS:
        report.note("", "over-the-limit", f"{heirs} > {MAX_HEIRS}")
    else:
        inherited(named, reports)
    known = {(item.code, item.path, item.policy) for item in report.found}
    shown = [f"`{short(name)}`" for name in report.strange]
    report.found.extend(
        item
        for each in reports.values()
        for item in each.found
        if (item.code, item.path, item.policy) not in known
        and item.code not in _TOLD
        and not (item.code in _OF_TERMS and any(name in item.sentence for name in shown))
    )


def lint(
    policies: Mapping[str, Policy], lang: str = "en", *, knowledge: Knowledge = NOTHING_MORE
) -> dict[str, tuple[Finding, ...]]:
    """Return findings of several policies by name, those of each and those between them."""
    reports = {name: judged(it, Report(lang, knowledge)) for name, it in policies.items()}
    first: dict[str, str] = {}
    for name, policy in policies.items():
        other = first.setdefault(policy.id, name) if policy.id else name
        if other != name:
            reports[name].note("", "duplicate-identifier", policy.id, other)
    inherited(policies, reports)
    _offers(policies, reports, Proof(proofs.MAX_PAIRS, knowledge))
    return {name: report.worst() for name, report in reports.items()}


def inherited(policies: Mapping[str, Policy], reports: Mapping[str, Report]) -> None:
    """Note what comes of inheritance among policies; what could be resolved is no longer noted."""
    known = {policy.id: policy for policy in reversed([*policies.values()]) if policy.id}
    for name, policy in policies.items():
        report = reports[name]
        if policy.inherits and _stated(policy, known, report):
            report.found = [it for it in report.found if it.code != "unresolved-inheritance"]
            _resolved(policy, known, report)


def _stated(policy: Policy, known: Mapping[str, Policy], report: Report) -> bool:
    """Note circles, gaps and strategies that differ; return whether there is no circle or gap."""
    circle = _circle(policy.id, known)
    if circle and policy.id not in policy.inherits:  # which is found in the policy itself
        report.note(_INHERIT, "circular-inheritance", " → ".join(circle))
    for parent in policy.inherits:
        if parent not in known:
            report.note(_INHERIT, "missing-parent", parent)
        elif len(strategies([policy, known[parent]])) > 1:
            report.note("/odrl:conflict", "strategies-differ", parent)
    return not circle and all(parent in known for parent in policy.inherits)


def _circle(start: str, known: Mapping[str, Policy]) -> tuple[str, ...]:
    """Return the shortest way from a policy along parents back to itself, or nothing."""
    ways: list[tuple[str, ...]] = [(start,)] if start in known else []
    seen = {start}
    for way in ways:
        for parent in known[way[-1]].inherits:
            if parent == start:
                return (*way, start)
            if parent in known and parent not in seen and len(ways) < MAX_CIRCLE:
                seen.add(parent)
                ways.append((*way, parent))
    return ()


def _resolved(policy: Policy, known: Mapping[str, Policy], report: Report) -> None:
    """Note what a policy still lacks, or no longer permits, once it has all that it inherits."""
    try:
        whole = resolve(policy, known)
    except OdrlError as exc:
        report.note(_INHERIT, "unresolvable", (exc.reason, exc.french))
        return
    lacking = Report()
    missing(whole, lacking)
    for code in sorted({item.code for item in lacking.found}):
        report.note("", code)
    lost = _never_usable(whole, report.knowledge) - _never_usable(policy, report.knowledge)
    for action in sorted(lost & {rule.action.id for rule in policy.permissions}):
        report.note(_INHERIT, "inherited-ban", term(action))


def _never_usable(policy: Policy, knowledge: Knowledge) -> set[str]:
    """Return the actions of permissions that are prohibited as a whole."""
    rules, report = dict(policy.rules()), Report(knowledge=knowledge)
    proofs.of_rules(policy, report)
    return {rules[item.path].action.id for item in report.found if item.code == "never-usable"}


def _offers(policies: Mapping[str, Policy], reports: Mapping[str, Report], proof: Proof) -> None:
    """Note permissions of one offer that another offer prohibits for the same target."""
    aimed = [  # those that name no target stand under that of their dataset
        (name, proofs.Bearing(policy, path, rule))
        for name, policy in policies.items()
        if policy.kind is PolicyKind.OFFER
        for path, rule in policy.rules()
        if policy.target_of(rule) is not None
    ]
    bans: dict[object, dict[str, list[proofs.Bearing]]] = {}
    for name, item in aimed:
        if item.path.startswith("/prohibition"):
            bans.setdefault(item.key[1], {}).setdefault(name, []).append(item)
    for name, item in aimed:
        near = bans.get(item.key[1], {}) if item.path.startswith("/permission") else {}
        for other, rules in near.items():
            met = proofs.Index(rules, proof).meeting(item) if other != name else None
            if met is not None:
                reports[name].note(item.path, "offers-contradict", other + met.path)
    if proof.exhausted:
        next(iter(reports.values())).note("", "too-large", str(proofs.MAX_PAIRS))

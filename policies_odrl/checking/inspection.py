"""Everything that is wrong with a document, read or not.

What is not as the Recommendation has it is listed in full by the reader, and what can be read is
checked further (`validate.py`); a fault that both find is told once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from policies_odrl.checking.findings import Finding, Report, Severity
from policies_odrl.checking.lint import inherited
from policies_odrl.checking.validate import judged
from policies_odrl.errors import LimitExceeded, OdrlError
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import ODRL, Policy
from policies_odrl.reading.nodes import MAX_DEPTH, short, types_of
from policies_odrl.reading.reader import read_all

MAX_HEIRS: Final = 256  # policies of one document that inherit
Nodes = Sequence[Mapping[str, Any]]

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
    wrong = _wrong_namespace(nodes)
    if wrong:
        report.note("", "wrong-namespace", wrong, ODRL)
        nodes = [_respelled(node, wrong) for node in nodes]
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


def _wrong_namespace(nodes: Nodes) -> str:
    """Return a misspelled namespace that names of the document begin with, or an empty string."""
    names = (name for node in nodes for name in (*node, *types_of(node)))
    return next((wrong for name in names for wrong in _WRONG if name.startswith(wrong)), "")


def _respelled(value: Any, wrong: str, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:  # lists in lists: no policy has any
        return value
    if isinstance(value, str):
        return ODRL + value.removeprefix(wrong) if value.startswith(wrong) else value
    if isinstance(value, list):
        return [_respelled(item, wrong, depth + 1) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        _respelled(name, wrong): item if name == "@value" else _respelled(item, wrong, depth + 1)
        for name, item in value.items()
    }

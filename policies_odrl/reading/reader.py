"""A file, text, object or node map to policies: the one way that library and connector read by.

Nothing is fetched and nothing is dropped. Names that are not known here are read; what else is not
understood is kept with its rule (`Rule.unread`). A broken information model, a cycle and what
exceeds the limits of `nodes.py` stop the reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.documents.dialects import translated
from policies_odrl.documents.sources import Source, nodes_of
from policies_odrl.errors import IllFormed
from policies_odrl.frozen import frozen
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL
from policies_odrl.reading import compact
from policies_odrl.reading.nodes import Body, Count, Node, short
from policies_odrl.reading.notes import Scope, leave, notes_of
from policies_odrl.reading.parts import action, condition, reference, references_at
from policies_odrl.reading.walk import Walk
from policies_odrl.vocabulary import DCT, FUNCTIONS

if TYPE_CHECKING:
    from policies_odrl.checking.findings import Report

TIMESTAMP: Final = "https://w3id.org/dspace/2025/1/timestamp"
REPLACED_BY: Final = DCT + "isReplacedBy"

_CONFLICT: Final = ODRL + "conflict"
_KINDS: Final = {ODRL + kind.value: kind for kind in model.PolicyKind}
_CONFLICTS: Final = {ODRL + item.value: item for item in model.Conflict}
# Rule -> what a duty below it breaks by a consequence of its own (IM 2.6.3, 2.6.7).
_LAST: Final[Mapping[type[model.Rule], str]] = {
    model.Prohibition: "remedy-with-consequence",
    model.Duty: "consequence-of-consequence",
}
# What a policy states -> what an asset or a party may state of it instead (IM 2.2.3, 2.3.3).
_INFERRED: Final = {"target": "hasPolicy", "assigner": "assignerOf", "assignee": "assigneeOf"}
_Rule = TypeVar("_Rule", bound=model.Rule)


def load(
    source: Source, knowledge: Knowledge | None = None, *, strict: bool = False
) -> model.Policy:
    """Return the one policy that a source holds.

    Args:
        source: a `Path` is a file; `str` and `bytes` are content, JSON-LD or Turtle; a dictionary
            is JSON-LD that was parsed.
        knowledge: left operands, actions and profiles beyond ODRL and our profile.
        strict: whether what JSON-LD would lose is refused instead of kept; for what is signed.

    Raises:
        OSError: the file cannot be read.
        IllFormed: it holds no policy, or several, or the information model is broken.
        LimitExceeded: too large, or nested too deep.
    """
    return read(translated(nodes_of(source, strict=strict)), knowledge, strict=strict)


def read(
    nodes: Sequence[Body], knowledge: Knowledge | None = None, *, strict: bool = False
) -> model.Policy:
    """Return the one policy that a node map describes; see `read_all`.

    Raises:
        IllFormed: the information model is broken, or there is not exactly one policy.
        LimitExceeded: too large, or nested too deep.
    """
    found = read_all(nodes, knowledge, strict=strict)
    if len(found) != 1:
        raise IllFormed("one policy was expected, {count} were found", count=len(found))
    return found[0]


def read_all(
    nodes: Sequence[Body],
    knowledge: Knowledge | None = None,
    *,
    strict: bool = False,
    report: Report | None = None,
) -> tuple[model.Policy, ...]:
    """Return the policies that a node map describes, in the order of the nodes.

    Args:
        nodes: node objects of a flattened, expanded document; each belongs to some policy.
        knowledge: see `load`.
        strict: whether a node that belongs to no policy is refused, even if it only describes.
        report: where all faults are told; then there is no policy.

    Raises:
        IllFormed: the information model is broken, or there is no policy.
        LimitExceeded: too large, or nested too deep.
    """
    walk = Walk(nodes, knowledge or Knowledge(), report)
    if not walk.roots:
        error = IllFormed("no policy was found")
        walk.refuse(error, "no-policy")
        return ()
    policies = walk.each([(name, "") for name in walk.roots], _policy)
    if report is not None:
        report.begin("")
    walk.nothing_left(strict=strict)
    return policies if report is None else ()


@frozen
class _Shared:
    """What the rules of a policy share, and what a copy of it costs."""

    kind: model.PolicyKind
    common: model.Common
    cost: Mapping[Count, int]


def _policy(node: Node) -> model.Policy:
    walk, before = node.walk, dict(node.walk.counts)
    if walk.report is not None:
        walk.report.begin(node.id if len(walk.roots) > 1 else "")
    profiles = tuple(node.iris(ODRL + "profile"))
    for profile in profiles:
        node.term("profile", profile, node.at(ODRL + "profile"))
    kinds = sorted(item for item in node.types if item in _KINDS)
    kind = node.at_most_one(kinds, "@type", "two-classes", ", ".join(map(short, kinds)))
    strategy = node.one_id(_CONFLICT)
    node.term("strategy", strategy, node.at(_CONFLICT))
    common = compact.together(_stated(node, inferred=True))
    cost = {what: walk.counts[what] - before[what] for what in Count}
    rules = [node.all(ODRL + name) for name in compact.GROUPS]
    stamp = node.at_most_one([value.get("@value") for value in node.all(TIMESTAMP)], TIMESTAMP)
    if not isinstance(stamp, str | None):
        node.refuse("`{name}` must be text", name=short(TIMESTAMP))
    whole: dict[str, Any] = {
        "kind": _KINDS[kind] if kind else model.PolicyKind.SET,  # IM 2.1.1: Set is the default
        "profiles": profiles,
        "conflict": _CONFLICTS.get(strategy),
        "inherits": tuple(node.iris(ODRL + "inheritFrom")),
        "replaced_by": node.one_iri(REPLACED_BY),
        "timestamp": stamp or "",
        "id": walk.claim(node),
        "metadata": notes_of(node, Scope.PART, *model.PolicyKind, "Policy"),
    }
    if not any((*rules, whole["inherits"], whole["replaced_by"])):
        node.note("no-rule")
    if whole["conflict"] is None and node.all(_CONFLICT):  # a strategy that is not known
        leave(node, [(_CONFLICT, node.all(_CONFLICT))])
    common = replace(common, unread=walk.taken())
    cost[Count.CONSTRAINTS] += len(common.unread)
    shared = _Shared(whole["kind"], common, cost)
    _insist_bearer(shared, common, node)
    for name, group in compact.GROUPS.items():
        whole[name + "s"] = _rules(node, name, group, shared)
    return compact.pushed_down(model.Policy(common=common, **compact.alone(common), **whole))


def _insist_bearer(shared: _Shared, stated: model.Common, node: Node) -> None:
    """Refuse an assignee of a ticket: whoever bears it is (Vocabulary, Ticket)."""
    if shared.kind is model.PolicyKind.TICKET and stated.assignees:
        node.refuse("a ticket has no `odrl:assignee`", "ticket-with-assignee")


def _stated(node: Node, *, inferred: bool = False) -> model.Common:
    whole: dict[str, Any] = {}
    for part, kind in compact.WHOLE.items():
        about = node.walk.naming(ODRL + _INFERRED[part], node.id) if inferred else ()
        others = node.walk.each([(it, node.path) for it in about], partial(reference, kind))
        whole[part + "s"] = (*references_at(node, ODRL + part, kind), *others)
    functions = sorted(FUNCTIONS & node.properties())
    return model.Common(
        actions=node.each("action", action),
        outputs=references_at(node, ODRL + "output", model.AssetRef),
        functions=tuple(
            (name, it) for name in functions for it in references_at(node, name, model.PartyRef)
        ),
        **whole,
    )


def _rules(
    node: Node, name: str, kind: type[_Rule], shared: _Shared, last: str = ""
) -> tuple[_Rule, ...]:
    """Return the rules that a property refers to; `last` ones have no consequence."""
    build = partial(_rule, kind, shared, last)
    return tuple(chain.from_iterable(node.each(name, build, Count.RULES)))


def _rule(kind: type[_Rule], shared: _Shared, last: str, node: Node) -> list[_Rule]:
    walk, before = node.walk, dict(node.walk.counts)
    name, below = model.BELOW[kind]
    name = name.removeprefix("odrl:")
    if last and node.all(ODRL + name):
        node.refuse("a remedy or consequence has no `odrl:consequence` of its own", last)
    alone = replace(shared, common=model.Common(), cost={})
    duties = _rules(node, name, model.Duty, alone, _LAST.get(kind, ""))
    walk.pay(Count.RULES)
    own = _stated(node)
    parts: dict[str, Any] = {
        below: duties,
        "constraints": node.each("constraint", condition, Count.CONSTRAINTS),
        "id": walk.claim(node),
        "notes": notes_of(node, Scope.PART, kind.__name__, "Rule"),
    }
    own = replace(own, unread=walk.taken())
    _insist_bearer(shared, own, node)
    if not (own.actions or shared.common.actions or node.excused(ODRL + "action")):
        node.refuse("a rule needs an `odrl:action`", "missing-action")
    if walk.report is not None:
        return []
    count, rules = compact.expanded(own, shared.common, partial(kind, **parts))
    spent = {what: walk.counts[what] - before[what] for what in Count}
    for what in Count:
        walk.pay(what, spent[what] * (count - 1) + shared.cost.get(what, 0) * count)
    return list(rules)

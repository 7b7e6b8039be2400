"""A file, text, object or node map to policies: the one way that library and connector read by.

    policy = load(Path("offer.json"))      # JSON-LD or Turtle, told apart by content
    decision = evaluate(policy, Request(action, target=asset))

Rules: text and bytes are content, never the name of a file; nothing is fetched and nothing is
dropped. Names that are not known here (operands, actions, profiles) are read; what else is not
understood is kept with its rule (`Rule.unread`); descriptions are kept (`notes.py`). A broken
information model, a cycle and what exceeds the limits of `nodes.py` stop the reading, and the error
names the node. Compact policies are expanded (IM 2.7). What makes a policy sensible is left to
`validate.py`, but that a ticket names no assignee.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.documents.dialects import translated
from policies_odrl.documents.sources import Source, nodes_of
from policies_odrl.errors import IllFormed
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL
from policies_odrl.reading import compact
from policies_odrl.reading.nodes import Count, Node, Walk, short
from policies_odrl.reading.notes import Scope
from policies_odrl.reading.parts import INFERRED, action, condition, reference, references_at
from policies_odrl.vocabulary import DCT, FUNCTIONS

TIMESTAMP: Final = "https://w3id.org/dspace/2025/1/timestamp"
REPLACED_BY: Final = DCT + "isReplacedBy"

_KINDS: Final = {ODRL + kind.value: kind for kind in model.PolicyKind}
_CONFLICTS: Final = {ODRL + item.value: item for item in model.Conflict}
_Rule = TypeVar("_Rule", bound=model.Rule)


def load(
    source: Source, knowledge: Knowledge | None = None, *, strict: bool = False
) -> model.Policy:
    """Return the one policy that a source holds.

    >>> text = '''@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
    ...     <urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:read ] .'''
    >>> load(text).id
    'urn:p'

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
    return _only(load_all(source, knowledge, strict=strict))


def load_all(
    source: Source, knowledge: Knowledge | None = None, *, strict: bool = False
) -> tuple[model.Policy, ...]:
    """Return all policies that a source holds, in their order; see `load`.

    Raises:
        OSError: the file cannot be read.
        IllFormed: it holds no policy, or the information model is broken.
        LimitExceeded: too large, or nested too deep.
    """
    return read_all(translated(nodes_of(source, strict=strict)), knowledge, strict=strict)


def read(
    nodes: Sequence[Mapping[str, object]],
    knowledge: Knowledge | None = None,
    *,
    strict: bool = False,
) -> model.Policy:
    """Return the one policy that a node map describes; see `read_all`.

    Raises:
        IllFormed: the information model is broken, or there is not exactly one policy.
        LimitExceeded: too large, or nested too deep.
    """
    return _only(read_all(nodes, knowledge, strict=strict))


def read_all(
    nodes: Sequence[Mapping[str, object]],
    knowledge: Knowledge | None = None,
    *,
    strict: bool = False,
) -> tuple[model.Policy, ...]:
    """Return the policies that a node map describes, in the order of the nodes.

    Args:
        nodes: node objects of a flattened, expanded document; each belongs to some policy.
        knowledge: left operands, actions and profiles beyond ODRL and our profile.
        strict: whether a node that belongs to no policy is refused, even if it only describes.

    Raises:
        IllFormed: the information model is broken, or there is no policy.
        LimitExceeded: too large, or nested too deep.
    """
    walk = Walk(nodes, knowledge or Knowledge())
    classes = {*_KINDS, ODRL + "Policy"}
    found = [
        name for name, body in walk.nodes.items() if classes.intersection(Node(body, walk).types)
    ]
    if not found:
        raise IllFormed("no policy was found")
    inferred = _inferred(walk)
    policies = tuple(walk.enter(name, partial(_policy, inferred)) for name in found)
    walk.nothing_left(strict=strict)
    return policies


def _only(found: Sequence[model.Policy]) -> model.Policy:
    if len(found) != 1:
        raise IllFormed("one policy was expected, {count} were found", count=len(found))
    return found[0]


# (property, policy) -> names of the assets or parties that state it of the policy.
_Inferred = Mapping[tuple[str, str], Sequence[str]]


def _inferred(walk: Walk) -> _Inferred:
    found: dict[tuple[str, str], list[str]] = {}
    for name, body in walk.nodes.items():
        for stated in INFERRED:
            for policy in Node(body, walk).ids(ODRL + stated) if ODRL + stated in body else ():
                found.setdefault((stated, policy), []).append(name)
    return found


# -- policy ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the rules of a policy share, and what a copy of it costs."""

    kind: model.PolicyKind
    common: model.Common
    cost: Mapping[Count, int]


def _policy(inferred: _Inferred, node: Node) -> model.Policy:
    walk, before = node.walk, dict(node.walk.counts)
    kinds = [_KINDS[item] for item in node.types if item in _KINDS]
    kind = node.at_most_one(kinds, "@type") or model.PolicyKind.SET  # IM 2.1.1: Set is the default
    conflict = _CONFLICTS.get(node.one_id(ODRL + "conflict"))
    common = compact.together(_stated(node), _stated_of(node, inferred))
    cost = {what: walk.counts[what] - before[what] for what in Count}
    for name in ("permission", "prohibition", "obligation", "profile"):
        node.all(ODRL + name)  # read below
    whole: dict[str, Any] = {
        "inherits": tuple(node.iris(ODRL + "inheritFrom")),
        "replaced_by": node.one_iri(REPLACED_BY),
        "timestamp": _text(node, TIMESTAMP),
        "id": walk.claim(node),
        "metadata": node.notes(Scope.WHOLE, *model.PolicyKind, "Policy"),
    }
    if conflict is None and node.all(ODRL + "conflict"):  # a strategy that is not known
        node.leave([(ODRL + "conflict", node.all(ODRL + "conflict"))])
    common = replace(common, unread=walk.taken())
    cost[Count.CONSTRAINTS] += len(common.unread)
    shared = _Shared(kind, common, cost)
    policy = model.Policy(
        kind=kind,
        permissions=_rules(node, "permission", model.Permission, shared),
        prohibitions=_rules(node, "prohibition", model.Prohibition, shared),
        obligations=_rules(node, "obligation", model.Duty, shared),
        profiles=tuple(node.iris(ODRL + "profile")),
        conflict=conflict,
        target=compact.one(common.targets),
        assigner=compact.one(common.assigners),
        assignee=compact.one(common.assignees),
        common=common,
        **whole,
    )
    _insist_bearer(kind, common, node)
    return compact.pushed_down(policy)


def _insist_bearer(kind: model.PolicyKind, stated: model.Common, node: Node) -> None:
    """Refuse an assignee of a ticket: whoever bears it is (Vocabulary, Ticket)."""
    if kind is model.PolicyKind.TICKET and stated.assignees:
        raise IllFormed("a ticket has no `odrl:assignee`", node=node.id)


def _text(node: Node, name: str) -> str:
    values = [value.get("@value") for value in node.all(name)]
    stated = node.at_most_one(values, name)
    if stated is not None and not isinstance(stated, str):
        raise IllFormed("`{name}` must be text", name=short(name), node=node.id)
    return stated or ""


def _stated(node: Node) -> model.Common:
    """Return what a rule or policy states."""
    return model.Common(
        targets=references_at(node, ODRL + "target", model.AssetRef),
        assigners=references_at(node, ODRL + "assigner", model.PartyRef),
        assignees=references_at(node, ODRL + "assignee", model.PartyRef),
        actions=node.each("action", action),
        outputs=references_at(node, ODRL + "output", model.AssetRef),
        functions=tuple(
            (name, item)
            for name in sorted(FUNCTIONS & node.properties())
            for item in references_at(node, name, model.PartyRef)
        ),
    )


def _stated_of(node: Node, inferred: _Inferred) -> model.Common:
    """Return what assets and parties state of a policy (IM 2.2.3, 2.3.3)."""
    assets, assigners, assignees = (inferred.get((name, node.id), ()) for name in INFERRED)
    asset, party = partial(reference, model.AssetRef), partial(reference, model.PartyRef)
    return model.Common(
        targets=tuple(node.walk.enter(name, asset) for name in assets),
        assigners=tuple(node.walk.enter(name, party) for name in assigners),
        assignees=tuple(node.walk.enter(name, party) for name in assignees),
    )


# -- rules ----------------------------------------------------------------------------------


def _rules(
    node: Node, name: str, kind: type[_Rule], shared: _Shared, *, last: bool = False
) -> tuple[_Rule, ...]:
    """Return the rules that a property refers to; `last` ones have no consequence."""
    return tuple(chain.from_iterable(node.each(name, partial(_rule, kind, shared, last=last))))


def _rule(kind: type[_Rule], shared: _Shared, node: Node, *, last: bool) -> list[_Rule]:
    """Return the rules that a node stands for."""
    walk, before = node.walk, dict(node.walk.counts)
    name, below = model.BELOW[kind]
    name = name.removeprefix("odrl:")
    if last and node.all(ODRL + name):  # IM 2.6.3 and 2.6.7
        raise IllFormed(
            "a remedy or consequence has no `odrl:consequence` of its own", node=node.id
        )
    alone = replace(shared, common=model.Common(), cost={})
    duties = _rules(node, name, model.Duty, alone, last=kind is not model.Permission)
    walk.pay(Count.RULES)
    own = _stated(node)
    parts: dict[str, Any] = {
        below: duties,
        "constraints": node.each("constraint", condition),
        "id": walk.claim(node),
        "notes": node.notes(Scope.WHOLE, kind.__name__, "Rule"),
    }
    own = replace(own, unread=walk.taken())
    _insist_bearer(shared.kind, own, node)
    count, rules = compact.expanded(own, shared.common, partial(kind, **parts))
    if not count:
        raise IllFormed("a rule needs an `odrl:action`", node=node.id)
    spent = {what: walk.counts[what] - before[what] for what in Count}
    for what in Count:
        walk.pay(what, spent[what] * (count - 1) + shared.cost.get(what, 0) * count)
    return list(rules)

"""The way through flattened JSON-LD, node by node: what was read, how deep, and how much in all.

A node is never visited below itself; every visit is paid for, and so is every copy that expansion
makes. A part of a policy that no visit reached is refused. The first fault ends the reading, unless
the walk has a report: then each fault becomes a finding, and nothing read is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.documents.contexts import UNDEFINED
from policies_odrl.errors import IllFormed, LimitExceeded, OdrlError
from policies_odrl.knowledge import Knowledge
from policies_odrl.reading.compact import gathered
from policies_odrl.reading.nodes import MAX_DEPTH, TERMS, Body, Count, Node, is_part, types_of

if TYPE_CHECKING:
    from policies_odrl.checking.findings import Report, Term

MAX_NODES: Final = 60_000  # node objects given
MAX_TYPES: Final = 16  # classes of one node

_POLICIES: Final = frozenset(TERMS["policies"])
_T = TypeVar("_T")


class Walk:
    """Goes from node to node; remembers what it used, and counts."""

    def __init__(
        self, nodes: Sequence[Body], knowledge: Knowledge, report: Report | None = None
    ) -> None:
        if len(nodes) > MAX_NODES:
            raise LimitExceeded(
                "{count} nodes are more than {limit}", count=len(nodes), limit=MAX_NODES
            )
        self.knowledge = knowledge
        self.report = report
        self.nodes: dict[str, Body] = {}
        self.counts = dict.fromkeys(Count, 0)
        self.left: list[model.Constraint] = []  # not understood since `taken` was asked last
        self.used: set[str] = set()
        self.path: list[str] = []  # names of the nodes that are being visited
        self._made: dict[object, Any] = {}
        self._named: dict[str, str] = {}
        self._naming: dict[str, dict[str, list[str]]] = {}
        self.roots: list[str] = []  # names of the policies
        for body in nodes:
            name, types = body.get("@id"), types_of(body)
            if len(types) > MAX_TYPES:
                raise IllFormed("more than {limit} classes", limit=MAX_TYPES, node=str(name or ""))
            if not isinstance(name, str) or name in self.nodes:
                error = IllFormed("each node needs its own `@id`", node=str(name or ""))
                self.refuse(error, "node-twice", error.node)
                continue
            self.nodes[name] = body
            if not _POLICIES.isdisjoint(types):
                self.roots.append(name)

    def refuse(self, error: OdrlError, code: str, *terms: Term, path: str = "") -> None:
        """End the reading by a fault, or report it as a finding."""
        if self.report is None:
            raise error
        self.report.note(path, code, *terms or ((str(error), error.in_("fr")),))

    def enter(self, name: str, build: Callable[[Node], _T], path: str = "") -> _T | None:
        """Return what `build` makes of a node; None where a fault was reported instead."""
        if name in self.path:
            error: OdrlError = IllFormed("a cycle", node=name)
            self.refuse(error, "cycle", name, path=path)
            return None
        if len(self.path) >= MAX_DEPTH:
            error = LimitExceeded("nested deeper than {limit}", limit=MAX_DEPTH, node=name)
            self.refuse(error, "over-the-limit", path=path)
            return None
        shape = build if not isinstance(build, partial) else (build.func, build.args[:1])
        if self.report is not None and (name, shape) in self._made:
            found: _T = self._made[name, shape]
            return found
        self.path.append(name)
        self.used.add(name)
        try:
            made = build(Node(self.nodes.get(name, {"@id": name}), self, path))
        finally:
            self.path.pop()
        if self.report is not None:
            self._made[name, shape] = made
        return made

    def each(
        self, places: Iterable[tuple[str, str]], build: Callable[[Node], _T]
    ) -> tuple[_T, ...]:
        """Return what `build` makes of each node, given by its name and JSON pointer."""
        made = (self.enter(name, build, path) for name, path in places)
        return tuple(item for item in made if item is not None)

    def claim(self, node: Node) -> str:
        """Return the name of a node, which no other takes (IM 2.1, 2.6: one policy or rule)."""
        name = node.name()
        if name and self._named.setdefault(name, node.id) != node.id:
            node.refuse("two nodes of one `uid`, `{name}`", name=name)
        return name

    def naming(self, property_: str, name: str) -> Sequence[str]:
        """Return the nodes that name one by a property, in all of the document, for each time."""
        if property_ not in self._naming:
            found = self._naming.setdefault(property_, {})
            for node in [Node(it, self) for it in self.nodes.values() if property_ in it]:
                for item in node.ids(property_):
                    found.setdefault(item, []).append(node.id)
        return self._naming[property_].get(name, ())

    def described(self, name: str) -> bool:
        """Return whether the document says anything about a name."""
        return len(self.nodes.get(name, {})) > 1

    def nothing_left(self, *, strict: bool) -> None:
        """Insist that every part of a policy was visited; if `strict`, whatever says anything."""
        held = parts([value for body in self.nodes.values() for value in body.values()])
        told = {str(it.get("@id")) for it in held if isinstance(it, Mapping)} if self.report else ()
        for name in sorted(self.nodes.keys() - self.used.union(told)):
            if is_part(self.nodes[name]) or (strict and self.described(name)):
                error = IllFormed("a node that the policy does not refer to", node=name)
                self.refuse(error, "loose-node", name)

    def pay(self, what: Count, amount: int = 1) -> None:
        """Count what was read."""
        self.afford(what, amount)
        self.counts[what] += amount

    def afford(self, what: Count, amount: int) -> None:
        """Insist that so much more may be read, before any of it is."""
        if self.counts[what] + amount > what.value:
            many = "more than {limit} " + what.name.lower()
            raise LimitExceeded(many, limit=what.value, node=self.path[-1] if self.path else "")

    def taken(self) -> tuple[model.Constraint, ...]:
        """Return what was not understood since this was asked last."""
        found, self.left = self.left, []
        return gathered(found)

    def foreign(self, name: str) -> str:
        """Return a left operand that nobody can decide by, for what is not understood.

        A property or operator may have the name of an operand, and would be decided by as one. Of
        one that a profile added later knows, the value is what stays undecided (`Node.whole`).
        """
        known = self.knowledge.operand(name) is not None
        return UNDEFINED + re.split("[/#:]", name)[-1] if known else name


def parts(part: Any) -> Iterator[Any]:
    """Yield a part of a document and all below it."""
    stack = [part]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, Mapping | list):
            stack.extend(item.values() if isinstance(item, Mapping) else item)

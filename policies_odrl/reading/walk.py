"""The way through a node map: what was visited, how deep, and how much in all.

Rules: a node is visited below itself never, and as often as others refer to it otherwise; every
visit is paid for, and so is every copy that expansion makes, because whoever works with the policy
later pays for it again; a node with properties that no visit reached is refused, so that nothing is
dropped. What a node means is left to `reader.py`, `parts.py` and `constraints.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Iri, Value
from policies_odrl.reading.flat import Node, literal

MAX_NODES: Final = 60_000  # node objects given
MAX_DEPTH: Final = 24  # logical constraints, refinements, duties below one another
MAX_TEXT: Final = 64 * 1024  # characters of one literal
MAX_BITS: Final = 1024  # of a number that JSON gives as one


class Count(Enum):
    """What is counted, as often as it is used, and how many there may be."""

    RULES = 12_000
    CONSTRAINTS = 40_000
    VALUES = 100_000
    NOTES = 20_000


_T = TypeVar("_T")
_Counts = Mapping[Count, int]


class Walk:
    """Goes from node to node; remembers what it used, and counts.

    Attributes:
        knowledge: terms beyond those of ODRL and of our profile.
        profiles: those that the policy being read declares.
    """

    def __init__(self, nodes: Sequence[Mapping[str, object]], knowledge: Knowledge) -> None:
        if len(nodes) > MAX_NODES:
            raise LimitExceeded(f"{len(nodes)} nodes are more than {MAX_NODES}")
        self.knowledge = knowledge
        self.profiles: tuple[str, ...] = ()
        self.nodes: dict[str, Mapping[str, object]] = {}
        for body in nodes:
            name = body.get("@id")
            if not isinstance(name, str) or name in self.nodes:
                raise IllFormed("each node needs its own `@id`", node=str(name or ""))
            self.nodes[name] = body
        self._used: set[str] = set()
        self._named: dict[str, str] = {}
        self._references: dict[tuple[str, ...], Counter[str]] = {}
        self._as_value: dict[str, str] = {}
        self._path: list[str] = []
        self._counts = dict.fromkeys(Count, 0)

    @property
    def here(self) -> str:
        """Name of the node being read."""
        return self._path[-1] if self._path else ""

    def enter(self, name: str, build: Callable[[Node], _T]) -> _T:
        """Return what `build` makes of a node.

        Raises:
            IllFormed: the node lies below itself.
            LimitExceeded: nested too deep.
        """
        if name in self._path:
            raise IllFormed("a cycle", node=name)
        if len(self._path) >= MAX_DEPTH:
            raise LimitExceeded(f"nested deeper than {MAX_DEPTH}", node=name)
        self._path.append(name)
        self._used.add(name)
        try:
            return build(Node(self.nodes.get(name, {"@id": name})))
        finally:
            self._path.pop()

    def claim(self, name: str, node: Node) -> str:
        """Return the name that a node takes, which no other node has.

        Raises:
            IllFormed: another one has it (IM 2.1 and 2.6: a uid identifies one policy or rule).
        """
        if name and self._named.setdefault(name, node.id) != node.id:
            raise IllFormed(f"two nodes of one `uid`, `{name}`", node=node.id)
        return name

    def references(self, name: str, properties: tuple[str, ...]) -> int:
        """Return how many values of some properties name a node, in all of the document."""
        if properties not in self._references:
            self._references[properties] = Counter(
                value
                for body in self.nodes.values()
                for item in properties
                if item in body
                for value in Node(body).ids(item)
            )
        return self._references[properties][name]

    def described(self, name: str) -> bool:
        """Return whether the document says anything about a name."""
        return len(self.nodes.get(name, {})) > 1

    def nothing_left(self) -> None:
        """Insist that every node was visited.

        Raises:
            IllFormed: one was not.
        """
        left = sorted(name for name in self.nodes if name not in self._used)
        for name in left:
            if not self.described(name):
                continue
            if name in self._as_value:
                raise IllFormed("a value must be an IRI or a literal", node=self._as_value[name])
            raise IllFormed("a node that the policy does not refer to", node=name)

    # -- counting ---------------------------------------------------------------------------

    def pay(self, what: Count, amount: int = 1) -> None:
        """Count what was read.

        Raises:
            LimitExceeded: there is more than is read.
        """
        self._counts[what] += amount
        if self._counts[what] > what.value:
            raise LimitExceeded(f"more than {what.value} {what.name.lower()}", node=self.here)

    def counts(self) -> _Counts:
        """Return how much was read so far."""
        return dict(self._counts)

    def pay_copies(self, since: _Counts, copies: int) -> None:
        """Count what was read since then as often again as it is copied.

        Raises:
            LimitExceeded: there is more than is read.
        """
        for what in Count:
            self.pay(what, (self._counts[what] - since[what]) * copies)

    # -- values -----------------------------------------------------------------------------

    def value(self, value: Mapping[str, Any], node: Node) -> Value:
        """Return an IRI or literal.

        Raises:
            IllFormed: it is neither.
            LimitExceeded: too long, or too many.
        """
        self.pay(Count.VALUES)
        name = value.get("@id")
        if isinstance(name, str):
            if name.startswith("_:"):
                raise IllFormed("a value must be an IRI or a literal", node=node.id)
            self._as_value.setdefault(name, node.id)
            return Iri(name)
        plain = value.get("@value")
        if isinstance(plain, bool) or not isinstance(plain, str | int | float):
            raise IllFormed("a value must be an IRI, text or a number", node=node.id)
        if isinstance(plain, str) and len(plain) > MAX_TEXT:
            raise LimitExceeded(f"text of more than {MAX_TEXT} characters", node=node.id)
        if isinstance(plain, int) and plain.bit_length() > MAX_BITS:
            raise LimitExceeded(f"a number of more than {MAX_BITS} bits", node=node.id)
        if isinstance(plain, float) and not math.isfinite(plain):
            raise IllFormed("a number must be finite", node=node.id)
        return literal(plain, value, node.id)

"""The way through a node map: what was visited, how deep, and how much in all.

Rules: a node is visited below itself never, and as often as others refer to it otherwise; every
visit is paid for, and so is every copy that expansion makes, because whoever works with the policy
later pays for it again; a part of a policy that no visit reached is refused. What is not understood
is kept until the rule that it belongs to is made (`leave`), and decided by nobody.
What a node means is left to `reader.py`, `parts.py` and `constraints.py`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

from policies_odrl.documents.names import SPACE, UNDEFINED
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, RDF_JSON, XSD, Constraint, Iri, Literal, Operator, Value
from policies_odrl.reading.compact import gathered
from policies_odrl.reading.flat import Left, Node, literal

MAX_NODES: Final = 60_000  # node objects given
MAX_DEPTH: Final = 24  # logical constraints, refinements, duties below one another
MAX_TEXT: Final = 64 * 1024  # characters of one literal
MAX_BITS: Final = 1024  # of a number that JSON gives as one
# Of ODRL, what a node that no rule refers to may say: it describes an asset, a party or a term.
_DESCRIBING: Final = frozenset(
    ODRL + name
    for name in [
        "uid",
        "partOf",
        "hasPolicy",
        "assignerOf",
        "assigneeOf",
        "includedIn",
        "implies",
        "Action",
        "LeftOperand",
        "Operator",
        "RightOperand",
        "Asset",
        "AssetCollection",
        "Party",
        "PartyCollection",
        "ConflictTerm",
        "Policy",
        "source",
    ]
)


class Count(Enum):
    """What is counted, as often as it is used, and how many there may be."""

    RULES = 12_000
    CONSTRAINTS = 40_000
    VALUES = 100_000
    NOTES = 20_000


_T = TypeVar("_T")
_Counts = Mapping[Count, int]


def is_part(body: Mapping[str, object]) -> bool:
    """Return whether a node says more than what something is, and so has to belong to a policy."""
    node = Node(body)
    said = node.properties().union(node.types)
    return any(SPACE in item.casefold() for item in said - _DESCRIBING)


def structured(value: Mapping[str, Any]) -> bool:
    """Return whether a value is a node of its own or a list, and neither an IRI nor a literal."""
    return "@list" in value or str(value.get("@id", "")).startswith("_:")


class Walk:
    """Goes from node to node; remembers what it used, and counts.

    Attributes:
        knowledge: terms beyond those of ODRL and of our profile.
        profiles: those that the policy being read declares.
    """

    def __init__(self, nodes: Sequence[Mapping[str, object]], knowledge: Knowledge) -> None:
        if len(nodes) > MAX_NODES:
            raise LimitExceeded(
                "{count} nodes are more than {limit}", count=len(nodes), limit=MAX_NODES
            )
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
        self._path: list[str] = []
        self._left: list[Constraint] = []
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
            raise LimitExceeded("nested deeper than {limit}", limit=MAX_DEPTH, node=name)
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
            raise IllFormed("two nodes of one `uid`, `{name}`", name=name, node=node.id)
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

    def nothing_left(self, *, strict: bool) -> None:
        """Insist that every node was visited that says more than what something is.

        Args:
            strict: whether all others must have been visited too.

        Raises:
            IllFormed: one was not.
        """
        for name in sorted(self.nodes.keys() - self._used):
            if is_part(self.nodes[name]) or (strict and self.described(name)):
                raise IllFormed("a node that the policy does not refer to", node=name)

    # -- counting ---------------------------------------------------------------------------

    def pay(self, what: Count, amount: int = 1) -> None:
        """Count what was read.

        Raises:
            LimitExceeded: there is more than is read.
        """
        self._counts[what] += amount
        if self._counts[what] > what.value:
            many = "more than {limit} " + what.name.lower()
            raise LimitExceeded(many, limit=what.value, node=self.here)

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
        if structured(value):
            return self.whole(value, node)
        if isinstance(name, str):
            return Iri(name)
        plain = value.get("@value")
        if isinstance(plain, bool):
            return Literal(json.dumps(plain), XSD + "boolean")
        if not isinstance(plain, str | int | float):
            raise IllFormed("a value must be an IRI, text or a number", node=node.id)
        if isinstance(plain, str) and len(plain) > MAX_TEXT:
            raise LimitExceeded(
                "text of more than {limit} characters", limit=MAX_TEXT, node=node.id
            )
        if isinstance(plain, int) and plain.bit_length() > MAX_BITS:
            raise LimitExceeded("a number of more than {limit} bits", limit=MAX_BITS, node=node.id)
        if isinstance(plain, float) and not math.isfinite(plain):
            raise IllFormed("a number must be finite", node=node.id)
        return literal(plain, value, node.id)

    # -- what is not understood -------------------------------------------------------------

    def leave(self, left: Left, node: Node) -> None:
        """Keep what is not understood of a rule, or of its parts, until the rule is made.

        Args:
            left: (property, values).
            node: what they are stated of.

        Raises:
            IllFormed: a value is nothing that can be kept.
            LimitExceeded: too long, or too many.
        """
        self.pay(Count.CONSTRAINTS, len(left))
        for name, values in left:
            said = tuple(self.whole(value, node) for value in values)
            self._left.append(Constraint(self.foreign(name), Operator.EQ, said))

    def taken(self) -> tuple[Constraint, ...]:
        """Return what was not understood since this was asked last, as `gathered` has it."""
        found, self._left = self._left, []
        return gathered(found)

    def foreign(self, name: str) -> str:
        """Return a left operand that nobody can decide by, for what is not understood.

        A property or operator may have the name of an operand, and would be decided by as one. Of
        one that a profile added later knows, the value is what stays undecided (`whole`).
        """
        known = self.knowledge.operand(name) is not None
        return UNDEFINED + re.split("[/#:]", name)[-1] if known else name

    def whole(self, value: Mapping[str, Any], node: Node) -> Literal:
        """Return a value that is a node, with all that is said of it, as JSON.

        Raises:
            LimitExceeded: too long, or nested too deep.
        """
        if value.get("@type") == RDF_JSON and isinstance(value.get("@value"), str):
            text = str(value["@value"])  # it was kept before, and written
        else:
            text = json.dumps(self._tree(value, node), sort_keys=True, ensure_ascii=False)
        if len(text) > MAX_TEXT:
            raise LimitExceeded(
                "text of more than {limit} characters", limit=MAX_TEXT, node=node.id
            )
        return Literal(text, RDF_JSON)

    def _tree(self, value: Any, node: Node, depth: int = 0) -> Any:
        self.pay(Count.VALUES)
        if depth > MAX_DEPTH:
            raise LimitExceeded("nested deeper than {limit}", limit=MAX_DEPTH, node=node.id)
        if isinstance(value, list):
            return [self._tree(item, node, depth + 1) for item in value]
        if not isinstance(value, Mapping):
            return value
        name = value.get("@id")
        if isinstance(name, str) and name.startswith("_:"):
            self._used.add(name)
            value = {key: item for key, item in self.nodes.get(name, {}).items() if key != "@id"}
        return {key: self._tree(item, node, depth + 1) for key, item in value.items()}

"""The way through flattened JSON-LD, node by node: what was read, how deep, and how much in all.

Rules: a node is never visited below itself, and otherwise as often as others refer to it; every
visit is paid for, and so is every copy that expansion makes. A node remembers which of its
properties were asked for: what is left over describes it (`notes.py`), or is kept and never decided
(`leave`). A part of a policy that no visit reached is refused. All of it raises `IllFormed` for
shapes that flattening never makes, and `LimitExceeded`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.documents.contexts import SPACE, UNDEFINED
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, RDF_JSON, RDF_TYPE, XSD, XSD_STRING
from policies_odrl.reading.compact import gathered
from policies_odrl.reading.notes import Scope, describes, describing_class
from policies_odrl.vocabulary import DCT, PREAU

MAX_NODES: Final = 60_000  # node objects given
MAX_TYPES: Final = 16  # classes of one node
MAX_DEPTH: Final = 24  # logical constraints, refinements, duties below one another
MAX_TEXT: Final = 64 * 1024  # characters of one literal
MAX_BITS: Final = 1024  # of a number that JSON gives as one

Values = Sequence[Mapping[str, Any]]
Left = list[tuple[str, Values]]  # (property, values) that nobody asked for

_NAME: Final = re.compile(r"(?!_:)\S+")
_PREFIXES: Final = ((ODRL, "odrl:"), (PREAU, "preau:"), (DCT, "dct:"))
_OWN: Final = frozenset({"@id", "@type"})
# Of ODRL, what a node that no rule refers to may say: it describes an asset, a party or a term.
_DESCRIBES: Final = (
    "uid partOf hasPolicy assignerOf assigneeOf includedIn implies source Action LeftOperand "
    "Operator RightOperand Asset AssetCollection Party PartyCollection ConflictTerm Policy"
)
_DESCRIBING: Final = frozenset(ODRL + name for name in _DESCRIBES.split())
_T = TypeVar("_T")


class Count(Enum):
    """What is counted, as often as it is used, and how many there may be."""

    RULES = 12_000
    CONSTRAINTS = 40_000
    VALUES = 100_000
    NOTES = 20_000


class Walk:
    """Goes from node to node; remembers what it used, and counts."""

    def __init__(self, nodes: Sequence[Mapping[str, object]], knowledge: Knowledge) -> None:
        if len(nodes) > MAX_NODES:
            raise LimitExceeded(
                "{count} nodes are more than {limit}", count=len(nodes), limit=MAX_NODES
            )
        self.knowledge = knowledge
        self.nodes: dict[str, Mapping[str, object]] = {}
        self.counts = dict.fromkeys(Count, 0)
        self.left: list[model.Constraint] = []
        self.used: set[str] = set()
        for body in nodes:
            name = body.get("@id")
            if not isinstance(name, str) or name in self.nodes:
                raise IllFormed("each node needs its own `@id`", node=str(name or ""))
            self.nodes[name] = body
        self._named: dict[str, str] = {}
        self._references: dict[str, Counter[str]] = {}
        self._path: list[str] = []

    def enter(self, name: str, build: Callable[[Node], _T]) -> _T:
        """Return what `build` makes of a node."""
        if name in self._path:
            raise IllFormed("a cycle", node=name)
        if len(self._path) >= MAX_DEPTH:
            raise LimitExceeded("nested deeper than {limit}", limit=MAX_DEPTH, node=name)
        self._path.append(name)
        self.used.add(name)
        try:
            return build(Node(self.nodes.get(name, {"@id": name}), self))
        finally:
            self._path.pop()

    def claim(self, node: Node) -> str:
        """Return the name of a node, which no other takes (IM 2.1, 2.6: one policy or rule)."""
        name = node.name()
        if name and self._named.setdefault(name, node.id) != node.id:
            raise IllFormed("two nodes of one `uid`, `{name}`", name=name, node=node.id)
        return name

    def references(self, name: str, *properties: str) -> int:
        """Return how many values of some properties name a node, in all of the document."""
        for item in properties:
            if item not in self._references:
                bodies = [Node(body, self) for body in self.nodes.values() if item in body]
                self._references[item] = Counter(it for node in bodies for it in node.ids(item))
        return sum(self._references[item][name] for item in properties)

    def described(self, name: str) -> bool:
        """Return whether the document says anything about a name."""
        return len(self.nodes.get(name, {})) > 1

    def nothing_left(self, *, strict: bool) -> None:
        """Insist that every part of a policy was visited; if `strict`, whatever says anything."""
        for name in sorted(self.nodes.keys() - self.used):
            if is_part(self.nodes[name]) or (strict and self.described(name)):
                raise IllFormed("a node that the policy does not refer to", node=name)

    def pay(self, what: Count, amount: int = 1) -> None:
        """Count what was read."""
        self.counts[what] += amount
        if self.counts[what] > what.value:
            many = "more than {limit} " + what.name.lower()
            raise LimitExceeded(many, limit=what.value, node=self._path[-1] if self._path else "")

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


class Node:
    """A node object with the properties that were asked for."""

    __slots__ = ("_asked", "body", "id", "types", "walk")

    def __init__(self, body: Mapping[str, Any], walk: Walk) -> None:
        self.body = body
        self.walk = walk
        self.id = str(body.get("@id", ""))
        self.types = _types(body)
        self._asked = set(_OWN)

    @property
    def iri(self) -> str:
        """Its IRI; empty for a blank node."""
        return "" if self.id.startswith("_:") else self.id

    def name(self) -> str:
        """Return its IRI, or what `odrl:uid` states for a blank node; empty when neither is there.

        JSON-LD reads `uid` as the node's own name; Turtle keeps it as a property.
        """
        stated = set(self.iris(ODRL + "uid", text=True))
        if stated - {self.iri} and (self.iri or len(stated) > 1):  # IM 2.1: one uid
            raise IllFormed("`uid` differs from the node's own identifier", node=self.id)
        return self.iri or next(iter(stated), "")

    def properties(self) -> set[str]:
        """Return the names of its properties."""
        return set(self.body) - _OWN

    def all(self, name: str) -> list[Mapping[str, Any]]:
        """Return the values of a property."""
        self._asked.add(name)
        return objects(self.body.get(name, []), name, self.id)

    def ids(self, name: str) -> list[str]:
        """Return the names of the nodes that a property refers to."""
        found = [value.get("@id") for value in self.all(name)]
        if not all(isinstance(item, str) for item in found):
            raise IllFormed("`{name}` must name a node", name=short(name), node=self.id)
        return [str(item) for item in found]

    def each(self, name: str, build: Callable[[Node], _T]) -> tuple[_T, ...]:
        """Return what `build` makes of each node that a property of ODRL refers to."""
        return tuple(self.walk.enter(item, build) for item in self.ids(ODRL + name))

    def iris(self, name: str, *, text: bool = False) -> list[str]:
        """Return IRIs, given as such, as xsd:anyURI (ODRL context), or if `text`, as plain text."""
        kinds = {XSD + "anyURI", XSD_STRING if text else XSD + "anyURI"}
        found = []
        for value in self.all(name):
            item = value.get("@id")
            if item is None and value.get("@type", XSD_STRING) in kinds:
                item = value.get("@value")
            if not isinstance(item, str) or not _NAME.fullmatch(item):
                raise IllFormed("`{name}` must be an IRI", name=short(name), node=self.id)
            found.append(item)
        return found

    def one_id(self, name: str) -> str:
        """Return the one name that a property refers to, or an empty string."""
        return self.at_most_one(self.ids(name), name) or ""

    def one_iri(self, name: str) -> str:
        """Return the one IRI that a property states, or an empty string."""
        return self.at_most_one(self.iris(name), name) or ""

    def at_most_one(self, values: Sequence[_T], name: str) -> _T | None:
        """Return the only value of a property, or None."""
        if len(values) > 1:
            raise IllFormed("`{name}` may be stated once only", name=short(name), node=self.id)
        return values[0] if values else None

    def value(self, value: Mapping[str, Any]) -> model.Value:
        """Return an IRI or literal; JSON numbers get their native datatype."""
        self.walk.pay(Count.VALUES)
        name, plain = value.get("@id"), value.get("@value")
        if structured(value):
            return self.whole(value)
        if isinstance(name, str):
            return model.Iri(name)
        if isinstance(plain, bool):
            return model.Literal(json.dumps(plain), XSD + "boolean")
        if isinstance(plain, str):
            return self._typed(self._bounded(plain), "string", value)
        if isinstance(plain, float):
            if not math.isfinite(plain):
                raise IllFormed("a number must be finite", node=self.id)
            return self._typed(str(plain), "double", value)
        if not isinstance(plain, int):
            raise IllFormed("a value must be an IRI, text or a number", node=self.id)
        if plain.bit_length() > MAX_BITS:
            raise LimitExceeded("a number of more than {limit} bits", limit=MAX_BITS, node=self.id)
        return self._typed(str(plain), "integer", value)

    def _typed(self, lexical: str, native: str, value: Mapping[str, Any]) -> model.Literal:
        datatype, language = value.get("@type", XSD + native), value.get("@language", "")
        if not isinstance(datatype, str) or not isinstance(language, str):
            raise IllFormed("a value of no datatype", node=self.id)
        return model.Literal(lexical, datatype, language)

    def _bounded(self, text: str) -> str:
        if len(text) > MAX_TEXT:
            raise LimitExceeded(
                "text of more than {limit} characters", limit=MAX_TEXT, node=self.id
            )
        return text

    # -- what nobody asked for --------------------------------------------------------------

    def besides(self, scope: Scope, *classes: str) -> tuple[model.Notes, Left]:
        """Return what else it says: descriptions, and what is not understood.

        Args:
            scope: what it is.
            classes: local names of the ODRL classes that it has.
        """
        known = {ODRL + name for name in classes}
        rest: Left = [(RDF_TYPE, [{"@id": item} for item in self.types if item not in known])]
        rest += [(name, self.all(name)) for name in sorted(self.properties() - self._asked)]
        notes: list[tuple[str, model.Value]] = []
        strange: Left = []
        for name, values in rest:
            kept: list[Mapping[str, Any]] = []
            for item in values:
                if name == RDF_TYPE:
                    describing = describing_class(str(item.get("@id")), scope)
                else:
                    describing = describes(name, scope)
                said = self.value(item) if describing else None
                if said is None or _speaks_odrl(said):
                    kept.append(item)
                else:
                    notes.append((name, said))
            if kept:
                strange.append((name, kept))
        self.walk.pay(Count.NOTES, len(notes))
        return tuple(notes), strange

    def notes(self, scope: Scope, *classes: str) -> model.Notes:
        """Return descriptions; what is not understood is left to the rule (`besides`, `leave`)."""
        notes, strange = self.besides(scope, *classes)
        self.leave(strange)
        return notes

    def leave(self, left: Left) -> None:
        """Keep what is not understood of a rule, or of its parts, until the rule is made."""
        self.walk.pay(Count.CONSTRAINTS, len(left))
        for name, values in left:
            said = tuple(self.whole(value) for value in values)
            self.walk.left.append(
                model.Constraint(self.walk.foreign(name), model.Operator.EQ, said)
            )

    def whole(self, value: Mapping[str, Any]) -> model.Literal:
        """Return a value that is a node, with all that is said of it, as JSON."""
        if value.get("@type") == RDF_JSON and isinstance(value.get("@value"), str):
            text = str(value["@value"])  # it was kept before, and written
        else:
            text = json.dumps(self._tree(value), sort_keys=True, ensure_ascii=False)
        return model.Literal(self._bounded(text), RDF_JSON)

    def _tree(self, value: Any, depth: int = 0) -> Any:
        self.walk.pay(Count.VALUES)
        if depth > MAX_DEPTH:
            raise LimitExceeded("nested deeper than {limit}", limit=MAX_DEPTH, node=self.id)
        if isinstance(value, list):
            return [self._tree(item, depth + 1) for item in value]
        if not isinstance(value, Mapping):
            return value
        name = value.get("@id")
        if isinstance(name, str) and name.startswith("_:"):
            self.walk.used.add(name)
            body = self.walk.nodes.get(name, {})
            value = {key: item for key, item in body.items() if key != "@id"}
        return {key: self._tree(item, depth + 1) for key, item in value.items()}


def _speaks_odrl(value: model.Value) -> bool:
    """Return whether a value that is a node of its own speaks in words of ODRL."""
    if not isinstance(value, model.Literal) or value.datatype != RDF_JSON:
        return False
    return SPACE in value.lexical.casefold()


def _types(body: Mapping[str, Any]) -> list[str]:
    types = body.get("@type", [])
    found = [str(item) for item in (types if isinstance(types, list) else [types])]
    if len(found) > MAX_TYPES:
        raise IllFormed("more than {limit} classes", limit=MAX_TYPES, node=str(body.get("@id", "")))
    return found


def is_part(body: Mapping[str, object]) -> bool:
    """Return whether a node says more than what something is, and so has to belong to a policy."""
    said = (set(body) - _OWN).union(_types(body))
    return any(SPACE in item.casefold() for item in said - _DESCRIBING)


def structured(value: Mapping[str, Any]) -> bool:
    """Return whether a value is a node of its own or a list, and neither an IRI nor a literal."""
    return "@list" in value or str(value.get("@id", "")).startswith("_:")


def objects(values: object, name: str, node: str) -> list[Mapping[str, Any]]:
    """Return the values of a property or list, which are objects."""
    if not isinstance(values, list) or not all(isinstance(item, Mapping) for item in values):
        raise IllFormed("`{name}` is not in flattened form", name=short(name), node=node)
    return values


def short(name: str, prefixes: Sequence[tuple[str, str]] = _PREFIXES) -> str:
    """Return an IRI with its prefix, by default the usual one."""
    for namespace, prefix in prefixes:
        if name.startswith(namespace):
            return prefix + name.removeprefix(namespace)
    return name

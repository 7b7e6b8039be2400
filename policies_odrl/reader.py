"""Flattened, expanded JSON-LD to a policy; strict.

Input: the node objects of a flattened, expanded document (`connector/jsonld` makes them): every
property is an absolute IRI, every value a list of `{"@id"}`, `{"@value"}` or `{"@list"}` objects.
Rules: a property, class, action, operator or operand that is not known stops the reading, and so
does a profile that is not known, a node that nothing refers to, an `andSequence` without order, a
cycle, and whatever exceeds the limits; the error names the node. Compact policies are expanded
(IM 2.7.1). Nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Final, TypeVar

from policies_odrl.compact import NOTHING_SHARED, Shared, pushed_down
from policies_odrl.errors import IllFormed, LimitExceeded, UnknownProfile, UnknownTerm
from policies_odrl.flat import Node, at_most_one, literal, short
from policies_odrl.model import (
    ODRL,
    Action,
    AssetRef,
    Condition,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Iri,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Value,
)
from policies_odrl.vocabulary import (
    DCT,
    FUNCTIONS,
    OPERANDS,
    PREAU,
    PROFILE,
    PROFILES,
    known_action,
)

MAX_NODES: Final = 60_000  # node objects given
MAX_RULES: Final = 12_000  # rules after expansion
MAX_CONDITIONS: Final = 40_000  # constraints, logical ones included, as often as they are used
MAX_DEPTH: Final = 24  # logical constraints, refinements, duties below one another

RDF_VALUE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"
TIMESTAMP: Final = "https://w3id.org/dspace/2025/1/timestamp"
REPLACED_BY: Final = DCT + "isReplacedBy"

_KINDS: Final = {ODRL + kind.value: kind for kind in PolicyKind}
_OPERATORS: Final = {ODRL + item.value: item for item in Operator} | {ODRL + "neg": Operator.NEQ}
_CONNECTIVES: Final = {ODRL + item.value: item for item in Connective}
_T = TypeVar("_T")
_Ref = TypeVar("_Ref", AssetRef, PartyRef)


def read(nodes: Sequence[Mapping[str, object]]) -> Policy:
    """Return the one policy that the nodes describe.

    Raises:
        IllFormed: the information model is broken.
        UnknownTerm: a term that is not known here.
        UnknownProfile: a profile that is not known here.
        LimitExceeded: too large, or nested too deep.
    """
    if len(nodes) > MAX_NODES:
        raise LimitExceeded(f"{len(nodes)} nodes are more than {MAX_NODES}")
    reader = _Reader(nodes)
    policy = reader.policy()
    reader.nothing_left()
    return policy


class _Reader:
    """Walks from the policy node; remembers what it used, and counts."""

    def __init__(self, nodes: Sequence[Mapping[str, object]]) -> None:
        self._nodes: dict[str, Mapping[str, object]] = {}
        for body in nodes:
            name = body.get("@id")
            if not isinstance(name, str) or name in self._nodes:
                raise IllFormed("each node needs its own `@id`", node=str(name or ""))
            self._nodes[name] = body
        self._used: set[str] = set()
        self._path: list[str] = []
        self._rules = 0
        self._conditions = 0
        self._profiles: tuple[str, ...] = ()

    # -- walking ----------------------------------------------------------------------------

    def _enter(self, name: str, build: Callable[[Node], _T]) -> _T:
        if name in self._path:
            raise IllFormed("a cycle", node=name)
        if len(self._path) >= MAX_DEPTH:
            raise LimitExceeded(f"nested deeper than {MAX_DEPTH}", node=name)
        self._path.append(name)
        self._used.add(name)
        try:
            return build(Node(self._nodes.get(name, {"@id": name})))
        finally:
            self._path.pop()

    def nothing_left(self) -> None:
        left = sorted(
            name for name, body in self._nodes.items() if name not in self._used and len(body) > 1
        )
        if left:
            raise IllFormed("a node that the policy does not refer to", node=left[0])

    # -- policy -----------------------------------------------------------------------------

    def policy(self) -> Policy:
        found = [
            name
            for name, body in self._nodes.items()
            if any(item in _KINDS or item == ODRL + "Policy" for item in Node(body).types)
        ]
        if len(found) != 1:
            raise IllFormed(f"one policy was expected, {len(found)} were found")
        return self._enter(found[0], self._policy)

    def _policy(self, node: Node) -> Policy:
        kind = self._kind(node)
        self._profiles = self._known_profiles(node)
        assets = [self._asset(item) for item in node.all(ODRL + "target")]
        assigners = [self._party(item) for item in node.all(ODRL + "assigner")]
        assignees = [self._party(item) for item in node.all(ODRL + "assignee")]
        actions = [self._action(item) for item in node.all(ODRL + "action")]
        shared = Shared(assets, assigners, assignees, actions)
        policy = Policy(
            kind=kind,
            id=self._uid(node),
            permissions=self._rules_of(node, "permission", shared, self._permission),
            prohibitions=self._rules_of(node, "prohibition", shared, self._prohibition),
            obligations=self._rules_of(node, "obligation", shared, self._duty),
            profiles=self._profiles,
            conflict=self._conflict(node),
            target=shared.target,
            assigner=shared.assigner,
            assignee=shared.assignee,
            inherits=tuple(node.ids(ODRL + "inheritFrom")),
            replaced_by=node.one_id(REPLACED_BY),
            timestamp=self._text(node, TIMESTAMP),
            metadata=self._metadata(node),
        )
        node.only([*PolicyKind, "Policy"])
        return pushed_down(policy)

    def _kind(self, node: Node) -> PolicyKind:
        kinds = [_KINDS[item] for item in node.types if item in _KINDS]
        return at_most_one(kinds, "@type", node.id) or PolicyKind.SET  # IM 2.1.1: Set is default

    def _known_profiles(self, node: Node) -> tuple[str, ...]:
        profiles = tuple(node.ids(ODRL + "profile"))
        for profile in profiles:
            if profile not in PROFILES:
                raise UnknownProfile(f"profile `{profile}` is not known here", node=node.id)
            self._used.add(profile)
        return profiles

    def _uid(self, node: Node) -> str:
        stated = {value.get("@id", value.get("@value")) for value in node.all(ODRL + "uid")}
        if stated - {node.id}:
            raise IllFormed("`uid` differs from the node's own identifier", node=node.id)
        return node.iri

    def _conflict(self, node: Node) -> Conflict | None:
        stated = node.one_id(ODRL + "conflict")
        if not stated:
            return None
        known = {ODRL + item.value: item for item in Conflict}
        if stated not in known:
            raise UnknownTerm(f"conflict strategy `{short(stated)}` is not known", node=node.id)
        return known[stated]

    def _text(self, node: Node, name: str) -> str:
        values = [value.get("@value") for value in node.all(name)]
        stated = at_most_one(values, name, node.id)
        if stated is not None and not isinstance(stated, str):
            raise IllFormed(f"`{short(name)}` must be text", node=node.id)
        return stated or ""

    def _metadata(self, node: Node) -> tuple[tuple[str, Value], ...]:
        names = sorted(item for item in node.properties() if item.startswith(DCT))
        return tuple(
            (name, self._value(value, node))
            for name in names
            if name != REPLACED_BY
            for value in node.all(name)
        )

    # -- rules ------------------------------------------------------------------------------

    def _rules_of(
        self,
        node: Node,
        name: str,
        shared: Shared,
        build: Callable[[Node, Shared], list[_T]],
    ) -> tuple[_T, ...]:
        rules: list[_T] = []
        for item in node.ids(ODRL + name):
            rules.extend(self._enter(item, lambda rule: build(rule, shared)))
        return tuple(rules)

    def _permission(self, node: Node, shared: Shared) -> list[Permission]:
        duties = self._rules_of(node, "duty", NOTHING_SHARED, self._duty)
        parts = self._rule_parts(node, shared, "Permission")
        return [Permission(**part, duties=duties) for part in parts]

    def _prohibition(self, node: Node, shared: Shared) -> list[Prohibition]:
        remedies = self._rules_of(node, "remedy", NOTHING_SHARED, self._duty)
        parts = self._rule_parts(node, shared, "Prohibition")
        return [Prohibition(**part, remedies=remedies) for part in parts]

    def _duty(self, node: Node, shared: Shared) -> list[Duty]:
        consequences = self._rules_of(node, "consequence", NOTHING_SHARED, self._duty)
        parts = self._rule_parts(node, shared, "Duty")
        return [Duty(**part, consequences=consequences) for part in parts]

    def _rule_parts(self, node: Node, shared: Shared, kind: str) -> list[dict[str, Any]]:
        targets = [self._asset(item) for item in node.all(ODRL + "target")]
        assigners = [self._party(item) for item in node.all(ODRL + "assigner")]
        assignees = [self._party(item) for item in node.all(ODRL + "assignee")]
        actions = [self._action(item) for item in node.all(ODRL + "action")] + shared.actions
        if not actions:
            raise IllFormed("a rule needs an action", node=node.id)
        fixed = {
            "constraints": self._conditions_of(node, "constraint"),
            "output": at_most_one(
                [self._asset(item) for item in node.all(ODRL + "output")], "output", node.id
            ),
            "functions": self._functions(node),
            "id": node.iri,
        }
        node.only([kind, "Rule"])
        return self._expanded(
            node,
            fixed,
            actions,
            shared.with_targets(targets),
            shared.with_assigners(assigners),
            shared.with_assignees(assignees),
        )

    def _expanded(
        self, node: Node, fixed: dict[str, Any], *choices: Sequence[Any]
    ) -> list[dict[str, Any]]:
        count = 1
        for choice in choices:
            count *= len(choice)
        self._rules += count
        if self._rules > MAX_RULES:
            raise LimitExceeded(f"more than {MAX_RULES} rules", node=node.id)
        names = ("action", "target", "assigner", "assignee")
        single = count == 1
        return [
            {**fixed, "id": fixed["id"] if single else "", **dict(zip(names, row, strict=True))}
            for row in product(*choices)
        ]

    def _functions(self, node: Node) -> tuple[tuple[str, PartyRef], ...]:
        names = sorted(node.properties() & FUNCTIONS)
        return tuple((name, self._party(value)) for name in names for value in node.all(name))

    def _action(self, value: Mapping[str, Any]) -> Action:
        name = value.get("@id")
        if not isinstance(name, str):
            raise IllFormed("an action must be named by an IRI", node=self._path[-1])
        return self._enter(name, self._action_node)

    def _action_node(self, node: Node) -> Action:
        name = node.one_id(RDF_VALUE) or node.iri
        refinements = self._conditions_of(node, "refinement")
        node.only(["Action"])
        if not known_action(name):
            raise UnknownTerm(f"action `{short(name)}` is not known", node=node.id)
        self._used.add(name)
        self._needs_profile(name, node)
        return Action(id=name, refinements=refinements)

    # -- parties and assets -----------------------------------------------------------------

    def _asset(self, value: Mapping[str, Any]) -> AssetRef:
        return self._reference(value, AssetRef, "Asset")

    def _party(self, value: Mapping[str, Any]) -> PartyRef:
        return self._reference(value, PartyRef, "Party")

    def _reference(self, value: Mapping[str, Any], build: type[_Ref], kind: str) -> _Ref:
        name = value.get("@id")
        if not isinstance(name, str):
            raise IllFormed(f"the {kind.lower()} must be named by an IRI", node=self._path[-1])

        def reference(node: Node) -> _Ref:
            found = build(
                id=node.iri,
                collection=ODRL + kind + "Collection" in node.types,
                source=node.one_id(ODRL + "source"),
                refinements=self._conditions_of(node, "refinement"),
            )
            node.all(ODRL + "uid")
            node.only([kind, kind + "Collection"])
            if not found.id and not found.source:
                raise IllFormed(f"the {kind.lower()} has no identifier", node=node.id)
            return found

        return self._enter(name, reference)

    # -- conditions -------------------------------------------------------------------------

    def _conditions_of(self, node: Node, name: str) -> tuple[Condition, ...]:
        return tuple(self._enter(item, self._condition) for item in node.ids(ODRL + name))

    def _condition(self, node: Node) -> Condition:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise LimitExceeded(f"more than {MAX_CONDITIONS} constraints", node=node.id)
        joined = sorted(node.properties() & set(_CONNECTIVES))
        if not joined:
            return self._constraint(node)
        if len(joined) > 1:
            raise IllFormed("a logical constraint has one connective only", node=node.id)
        connective = _CONNECTIVES[joined[0]]
        members = self._members(node, joined[0], connective)
        operands = tuple(self._enter(item, self._condition) for item in members)
        node.only(["LogicalConstraint", "Constraint"])
        if not operands:
            raise IllFormed("a logical constraint without operands", node=node.id)
        return LogicalConstraint(connective=connective, operands=operands, id=node.iri)

    def _members(self, node: Node, name: str, connective: Connective) -> list[str]:
        values = node.all(name)
        lists = [value["@list"] for value in values if "@list" in value]
        if connective is Connective.AND_SEQUENCE and (len(values) != 1 or not lists):
            raise IllFormed("`andSequence` needs an ordered list", node=node.id)
        members = [item for items in lists for item in items] if lists else values
        found = [item.get("@id") for item in members]
        if (lists and len(values) != 1) or not all(isinstance(item, str) for item in found):
            raise IllFormed("operands of a logical constraint must be nodes", node=node.id)
        return [str(item) for item in found]

    def _constraint(self, node: Node) -> Constraint:
        left = node.one_id(ODRL + "leftOperand")
        operator = node.one_id(ODRL + "operator")
        right = tuple(self._value(value, node) for value in self._rights(node))
        reference = tuple(node.references(ODRL + "rightOperandReference"))
        status = [self._value(value, node) for value in node.all(ODRL + "status")]
        constraint = Constraint(
            left=left,
            operator=self._operator(operator, node),
            right=right,
            unit=node.one_id(ODRL + "unit"),
            datatype=node.one_id(ODRL + "dataType"),
            reference=reference,
            status=at_most_one(status, "status", node.id),
            id=node.iri,
        )
        node.only(["Constraint"])
        self._well_formed(constraint, node)
        return constraint

    def _rights(self, node: Node) -> list[Mapping[str, Any]]:
        values = node.all(ODRL + "rightOperand")
        return [item for value in values for item in value.get("@list", [value])]

    def _operator(self, name: str, node: Node) -> Operator:
        if name not in _OPERATORS:
            raise UnknownTerm(f"operator `{short(name)}` is not known", node=node.id)
        return _OPERATORS[name]

    def _well_formed(self, constraint: Constraint, node: Node) -> None:
        if constraint.left not in OPERANDS:
            raise UnknownTerm(f"left operand `{short(constraint.left)}` is not known", node=node.id)
        self._needs_profile(constraint.left, node)
        if bool(constraint.right) == bool(constraint.reference):
            raise IllFormed(
                "a constraint needs either a right operand or a reference to one", node=node.id
            )

    def _needs_profile(self, term: str, node: Node) -> None:
        if term.startswith(PREAU) and PROFILE not in self._profiles:
            raise UnknownTerm(
                f"`{short(term)}` belongs to profile `{PROFILE}`, which is not declared",
                node=node.id,
            )

    def _value(self, value: Mapping[str, Any], node: Node) -> Value:
        name = value.get("@id")
        if isinstance(name, str):
            if name.startswith("_:") or len(self._nodes.get(name, {})) > 1:
                raise IllFormed("a value must be an IRI or a literal", node=node.id)
            return Iri(name)
        plain = value.get("@value")
        if isinstance(plain, bool) or not isinstance(plain, str | int | float):
            raise IllFormed("a value must be an IRI, text or a number", node=node.id)
        return literal(plain, value)

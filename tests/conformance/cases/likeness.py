"""How alike two compliance reports are, by the three measures of the ODRL test suite.

`activation`: the rule reports are about the same rules and requests, attempted and active alike.
`simple`: the same premises come out alike as well, and there are as many. `isomorphic`: the same
graph once every report is a blank node. Rules: only what a report leads to counts; what it refers
to and does not describe keeps its name; isomorphism is told by colours where the graph is a forest,
as reports are, and by canonical names for blank nodes where it is not; a graph
that is none and whose nodes look too much alike is not said to be the same, so that comparing is
bounded. Source: https://github.com/SolidLabResearch/ODRL-Test-Suite (its documented comparators).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import Any, Final

from tests.conformance.cases.graph import Graph, local

MAX_ROUNDS: Final = 64  # of telling nodes apart by their neighbours
MAX_TWINS: Final = 6  # nodes of one colour that canonical naming is tried with
_PREMISES: Final = ("TargetReport", "PartyReport", "ActionReport", "ConstraintReport")
_TYPE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_RULE: Final = ("rule", "ruleRequest", "attemptState", "activationState")


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two reports have in common.

    Attributes:
        activation: see the module.
        simple: see the module.
        isomorphic: see the module.
    """

    activation: bool
    simple: bool
    isomorphic: bool


Nodes = Sequence[Mapping[str, Any]]


def likeness(mine: Nodes, root: str, theirs: Nodes, other: str) -> Likeness:
    """Return how alike two reports are.

    Args:
        mine: flattened nodes that hold the one.
        root: its report of the policy.
        theirs: flattened nodes that hold the other.
        other: its report of the policy.
    """
    one, two = Graph.of_nodes(mine), Graph.of_nodes(theirs)
    activation = _rules(one, root) == _rules(two, other)
    return Likeness(
        activation=activation,
        simple=activation and _outcomes(one, root) == _outcomes(two, other),
        isomorphic=_same(
            _Blanked(mine, one.reachable(root)), _Blanked(theirs, two.reachable(other))
        ),
    )


def _rules(graph: Graph, root: str) -> Counter[tuple[tuple[str, ...], ...]]:
    """Return what the rule reports are about, and their states."""
    return Counter(
        tuple(tuple(sorted(graph.iris(rule, name))) for name in _RULE)
        for rule in graph.iris(root, "ruleReport")
    )


def _outcomes(graph: Graph, root: str) -> Counter[tuple[str, str, str]]:
    """Return class, constraint and outcome of each premise report."""
    there = graph.reachable(root)
    return Counter(
        (
            local(kind),
            graph.one(thing, "constraint") if local(kind) == "ConstraintReport" else "",
            graph.one(thing, "satisfactionState"),
        )
        for thing in graph.of_class(*_PREMISES)
        if thing in there
        for kind in graph.types(thing)
    )


class _Blanked:
    """The part of a graph that a report leads to, its nodes without names."""

    def __init__(self, nodes: Nodes, there: set[str]) -> None:
        bodies = {str(node["@id"]): node for node in nodes if node["@id"] in there}
        self.nodes = list(bodies)
        self.edges: dict[str, list[tuple[str, str]]] = {name: [] for name in bodies}
        self.facts: dict[str, list[tuple[str, str]]] = {name: [] for name in bodies}
        for name, body in bodies.items():
            types = body.get("@type", [])
            for kind in {types} if isinstance(types, str) else set(types):
                self.facts[name].append((_TYPE, f"<{kind}>"))
            for key, values in body.items():
                if not key.startswith("@"):
                    self._add(name, key, values)

    def _add(self, name: str, key: str, values: Iterable[Mapping[str, Any]]) -> None:
        for value in values:
            target = value.get("@id")
            if target in self.edges:
                self.edges[name].append((key, str(target)))
            else:
                said = f"<{target}>" if target else repr(sorted(value.items()))
                self.facts[name].append((key, said))

    def colours(self) -> dict[str, str]:
        """Return node -> what it looks like from all sides, refined until nothing changes.

        Graphs of more than `MAX_ROUNDS` levels are deeper than any report; there is no answer for
        them, which is an empty one.
        """
        colour = {name: _hash([_own(facts)]) for name, facts in self.facts.items()}
        inward: dict[str, list[tuple[str, str]]] = {name: [] for name in self.nodes}
        for name, edges in self.edges.items():
            for key, target in edges:
                inward[target].append((key, name))
        for _ in range(MAX_ROUNDS):
            count = len(set(colour.values()))
            colour = {
                name: _hash(
                    [
                        colour[name],
                        *sorted(f">{key} {colour[to]}" for key, to in self.edges[name]),
                        *sorted(f"<{key} {colour[of]}" for key, of in inward[name]),
                    ]
                )
                for name in self.nodes
            }
            if len(set(colour.values())) == count:
                return colour
        return {}

    def forest(self) -> bool:
        """Return whether no node is reached in two ways."""
        reached = Counter(to for edges in self.edges.values() for _, to in edges)
        return max(reached.values(), default=0) <= 1 and self._acyclic()

    def _acyclic(self) -> bool:
        """Return whether walking from the nodes that nothing refers to meets every node."""
        targets = {to for edges in self.edges.values() for _, to in edges}
        stack = [name for name in self.nodes if name not in targets]
        met = 0
        while stack:
            met += 1
            stack.extend(to for _, to in self.edges[stack.pop()])
        return met == len(self.nodes)

    def canonical(self) -> frozenset[str]:
        """Return the statements with canonical names for the nodes."""
        rdf: Any = import_module("pyoxigraph")
        blank = {name: rdf.BlankNode() for name in self.nodes}
        dataset = rdf.Dataset()
        for name in self.nodes:
            for key, to in self.edges[name]:
                dataset.add(rdf.Quad(blank[name], rdf.NamedNode(key), blank[to]))
            for key, said in self.facts[name]:
                dataset.add(rdf.Quad(blank[name], rdf.NamedNode(key), rdf.Literal(said)))
        dataset.canonicalize(rdf.CanonicalizationAlgorithm.UNSTABLE)
        return frozenset(str(quad) for quad in dataset)


def _same(mine: _Blanked, theirs: _Blanked) -> bool:
    if len(mine.nodes) != len(theirs.nodes):
        return False
    looks, others = mine.colours(), theirs.colours()
    if not looks or Counter(looks.values()) != Counter(others.values()):
        return False
    if mine.forest() and theirs.forest():
        return True  # colours tell forests apart (refinement is complete for them)
    twins = sum(count for count in Counter(looks.values()).values() if count > 1)
    return twins <= MAX_TWINS and mine.canonical() == theirs.canonical()


def _own(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(sorted(f"{key} {said}" for key, said in facts))


def _hash(parts: Iterable[str]) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()

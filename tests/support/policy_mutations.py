"""Valid policies spoiled at random, and what reading them must come to.

Each case is repeatable from its seed. Reading ends in policies or in an error of our two trees,
and what was read is written without loss or refused; nothing else counts as an answer.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.errors import PreauError
from connector.jsonld.policy import policy_document, policy_turtle
from policies_odrl import OdrlError, Policy, read_all, resolve
from policies_odrl.documents.sources import nodes_of as turtle_nodes
from tests.support.cases import cases as cases_in
from tests.support.cases import written_out
from tests.support.policies import nodes

FOLDER = Path(__file__).parents[1] / "conformance" / "policies"
REPEATS = (2, 7, 50, 3000)
DEEP = 200

TOKENS = [
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b"(", b")", b",", b".", b";", b"<", b">", b"<<", b">>"),
    *(b"@id", b"@list", b"@set", b"@graph", b"@type", b"@value", b"@context", b"@base <urn:x> ."),
    *(b"_:b0", b"_:", b"urn:example:rule", b"odrl:and", b"odrl:andSequence", b"odrl:uid", b"null"),
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", "é".encode(), b"\\u0000", b"\\ud800", b"1e999", b"-0.0"),
    *(b"9" * 400, b"<urn:a b>", b"rdf:first", b"^^xsd:decimal", b"@fr", b"a odrl:Set", b"\n", b"#"),
]
NAMES = [
    *(
        "@id",
        "@type",
        "@value",
        "@list",
        "@set",
        "@graph",
        "@language",
        "@context",
        "uid",
        "source",
    ),
    *("odrl:constraint", "odrl:refinement", "odrl:duty", "odrl:remedy", "odrl:consequence", "and"),
    *("odrl:andSequence", "odrl:rightOperand", "odrl:status", "rdf:value", "odrl:hasPolicy", ""),
    *("odrl:target", "odrl:assignee", "odrl:action", "odrl:informedParty", "dct:title"),
]
VALUES: list[Any] = [
    *(None, True, 0, -1, 10**400, 1.5, 1e308, "", "x", "urn:example:rule", "_:b0", [], {}, [[]]),
    *({"@id": "urn:example:whole"}, {"@id": "_:b1"}, {"@list": []}, {"@value": ""}, "odrl:Set"),
    *({"@id": "urn:example:until"}, {"@value": "9" * 9, "@type": "xsd:decimal"}, "a" * 70_000),
]


@dataclass(frozen=True, slots=True)
class Case:
    """A document to be read.

    Attributes:
        form: `jsonld`, `ttl`, or `nodes` for a node map as JSON.
        data: its bytes.
    """

    form: str
    data: bytes


def seeds() -> list[Case]:
    """Return the valid documents that are spoiled."""
    stated = [document for case in cases_in("decisions") for document in case.documents]
    policies = [json.dumps(written_out(document)).encode() for document in stated]
    forms = sorted((FOLDER / "forms").iterdir())
    found = [Case("jsonld", data) for data in dict.fromkeys(policies)]
    own = [Case(file.suffix[1:], file.read_bytes()) for file in forms]
    return [*found, *own * max(1, len(found) // len(own))]


def cases(seed: int) -> Iterator[Case]:
    """Yield spoiled documents without end."""
    rng = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    whole = seeds()
    while True:
        case = rng.choice(whole)
        way = rng.random()
        if way < 0.4:
            yield _graph(rng, case)
        elif case.form == "ttl" or way < 0.6:
            yield _bytes(rng, case, rng.choice(whole).data)
        else:
            yield _values(rng, case)


def read_case(case: Case) -> tuple[Policy, ...]:
    """Read a document.

    Raises:
        PreauError: it is not of its format.
        OdrlError: it does not hold policies.
    """
    return read_all(_nodes(case))


def _nodes(case: Case) -> list[dict[str, Any]]:
    match case.form:
        case "ttl":
            return turtle_nodes(case.data)
        case "nodes":
            found: list[dict[str, Any]] = json.loads(case.data)
            return found
        case _:
            return nodes(case.data)


def outcome(case: Case) -> str:
    """Read a document, and write what it holds; return in few words what came of it."""
    try:
        policies = read_case(case)
    except (PreauError, OdrlError) as exc:
        return type(exc).__name__
    return written(policies)


def written(policies: tuple[Policy, ...]) -> str:
    """Write policies in both formats, and resolve them by one another; return what came of it."""
    named = {policy.id: policy for policy in policies}
    for policy in policies:
        try:
            policy_document(policy)  # these two read back what they write
            policy_turtle(policy)
            resolve(policy, named)
        except (PreauError, OdrlError) as exc:
            return f"read, then {type(exc).__name__}"
    return "read and written"


# -- bytes ----------------------------------------------------------------------------------


def _bytes(rng: random.Random, case: Case, other: bytes) -> Case:
    data = bytearray(case.data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        rng.choice(_BYTE_CHANGES)(rng, data, other)
    return Case(case.form, bytes(data))


def _flip(rng: random.Random, data: bytearray, _: bytes) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(rng: random.Random, data: bytearray, _: bytes) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice((1, 3, 40, 400))]


def _insert(rng: random.Random, data: bytearray, _: bytes) -> None:
    start = rng.randrange(len(data) + 1)
    data[start:start] = rng.choice(TOKENS) * rng.choice((1, 1, 1, 3, 500))


def _repeat(rng: random.Random, data: bytearray, _: bytes) -> None:
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.choice((2, 20, 200))]
    data[start:start] = piece * rng.choice(REPEATS)


def _splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    start, there = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    data[start:start] = other[there : there + rng.choice((10, 100, 1000))]


_BYTE_CHANGES: tuple[Callable[[random.Random, bytearray, bytes], None], ...] = (
    *(_flip, _cut, _insert, _repeat, _splice),
)


# -- values ---------------------------------------------------------------------------------


def _values(rng: random.Random, case: Case) -> Case:
    document = json.loads(case.data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change(rng, document)
    return Case(case.form, json.dumps(document).encode())


def _change(rng: random.Random, document: dict[str, Any]) -> None:
    places = list(_places(document))
    holder, key = rng.choice(places)
    value = holder[key]
    other, there = rng.choice(places)
    match rng.randrange(9):
        case 0:
            del holder[key]
        case 1:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
        case 2:
            holder[key] = copy.deepcopy(other[there])
        case 3:
            holder[key] = [value] * rng.choice(REPEATS)
        case 4:
            holder[key] = {rng.choice(NAMES): value}
        case 5 if isinstance(holder, dict):
            holder[rng.choice(NAMES)] = holder.pop(key)
        case 6 if isinstance(value, dict):
            value[rng.choice(NAMES)] = copy.deepcopy(rng.choice([*VALUES, other[there]]))
        case 7:
            for _ in range(rng.randrange(DEEP)):
                value = {"odrl:and": [value]} if rng.random() < 0.5 else [value]
            holder[key] = value
        case _:
            holder[key] = [value, copy.deepcopy(other[there])]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (holder, key) of everything in a JSON value."""
    stack = [value]
    while stack:
        item = stack.pop()
        pairs = item.items() if isinstance(item, dict) else enumerate(item)
        for key, child in pairs:
            yield item, key
            if isinstance(child, dict | list):
                stack.append(child)


# -- node maps ------------------------------------------------------------------------------


def _graph(rng: random.Random, case: Case) -> Case:
    """Change what nodes refer to and state, where every document is well formed."""
    graph = [copy.deepcopy(node) for node in _nodes(case)]
    for _ in range(rng.choice((1, 1, 2, 4, 12))):
        _rewire(rng, graph)
    return Case("nodes", json.dumps(graph).encode())


def _rewire(rng: random.Random, graph: list[dict[str, Any]]) -> None:
    node, other = rng.choice(graph), rng.choice(graph)
    keys = [key for key in node if key != "@id"]
    names = [key for item in graph for key in item if key != "@id"]
    name = rng.choice(names) if names else "@type"
    stated = other.get(name)
    values = stated if isinstance(stated, list) else []
    match rng.randrange(8):
        case 0 if keys:
            del node[rng.choice(keys)]
        case 1:
            node[name] = [{"@id": other["@id"]}]
        case 2:
            node[name] = copy.deepcopy(values)
        case 3 if isinstance(node.get(name), list):
            node[name] += copy.deepcopy(values) + [{"@id": other["@id"]}] * rng.randrange(2)
        case 4:
            graph.append({**copy.deepcopy(node), "@id": f"_:new{len(graph)}"})
        case 5:
            node[name] = rng.choice([5, "x", None, {}, [5], [[]], [{"@list": 5}], [{"@id": 5}]])
        case 6:
            node[name] = [{"@list": copy.deepcopy(values)}]
        case _:
            node[name] = [copy.deepcopy(rng.choice(_ODD))]


_ODD: list[dict[str, Any]] = [
    *({"@value": 5}, {"@value": True}, {"@value": None}, {"@value": [5]}, {"@value": "x"}),
    *({"@value": "x", "@type": 5}, {"@value": "x", "@language": {}}, {}, {"@id": "_:none"}),
    *({"@value": 1e308 * 10}, {"@value": 10**4000}, {"@id": ""}, {"@id": "urn:example:x"}),
]

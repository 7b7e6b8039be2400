"""Messages of peers that went wrong, to a node's two bindings: one value of a sound one is another.

Over HTTPS it may be of any kind, and the bytes may be cut; over gRPC it keeps its type, since
protobuf has no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from connector.domain.participant import Participant
from connector.errors import PreauError
from connector.peer.routes import ROUTES
from connector.ports import Ports
from connector.protocol.dsp import binding, faults
from tests.support.dsp import SAMPLES
from tests.support.dsp_nodes import HOSTILE, NONSENSE, Speaking

ODD: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**70, 1e308, "", " ", "\0", "\ud800", "é" * 4096, [], {}, [[]], [None]),
    *({"@id": ""}, {"@id": "relative"}, {"@value": "1", "@type": "xsd:int"}, {"@list": []}),
    *("http://169.254.169.254/", "https://localhost:1/", "did:web:a%3A1", "urn:uuid:1", "use"),
    *(["https://evil.example/context.jsonld"], "9999-12-31T23:59:60Z", "0000", "P1Y", "Offer"),
)
_TYPED: Final[Mapping[type, tuple[Any, ...]]] = {
    str: tuple(each for each in ODD if isinstance(each, str) and each != "\ud800"),
    bool: (True, False),
    int: (0, 1, 2**63, 2**64 - 1),
    list: ([], [""], [" "] * 300),
}
_FAULTY: Final = 500  # from here on a status speaks of a fault of the node
_REFUSED: Final = 400
_KINDS: Final = {"catalog": faults.CATALOG, "negotiations": faults.NEGOTIATION}


def over_https(node: Speaking, by: str, pids: Mapping[str, str], count: int, draw: Random) -> Any:
    """Send so many bodies to each path; yield path, status and what is wrong with the answer.

    Args:
        node: asked.
        by: DID of who asks.
        pids: kind of process, as in the path, -> pid of one of the caller's.
        count: for each path.
        draw: chooses.
    """
    sound = {each.body["@type"]: each.body for each in SAMPLES if "@type" in each.body}
    paths = [(binding.CATALOG_REQUEST, sound["CatalogRequestMessage"])]
    paths += [(path, sound[kind]) for kind, path in binding.OPENING.items()]
    for kind, path in binding.MOVING.items():
        pid = pids[path.split("/")[1]]
        paths.append((path.format(pid=pid), _named(sound[kind], pid)))
    for path, body in paths:
        for _ in range(count):
            written, header = _written(body, draw), {HOSTILE: NONSENSE}
            answer = node.ask(path, written, by=by, headers=header)
            yield path, answer.status, _wrong(path, answer.status, answer.body)


def over_grpc(asking: Ports, asked: Participant, count: int, draw: Random) -> Iterator[Any]:
    """Send so many messages of each kind; yield kind and the code of the refusal, if any."""
    for route in ROUTES:
        fields = {each.name: each for each in route.request.DESCRIPTOR.fields}
        for _ in range(count):
            body = {name: _typed(each, draw) for name, each in fields.items()}
            try:
                asking.wire.call(asked, route.kind, body)
            except PreauError as exc:
                yield route.kind, exc.code
            else:
                yield route.kind, ""


def reached(known: Participant, ports: Ports) -> Participant:
    """Return a participant as one that is reached over gRPC."""
    port = ports.settings.grpc_listen.rpartition(":")[2]
    return replace(known, grpc_endpoint=f"localhost:{port}")


def _named(body: Mapping[str, Any], pid: str) -> dict[str, Any]:
    return {name: pid if name.endswith("Pid") else each for name, each in body.items()}


def _written(body: Any, draw: Random) -> bytes:
    data = json.dumps(spoiled(body, draw)).encode()
    if draw.random() < 0.1:
        return data[: draw.randrange(len(data))]
    return data


def spoiled(value: Any, draw: Random) -> Any:
    """Return a JSON value of which one part is another."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        name = draw.choice(sorted(value))
        if draw.random() < 0.2:
            return {each: value[each] for each in value if each != name}
        return {**value, name: spoiled(value[name], draw)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        at = draw.randrange(len(value))
        return [*value[:at], spoiled(value[at], draw), *value[at + 1 :]]
    return draw.choice(ODD)


def _typed(field: Any, draw: Random) -> Any:
    if field.is_repeated:
        return draw.choice(_TYPED[list]) if field.type == field.TYPE_STRING else []
    if field.type == field.TYPE_STRING:
        return draw.choice(_TYPED[str])
    if field.type == field.TYPE_BYTES:
        return draw.choice(("", "e30=", "W10=", "eyJAaWQiOiJ4In0=", "/w=="))
    if field.type == field.TYPE_BOOL:
        return draw.choice(_TYPED[bool])
    return str(draw.choice(_TYPED[int])) if field.message_type is None else None


def _wrong(path: str, status: int, body: bytes) -> str:
    if status >= _FAULTY:
        return body.decode(errors="replace")[:300]
    if status < _REFUSED:
        return ""
    try:
        faults.read(body, _KINDS.get(path.split("/")[1], faults.TRANSFER))
    except PreauError as exc:
        return exc.reason
    return ""

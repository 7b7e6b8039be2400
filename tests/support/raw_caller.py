"""A caller that breaks the rules: gRPC by hand, with any certificate, token and bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from connector.errors import PreauError
from connector.identity import certificate, token
from connector.peer.credentials import Leaf
from connector.peer.routes import BY_KIND, STATED, TOKEN_KEY
from connector.peer.status import translate
from tests.support.live_space import Node

GET = BY_KIND["GetNegotiationMessage"].method
CATALOG = BY_KIND["CatalogRequestMessage"].method


def body_of(pid: str) -> bytes:
    """Return the bytes of a GetNegotiationMessage."""
    message: Any = BY_KIND["GetNegotiationMessage"].request(pid=pid)
    return bytes(message.SerializeToString())


def leaf_of(authority: tuple[str, str], did: str, node: Node) -> Leaf:
    """Issue a leaf for any DID from any CA."""
    now = node.clock.now()
    cert, key = certificate.issue_leaf(*authority, did, "localhost", now, 3600)
    return Leaf(cert, key, certificate.thumbprint(cert), now)


def token_of(caller: Node, callee: Node, method: str, data: bytes, **changes: Any) -> str:
    """Make a token; sound unless changed."""
    values: dict[str, Any] = {
        "signer": caller.signer,
        "did": caller.did,
        "audience": callee.did,
        "method": method,
        "body": data,
        "leaf_pem": caller.leaves.current().certificate,
        "jti": caller.ports.ids.new(),
        "now": caller.clock.now(),
        **changes,
    }
    return token.make(**values)


@contextmanager
def channel_to(callee: Node, leaf: Leaf, *more: tuple[str, Any]) -> Iterator[grpc.Channel]:
    """Open a channel to a node that shows any certificate, with more options of gRPC."""
    credentials = grpc.ssl_channel_credentials(
        "".join(cert for cert, _ in callee.tls_authorities).encode(),
        leaf.key.encode(),
        leaf.certificate.encode(),
    )
    options = (
        ("grpc.ssl_target_name_override", "localhost"),
        ("grpc.max_send_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
        *more,
    )
    with grpc.secure_channel(f"127.0.0.1:{callee.grpc_port}", credentials, options) as channel:
        yield channel


def ask(
    callee: Node, leaf: Leaf, shown: str | None, method: str, data: bytes, *others: str
) -> bytes:
    """Make one call by hand, with a token and others beside it.

    Raises:
        PreauError: the refusal.
    """
    tokens = [*([shown] if shown is not None else []), *others]
    metadata = (*STATED, *((TOKEN_KEY, each) for each in tokens))
    with channel_to(callee, leaf) as channel:
        try:
            answer = channel.unary_unary(method)(data, timeout=20, metadata=metadata)
        except grpc.RpcError as exc:
            raise translate(callee.did, exc) from exc
    return bytes(answer)


def refusal(callee: Node, leaf: Leaf, shown: str | None, method: str, data: bytes) -> str:
    """Make one call by hand and return the code of its refusal; empty when it was answered."""
    try:
        ask(callee, leaf, shown, method, data)
    except PreauError as exc:
        return exc.code
    return ""

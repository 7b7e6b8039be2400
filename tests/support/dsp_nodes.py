"""Nodes composed through `bootstrap` that speak the Dataspace Protocol over real TLS on loopback.

Callers are judged by a token that is a DID: whoever is admitted is believed. What a node sends is
kept, and judged at the end by the loss check, and by the published schemas where they are at hand.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from connector.bootstrap import home, wiring
from connector.bootstrap.dataspace import MakeCallers
from connector.bootstrap.node import Node
from connector.config import Settings
from connector.domain.catalog.dataset import Offer
from connector.domain.contract.negotiation import Negotiation
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import Transfer
from connector.errors import TokenInvalid, TokenMissing
from connector.identity import did as dids
from connector.jsonld.loss import dropped
from connector.peer.dsp.callers import Connection
from connector.peer.web.client import GuardedWeb
from connector.ports import Answer, Ports
from connector.protocol.dsp import extensions
from connector.services.credentials.authenticating import Judged
from connector.services.membership import fetching, onboard
from connector.services.publication import publish
from tests.support.link import CONTEXT
from tests.support.live_space import LiveAuthority, WebAuthority
from tests.support.opening import schools
from tests.support.ports import free_port
from tests.support.schemas import faults

PATH: Final = "/dsp/2025-1"
HOSTILE: Final = "X-Of-A-Test"  # header of a request that no node of ours would send
NONSENSE: Final = "nonsense"  # value of it, where what the answer gives back is nothing to judge
PROFILE: Final = "https://w3id.org/preau/odrl/v1"
_SCHEMAS: Final = "PREAU_REFERENCE"
_UUID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BESIDE: Final = re.compile(rf'("{re.escape(extensions.TERMS)}\w+": )"(?:[^"\\]|\\.)*"')
_TIME: Final = re.compile(r'("timestamp": )"2\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ"')


class ByName:
    """`Callers`: the token is the DID of its bearer."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    def judge(self, authorization: str, connection: Connection) -> Judged:
        assert connection.origin
        if not authorization:
            raise TokenMissing("the request carries no token")
        did = authorization.removeprefix("Bearer ")
        with self.ports.store.read() as tx:
            found = tx.participants.get(did)
        if found is None:
            raise TokenInvalid("nobody here is called so")
        return Judged(found)

    def header(self, address: str, peer: Participant) -> str:
        assert address.startswith("https://")
        assert peer.did
        return f"Bearer {self.ports.settings.did}"


@dataclass
class Speaking:
    """A node and how it is spoken to.

    Attributes:
        node: running.
        did: its own.
    """

    node: Node
    did: str

    @property
    def ports(self) -> Ports:
        return self.node._ports

    @property
    def base(self) -> str:
        return dids.origin(self.did) + PATH

    def ask(
        self, path: str, body: Any = None, *, by: str = "", headers: Mapping[str, str] = {}
    ) -> Answer:
        """Ask this node as another participant; a body of bytes goes as it stands."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        said = {HOSTILE: "1", **({"Authorization": f"Bearer {by}"} if by else {})}
        return self.ports.web.ask(self.base + path, data, headers={**said, **headers})

    def negotiation(self, pid: str) -> Negotiation:
        with self.ports.store.read() as tx:
            found = tx.negotiations.get(pid)
        assert found is not None
        return found

    def transfer(self, pid: str) -> Transfer:
        with self.ports.store.read() as tx:
            found = tx.transfers.get(pid)
        assert found is not None
        return found

    def publish(self, folder: Path, name: str, **rule: Any) -> Offer:
        """Publish a dataset under an offer that any peer may read; return the offer."""
        terms = {
            "@context": CONTEXT,
            "@id": f"urn:offer:{name}",
            "@type": "Offer",
            "profile": PROFILE,
            "permission": [{"action": "odrl:read", **rule}],
        }
        publish.publish(self.ports, schools(folder, terms, id=f"urn:dataset:{name}"))
        with self.ports.store.read() as tx:
            offer = tx.offers.get(f"urn:offer:{name}")
        assert offer is not None
        return offer


def judge(body: Mapping[str, Any]) -> None:
    """Check a body of ours: its schema allows it, and the protocol's context loses nothing.

    Of bodies that differ in nothing but names and times one is checked: neither way of checking
    looks into those, as long as different ones stay different.
    """
    _judged(_alike(json.dumps(body, sort_keys=True)))


@lru_cache(maxsize=4096)
def _judged(text: str) -> None:
    body = json.loads(text)
    if "protocolVersions" not in body:
        assert dropped(body) == (), body
    allowed(body)


def _alike(text: str) -> str:
    """Return the JSON of a body with its first UUID called 0, its second 1, and one time for all.

    What our nodes say beside the protocol is text, whatever it says.
    """
    names: dict[str, str] = {}
    text = _BESIDE.sub(r'\1"x"', text)
    text = _UUID.sub(lambda it: names.setdefault(it[0], f"urn:uuid:{UUID(int=len(names))}"), text)
    return _TIME.sub(r'\1"2026-11-29T08:00:00Z"', text)


def allowed(body: Mapping[str, Any]) -> None:
    """Check that the schema of its type allows a body, where schemas are at hand."""
    if _SCHEMAS not in os.environ:
        return
    folder = Path(os.environ[_SCHEMAS], "dsp", "schemas")
    kind = body.get("@type", "protocolVersion")
    name = "".join(f"-{it.lower()}" if it.isupper() else it for it in kind).strip("-")
    found = faults(folder, f"{name}-schema.json", body)
    assert found == [], body


@contextmanager
def speaking(
    folder: Path, *names: str, callers: MakeCallers | None = ByName, **changes: Any
) -> Iterator[list[Speaking]]:
    """Start an authority and its members; each knows each other, and all are stopped at the end.

    Args:
        folder: empty.
        names: of the members.
        callers: judges them; None: what the product has.
        changes: settings of every node.
    """
    said: list[bytes] = []
    with ExitStack() as stack:
        stack.enter_context(_heard(said))
        web = WebAuthority(folder / "web", datetime.now(UTC))
        authority = LiveAuthority(folder / "authority", web)
        stack.callback(authority.close)
        authority.start()
        nodes = [_built(folder / name, authority, web, callers, changes) for name in names]
        for node in nodes:
            stack.callback(node.node.stop)
            node.node.start()
            authority.admit(node.did, node.node._identity.document())
        for node in nodes:
            keep, space = node.node._identity.keep_membership, node.ports.settings.spaces[0]
            onboard.fetch_own_membership(node.ports, keep, space)
        for node in nodes:
            for other in nodes:
                if other is not node:
                    onboard.welcome(node.ports, other.did)
        yield nodes
    for body in said:
        judge(json.loads(body))


@contextmanager
def _heard(said: list[bytes]) -> Iterator[None]:
    """Keep what nodes send to each other over HTTPS, and what they answer to anybody."""

    def ask(self: GuardedWeb, url: str, body: bytes | None = None, **more: Any) -> Answer:
        answer = asked(self, url, body, **more)
        hostile = more.get("headers", {}).get(HOSTILE)
        if PATH in url and hostile != NONSENSE:
            said.append(answer.body)
            said.extend([body] if body and not hostile else [])
        return answer

    asked = GuardedWeb.ask
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GuardedWeb, "ask", ask)
        patch.setattr(fetching, "_endpoint", lambda _document: "")  # nobody is reached over gRPC
        yield


def _built(
    folder: Path,
    authority: LiveAuthority,
    web: WebAuthority,
    callers: MakeCallers | None,
    changes: Mapping[str, Any],
) -> Speaking:
    https, grpc = free_port(), free_port()
    settings = Settings(
        home=folder,
        did=dids.from_host("localhost", https),
        name=folder.name,
        https_listen=f"127.0.0.1:{https}",
        grpc_listen=f"127.0.0.1:{grpc}",
        grpc_endpoint=f"localhost:{grpc}",
        web_roots=str(web.root),
        space=authority.did,
        trusted_issuers=(authority.did,),
        unsafe_allow_hosts=("localhost",),
        # A socket's path would be too long in the folder of a test.
        **{"dsp_path": PATH, "management_listen": "127.0.0.1:0", **changes},
    )
    home.create(settings, certificate=web.certificate, key=web.key)
    return Speaking(wiring.build(settings, callers), settings.did)

"""What is found out about peers for `preau doctor`: their standing here, and ours there.

Rules: each peer is judged as the node would judge it, from the cached papers. A call is made as
the node makes it, with its keys and a leaf of its own, whether it runs or not; the question is
about a negotiation that nobody knows, so that "not found" is the good answer. A peer whose server
ends our handshakes says nothing over gRPC: it is then asked over HTTPS to look at this node again,
which mends what can be mended, and its refusal is what it says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from connector.bootstrap import own
from connector.bootstrap.system import SystemClock, UuidIdentifiers
from connector.config import Settings
from connector.domain import generation as generations
from connector.domain.participant import Participant
from connector.errors import DidUnresolvable, NotFound, PeerUnreachable, PreauError, UpgradeRequired
from connector.identity.did import document_url
from connector.peer.client import GrpcWire
from connector.peer.credentials import Leaves
from connector.peer.web.client import GuardedWeb
from connector.ports import PeerWire, Web
from connector.protocol.messages import GetNegotiationMessage
from connector.services.health.peers import PeerFact
from connector.services.membership import fetching, introducing, onboard
from connector.services.membership.fetching import Evidence

_CALL_SECONDS: Final = 3.0
_AT_ONCE: Final = 8


def peers(
    settings: Settings, found: list[Participant], known: Evidence, now: datetime, *, ask: bool
) -> list[PeerFact]:
    """Return what is found out about each peer, several at once.

    Args:
        settings: of this node.
        found: the peers that it has met.
        known: cached papers.
        now: UTC.
        ask: whether to call them.
    """
    with _reputation(settings) as asked, ThreadPoolExecutor(_AT_ONCE) as pool:
        look = partial(_peer, settings, known, now, asked if ask else None)
        return list(pool.map(look, found))


def skews(settings: Settings, dids: Collection[str]) -> dict[str, timedelta]:
    """Return, for each of these nodes that answers, its time minus ours, to the second."""
    try:
        web = GuardedWeb.of(settings)
    except PreauError:
        return {}
    others = [did for did in dids if did != settings.did]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(others, pool.map(partial(_skew, web), others), strict=True))
    return {did: skew for did, skew in found.items() if skew is not None}


class Reputation:
    """Asks peers, in the node's name."""

    def __init__(self, did: str, wire: PeerWire, web: Web) -> None:
        self._did = did
        self._wire = wire
        self._web = web

    def with_peer(self, peer: Participant) -> tuple[str, str]:
        """Return what a peer says of this node, and why it does not answer; both may be empty."""
        said, silent = self._called(peer)
        if not silent:
            return said, ""
        try:
            introducing.introduce(self._web, self._did, peer)
        except (PeerUnreachable, DidUnresolvable):
            return "", silent
        except PreauError as exc:
            return f"{exc.code}: {exc.reason}", ""
        return self._called(peer)

    def too_old(self, did: str) -> str:
        """Return why a peer's node cannot work with ours; empty when it can, or is silent."""
        try:
            generations.check(did, fetching.generation(self._web, did))
        except UpgradeRequired as exc:
            return f"{exc.code}: {exc.reason}"
        except PreauError:
            return ""  # what it says, or its silence, is told
        return ""

    def _called(self, peer: Participant) -> tuple[str, str]:
        question: Mapping[str, Any] = GetNegotiationMessage(UuidIdentifiers().new()).to_body()
        kind = GetNegotiationMessage.__name__
        try:
            self._wire.call(peer, kind, question, seconds=_CALL_SECONDS)
        except (NotFound, UpgradeRequired):
            return "", ""  # it knows us; of generations the check of peers tells
        except PeerUnreachable as exc:
            return "", exc.reason
        except PreauError as exc:
            return f"{exc.code}: {exc.reason}", ""
        return "", ""


def _skew(web: GuardedWeb, did: str) -> timedelta | None:
    try:
        theirs = web.time(document_url(did))
    except PreauError:
        return None
    return theirs - SystemClock().now().replace(microsecond=0)


def _peer(
    settings: Settings,
    known: Evidence,
    now: datetime,
    asked: Reputation | None,
    peer: Participant,
) -> PeerFact:
    fault = ""
    try:
        onboard.judge_known(settings, peer, known, now)
    except PreauError as exc:
        fault = f"{exc.code}: {exc.reason}"
    if asked is None:
        return PeerFact(peer.did, fault, None)
    said, silent = asked.with_peer(peer)
    return PeerFact(peer.did, fault or asked.too_old(peer.did), silent, said)


@contextmanager
def _reputation(settings: Settings) -> Iterator[Reputation | None]:
    """Give what asks peers in the node's name; None where its keys cannot be used."""
    try:
        identity = own.Identity(settings)
        leaves = Leaves(identity.tls_authority, settings.did, SystemClock(), settings.leaf_seconds)
        wire = GrpcWire(settings, SystemClock(), UuidIdentifiers(), identity.signer, leaves)
        web = GuardedWeb.of(settings)
    except PreauError:
        yield None  # the checks of keys and settings say so
        return
    try:
        yield Reputation(settings.did, wire, web)
    finally:
        wire.close()

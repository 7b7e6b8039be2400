"""What is found out about peers for `preau doctor`: their standing here, and ours there.

Rules: each peer is judged as the node would judge it, from the cached papers. A call is made as
the node makes it, with its keys and a leaf of its own, whether it runs or not; the question is
about a negotiation that nobody knows, so that "not found" is the good answer. A peer whose server
ends our handshakes says nothing over gRPC: it is then asked over HTTPS to look at this node again,
which mends what can be mended, and its refusal is what it says. All are asked at once, within one
time: who has not answered by then is said to be silent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from connector.bootstrap.keys import own
from connector.bootstrap.system import SystemClock, UuidIdentifiers
from connector.config import Settings
from connector.domain import generation as generations
from connector.domain.participant import Participant
from connector.errors import DidUnresolvable, NotFound, PeerUnreachable, PreauError, UpgradeRequired
from connector.identity.did import document_url
from connector.peer.client import GrpcWire
from connector.peer.credentials import Leaves
from connector.peer.web.client import GuardedWeb
from connector.ports import Web
from connector.protocol.messages import GetNegotiationMessage
from connector.services.health.peers import PeerFact
from connector.services.membership import fetching, introducing, judging, reaching
from connector.services.membership.fetching import Evidence

T = TypeVar("T")
R = TypeVar("R")

TOTAL_SECONDS: Final = 20.0  # for one question to all peers
_CALL_SECONDS: Final = 3.0
_AT_ONCE: Final = 32  # each of them mostly waits


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
    facts = [_judged(settings, peer, known, now) for peer in found]
    with _reputation(settings) as asked:
        if asked is None or not ask:
            return facts
        answers = in_time(partial(_said, asked), found)
    late = (
        "",
        f"not asked, or did not answer, within the {TOTAL_SECONDS:.0f} s allowed for all peers",
        "",
    )
    return [
        PeerFact(fact.did, fact.fault or old, silent, said)
        for fact, (said, silent, old) in zip(facts, (each or late for each in answers), strict=True)
    ]


def skews(settings: Settings, dids: Collection[str]) -> dict[str, timedelta]:
    """Return, for each of these nodes that answers, its time minus ours, to the second."""
    try:
        web = GuardedWeb.of(settings).within(TOTAL_SECONDS)
    except PreauError:
        return {}
    others = [did for did in dids if did != settings.did]
    found = zip(others, in_time(partial(_skew, web), others), strict=True)
    return {did: skew for did, skew in found if skew is not None}


def in_time(
    look: Callable[[T], R], items: Sequence[T], seconds: float = TOTAL_SECONDS
) -> list[R | None]:
    """Look at all items, many at once, and return what was found; None of what takes too long.

    Args:
        look: ends by itself soon after the time is over.
        items: all.
        seconds: for all of them together.
    """
    pool = ThreadPoolExecutor(_AT_ONCE)
    looks = [pool.submit(look, item) for item in items]
    done = wait(looks, seconds).done
    pool.shutdown(wait=False, cancel_futures=True)
    return [each.result() if each in done else None for each in looks]


class Reputation:
    """Asks peers, in the node's name."""

    def __init__(self, did: str, wire: GrpcWire, web: Web) -> None:
        self._did = did
        self._wire = wire
        self._web = web

    def with_peer(self, peer: Participant) -> tuple[str, str]:
        """Return what a peer says of this node, and why it does not answer; both may be empty."""
        if not peer.grpc_endpoint:
            return "", self._reached(peer)
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

    def _reached(self, peer: Participant) -> str:
        """Return why a peer of the Dataspace Protocol is not reached; empty where it is."""
        try:
            reaching.base_of(self._web, peer)
        except PreauError as exc:
            return exc.reason
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


def _judged(settings: Settings, peer: Participant, known: Evidence, now: datetime) -> PeerFact:
    try:
        judging.judge_known(settings, peer, known, now)
    except PreauError as exc:
        return PeerFact(peer.did, f"{exc.code}: {exc.reason}", None)
    return PeerFact(peer.did, "", None)


def _said(asked: Reputation, peer: Participant) -> tuple[str, str, str]:
    """Return what a peer says of us, why it is silent, and why it is too old; each may be empty."""
    old = asked.too_old(peer.did) if peer.grpc_endpoint else ""
    return (*asked.with_peer(peer), old)


@contextmanager
def _reputation(settings: Settings) -> Iterator[Reputation | None]:
    """Give what asks peers in the node's name; None where its keys cannot be used."""
    try:
        identity = own.Identity(settings)
        leaves = Leaves(identity.tls_authority, settings.did, SystemClock(), settings.leaf_seconds)
        wire = GrpcWire(settings, SystemClock(), UuidIdentifiers(), identity.signer, leaves)
        web = GuardedWeb.of(settings).within(TOTAL_SECONDS)
    except PreauError:
        yield None  # the checks of keys and settings say so
        return
    try:
        yield Reputation(settings.did, wire, web)
    finally:
        wire.close()

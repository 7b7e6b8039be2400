"""Who calls, and whether it may: the checks that stand before every handler, in order.

1. the TLS certificate names a DID of an admitted participant;
2. a CA of *that* DID's document issued it (an admitted CA could write any DID into a leaf);
3. the caller's node is of a generation that can work with ours;
4. the call's token is that DID's, for us, this method, these bytes and this certificate;
5. the participant's membership stands now, by the cached status list.

That the token was not used before, also not before a restart, `use.py` finds where it writes that
it is now: nothing of a call that was made before is kept, and nothing of it leaves. The tokens that
this process saw last stop a replay before its handler.

A certificate or token that does not fit may be the first sign of rotated keys, and a membership
that does not stand may have been renewed: the peer's document and membership are then fetched anew,
at most once in `RETRY_SECONDS` a peer and within `FETCH_SECONDS`, and the checks run again. A
stranger can not make this node fetch anything.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from connector.domain import generation as generations
from connector.domain.participant import Participant
from connector.errors import (
    CertificateMismatch,
    PreauError,
    TokenInvalid,
    TokenMismatch,
    TokenMissing,
    TokenReplayed,
    UnknownPeer,
    Untrusted,
)
from connector.identity import certificate, token
from connector.identity import document as documents
from connector.identity.token import CallToken
from connector.peer.healing import Backoff
from connector.peer.routes import ASKING, CHECKPOINT_KEY, TOKEN_KEY, generation_in
from connector.peer.status import Context
from connector.peer.web.client import hurried
from connector.ports import Ports
from connector.services.membership import dealing, onboard

RETRY_SECONDS: Final = 60.0
FETCH_SECONDS: Final = 8.0  # for all that is fetched of a peer: a call's thread waits for it

SEEN: Final = 4096  # tokens that are remembered

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a call shows of its caller; nothing of it is believed yet.

    Attributes:
        leaf: TLS certificate of the connection, PEM.
        did: DID that it names; empty when it names none.
        token: call token; empty when there is none.
        checkpoint: signed checkpoint of the caller's log; empty when there is none.
        generation: of the caller's node.
        carries: whether it takes our next message with the answer.
    """

    leaf: bytes
    did: str
    tokens: tuple[str, ...]
    checkpoint: bytes
    generation: int
    carries: bool = False


def shown(context: Context) -> Shown:
    """Read what a call shows."""
    peer = cast("Mapping[str, Sequence[bytes]]", context.auth_context())
    leaf = (*peer.get("x509_pem_cert", ()), b"")[0]
    metadata = tuple(cast("Iterable[tuple[str, str | bytes]]", context.invocation_metadata() or ()))
    tokens = [value for key, value in metadata if key == TOKEN_KEY]
    return Shown(
        leaf,
        _named(leaf),
        tuple(str(each) for each in tokens if each),
        checkpoint_in(metadata),
        generation_in(metadata),
        carries=ASKING[0] in metadata,
    )


def checkpoint_in(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    """Return the checkpoint that metadata carry; empty unless there is exactly one."""
    found = [value for key, value in metadata if key == CHECKPOINT_KEY]
    return found[0] if len(found) == 1 and isinstance(found[0], bytes) else b""


class Gate:
    """Runs the checks; thread-safe."""

    def __init__(self, ports: Ports, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self._ports = ports
        self._again = Backoff(retry_seconds, retry_seconds)
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def identify(self, call: Shown) -> Participant:
        """Return the admitted participant whose certificate the connection shows (1, 2).

        Raises:
            UnknownPeer: the certificate names no admitted participant.
            CertificateMismatch: it is not that participant's.
        """
        participant = self._known(call.did)
        try:
            self._check_leaf(call, participant)
        except CertificateMismatch:
            if not self._reacquaint(call.did):
                raise
            participant = self._known(call.did)
            self._check_leaf(call, participant)
        return participant

    def authorise(self, call: Shown, method: str, body: bytes) -> tuple[Participant, CallToken]:
        """Return the caller as it is known now, once its call passed the checks.

        Args:
            call: what it shows.
            method: full gRPC method name.
            body: exact bytes of the request, or of a stream's first frame.

        Returns:
            The caller, and the token, whose use is still to be written.

        Raises:
            UnknownPeer: the certificate names no admitted participant.
            UpgradeRequired: its node is too old.
            TokenMissing: no token.
            TokenInvalid: several tokens, or signature, issuer, audience or lifetime is wrong.
            TokenMismatch: made for another method, body or certificate.
            TokenReplayed: used before, as this process remembers.
            Untrusted: the participant is no longer believed; the class says why.
        """
        if len(call.tokens) > 1:
            raise TokenInvalid(f"the call carries {len(call.tokens)} tokens")
        try:
            found = self._judged(call, method, body)
        except (UnknownPeer, TokenMissing, TokenMismatch):
            raise
        except Untrusted:
            if not self._reacquaint(call.did):
                raise
            found = self._judged(call, method, body)
        self._see(found[1])
        return found

    def _see(self, token: CallToken) -> None:
        """Note a token; whether it was used is decided by the database (`use.py`)."""
        with self._lock:
            if (token.issuer, token.jti) in self._seen:
                raise TokenReplayed("the token was used before")
            self._seen[token.issuer, token.jti] = None
            if len(self._seen) > SEEN:
                self._seen.popitem(last=False)

    def _judged(self, call: Shown, method: str, body: bytes) -> tuple[Participant, CallToken]:
        """Run the checks by one look at what is known."""
        with self._ports.store.read() as tx:
            participant = _admitted(tx.participants.get(call.did), call.did)
            self._check_leaf(call, participant)
            generations.check(call.did, call.generation)
            if not call.tokens:
                raise TokenMissing("the call carries no token")
            shown = self._check_token(call, participant, method, body)
            return dealing.seen(self._ports, tx, participant), shown

    def _known(self, did: str) -> Participant:
        with self._ports.store.read() as tx:
            return _admitted(tx.participants.get(did), did)

    def _check_leaf(self, call: Shown, participant: Participant) -> None:
        authorities = participant.tls_authorities
        certificate.check_leaf(call.leaf, call.did, authorities, self._ports.clock.now())

    def _check_token(self, call: Shown, caller: Participant, method: str, body: bytes) -> CallToken:
        document = documents.read(caller.document, caller.did)
        own, now = self._ports.settings.did, self._ports.clock.now()
        return token.check(call.tokens[0], document, own, method, body, call.leaf, now)

    def _reacquaint(self, did: str) -> bool:
        """Fetch an admitted peer's document anew; return whether that was done."""
        if not self._again.take(did):
            return False
        hurrying = replace(self._ports, web=hurried(self._ports.web, FETCH_SECONDS))
        try:
            onboard.reacquaint(hurrying, did)
        except PreauError as exc:
            _log.info("`%s` could not be fetched anew: %s", did, exc.code)
            return False
        return True


def _admitted(found: Participant | None, did: str) -> Participant:
    if found is None:
        raise UnknownPeer(
            f"`{did[:200]}` was never admitted here", hint="make first contact over HTTPS"
        )
    return found


def _named(leaf: bytes) -> str:
    try:
        return certificate.named_did(leaf) if leaf else ""
    except CertificateMismatch:
        return ""

"""Who calls, and whether it may: the checks that stand before every handler, in order.

1. the TLS certificate names a DID of an admitted participant;
2. a CA of *that* DID's document issued it (an admitted CA could write any DID into a leaf);
3. the caller's node is of a generation that can work with ours;
4. the call's token is that DID's, for us, this method, these bytes and this certificate;
5. the token was not used before, also not before a restart;
6. the participant's membership stands now, by the cached status list.

A certificate or token that does not fit may be the first sign of rotated keys, and a membership
that does not stand may have been renewed: the peer's document and membership are then fetched anew,
at most once in `RETRY_SECONDS` a peer, and the checks run again. A stranger can not make this node
fetch anything.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from connector.domain import generation as generations
from connector.domain.participant import Participant
from connector.errors import (
    CertificateMismatch,
    PreauError,
    TokenInvalid,
    TokenMissing,
    TokenReplayed,
    UnknownPeer,
    Untrusted,
)
from connector.identity import certificate, token
from connector.identity import document as documents
from connector.peer.healing import Backoff
from connector.peer.routes import CHECKPOINT_KEY, TOKEN_KEY, generation_in
from connector.peer.status import Context
from connector.ports import Ports
from connector.services.membership import onboard

RETRY_SECONDS: Final = 60.0

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
    """

    leaf: bytes
    did: str
    tokens: tuple[str, ...]
    checkpoint: bytes
    generation: int


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

    def authorise(self, call: Shown, caller: Participant, method: str, body: bytes) -> Participant:
        """Return the caller as it is known now, once its call passed the other checks (3 to 6).

        Args:
            call: what it shows.
            caller: whom `identify` returned for it.
            method: full gRPC method name.
            body: exact bytes of the request, or of a stream's first frame.

        Raises:
            UpgradeRequired: its node is too old.
            TokenMissing: no token.
            TokenInvalid: several tokens, or signature, issuer, audience or lifetime is wrong.
            TokenMismatch: made for another method, body or certificate.
            TokenReplayed: used before.
            Untrusted: the participant is no longer believed; the class says why.
        """
        generations.check(caller.did, call.generation)
        if not call.tokens:
            raise TokenMissing("the call carries no token")
        if len(call.tokens) > 1:
            raise TokenInvalid(f"the call carries {len(call.tokens)} tokens")
        try:
            used = self._check_token(call, caller, method, body)
        except TokenInvalid:
            if not self._reacquaint(call.did):
                raise
            used = self._check_token(call, self.identify(call), method, body)
        with self._ports.store.write() as tx:
            fresh = tx.tokens.use(used.issuer, used.jti, used.expires)
        if not fresh:
            raise TokenReplayed("the token was used before")
        try:
            return onboard.judge(self._ports, caller.did)
        except Untrusted:
            if not self._reacquaint(call.did):
                raise
            return onboard.judge(self._ports, caller.did)

    def _known(self, did: str) -> Participant:
        with self._ports.store.read() as tx:
            participant = tx.participants.get(did) if did else None
        if participant is None:
            raise UnknownPeer(
                f"`{did[:200]}` was never admitted here", hint="make first contact over HTTPS"
            )
        return participant

    def _check_leaf(self, call: Shown, participant: Participant) -> None:
        authorities = participant.tls_authorities
        certificate.check_leaf(call.leaf, call.did, authorities, self._ports.clock.now())

    def _check_token(
        self, call: Shown, caller: Participant, method: str, body: bytes
    ) -> token.CallToken:
        document = documents.read(caller.document, caller.did)
        own, now = self._ports.settings.did, self._ports.clock.now()
        return token.check(call.tokens[0], document, own, method, body, call.leaf, now)

    def _reacquaint(self, did: str) -> bool:
        """Fetch an admitted peer's document anew; return whether that was done."""
        if not self._again.take(did):
            return False
        try:
            onboard.reacquaint(self._ports, did)
        except PreauError as exc:
            _log.info("`%s` could not be fetched anew: %s", did, exc.code)
            return False
        return True


def _named(leaf: bytes) -> str:
    try:
        return certificate.named_did(leaf) if leaf else ""
    except CertificateMismatch:
        return ""

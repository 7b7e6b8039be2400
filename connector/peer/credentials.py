"""The node's own TLS leaf, and the CAs that its gRPC server believes.

Rules: a leaf is replaced at half of its life without a restart; the old one stays valid for the
connections that use it, so that old and new overlap; so it is when another CA issues. The server's
roots are the CAs of admitted participants, read anew for each connection, yet never in more than
`READING` of the time, since strangers connect as well; who was admitted meanwhile is believed at
once. An admitted CA only opens the door, since `calls/authenticate.py` then checks that the leaf
comes from a CA of the very DID that it names.
Clients check a server by its DNS name, which is the host of its DID.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import grpc

from connector.domain.participant import ADMISSION, Participant
from connector.identity import certificate
from connector.identity import did as dids
from connector.ports import Clock, Store, Wakeups
from connector.services.readable import readable

READING: Final = 0.2  # share of the time; reading a thousand participants takes some 50 ms


@dataclass(frozen=True, slots=True)
class Leaf:
    """A TLS certificate of this node with its key.

    Attributes:
        certificate: PEM.
        key: PEM; never leaves memory.
        thumbprint: `x5t#S256`, to which call tokens are bound.
        renew_at: when a new one is due, UTC.
    """

    certificate: str
    key: str
    thumbprint: str
    renew_at: datetime

    def __repr__(self) -> str:
        return f"Leaf({self.thumbprint})"  # a key has no place in a traceback


class Leaves:
    """Issues the node's leaves from its own small CA, in memory only; thread-safe."""

    def __init__(
        self, authority: Callable[[], tuple[str, str]], did: str, clock: Clock, seconds: float
    ) -> None:
        """Prepare; the first leaf is issued when it is asked for.

        Args:
            authority: returns the CA that issues now, certificate and key, PEM.
            did: the node's DID.
            clock: wall time.
            seconds: life of a leaf.
        """
        self._authority = authority
        self._did = did
        self._clock = clock
        self._life = timedelta(seconds=seconds)
        self._lock = threading.Lock()
        self._leaf: Leaf | None = None
        self._issued_by = ""

    @property
    def authority(self) -> str:
        """Certificate of the CA, PEM."""
        return self._authority()[0]

    def current(self) -> Leaf:
        """Return the leaf to use for a new connection, a fresh one at half life.

        Raises:
            CertificateMismatch: the node's CA cannot be read.
        """
        with self._lock:
            now, (issuer, issuer_key) = self._clock.now(), self._authority()
            if self._leaf is None or now >= self._leaf.renew_at or issuer != self._issued_by:
                self._leaf, self._issued_by = self._issue(now, issuer, issuer_key), issuer
            return self._leaf

    def _issue(self, now: datetime, issuer: str, issuer_key: str) -> Leaf:
        host = dids.host(self._did)
        cert, key = certificate.issue_leaf(
            issuer, issuer_key, self._did, host, now, self._life.total_seconds()
        )
        return Leaf(cert, key, certificate.thumbprint(cert), now + self._life / 2)


class ServerTrust:
    """What the gRPC server shows and believes, asked for at each new connection; thread-safe."""

    def __init__(
        self,
        leaves: Leaves,
        store: Store,
        wakeups: Wakeups,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leaves = leaves
        self._store = store
        self._wakeups = wakeups
        self._now = now
        self._lock = threading.Lock()
        self._last: tuple[str, bytes] | None = None
        self._read_again = now()

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that demand a client certificate and follow every change.

        Raises:
            StoreUnavailable: the participants cannot be read.
        """
        with self._lock:
            first = self._configuration(*self._read())
        return grpc.dynamic_ssl_server_credentials(
            first,
            self.changed,  # type: ignore[arg-type]  # None means "as before"; the stubs forgot it
            require_client_authentication=True,
        )

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the configuration when it changed since the last time, None otherwise.

        Raises:
            StoreUnavailable: the participants cannot be read; the connection is refused.
        """
        with self._lock:
            admitted = self._wakeups.wait(ADMISSION, 0.0)
            if self._now() < self._read_again and not admitted:
                return None
            leaf, roots = self._read()
            if (leaf.thumbprint, roots) == self._last:
                return None
            return self._configuration(leaf, roots)

    def _read(self) -> tuple[Leaf, bytes]:
        began = self._now()
        with self._store.read() as tx:
            admitted = readable(tx.participants, blocked="")
        found = self._leaves.current(), self._roots(admitted)
        ended = self._now()
        self._read_again = ended + (ended - began) * (1 / READING - 1)
        return found

    def _roots(self, admitted: list[Participant]) -> bytes:
        # The own CA is there so that the list is never empty, which gRPC would read as "any".
        pems = {pem for participant in admitted for pem in participant.tls_authorities}
        return _bundle({*pems, self._leaves.authority})

    def _configuration(self, leaf: Leaf, roots: bytes) -> grpc.ServerCertificateConfiguration:
        self._last = (leaf.thumbprint, roots)
        return grpc.ssl_server_certificate_configuration(
            [(leaf.key.encode(), leaf.certificate.encode())], root_certificates=roots
        )


def client_credentials(leaf: Leaf, peer: Participant) -> grpc.ChannelCredentials:
    """Return credentials that believe this peer's CAs and nobody else's."""
    return grpc.ssl_channel_credentials(
        root_certificates=_bundle(peer.tls_authorities),
        private_key=leaf.key.encode(),
        certificate_chain=leaf.certificate.encode(),
    )


def _bundle(pems: Iterable[str]) -> bytes:
    """Return certificates as one PEM file; each on lines of its own, however it came."""
    return "".join(sorted(f"{pem.strip()}\n" for pem in pems)).encode()

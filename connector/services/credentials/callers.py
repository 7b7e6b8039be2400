"""Callers over HTTPS by DCP: who calls this node, and how it shows who it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from connector.domain.participant import Participant
from connector.identity.dcp import access, self_issued
from connector.ports import Ports
from connector.services.credentials.authenticating import Judged, Shown, bearer
from connector.services.credentials.verifying import Verifier
from connector.services.membership.belonging import space_of

# An access token lives for ten minutes, so that one may go with several messages.
GIVEN_FOR: Final = timedelta(minutes=1)
MOST_GIVEN: Final = 1024


class DcpCallers:
    """Judges callers by their tokens and credentials, and makes this node's tokens."""

    def __init__(self, ports: Ports, verifier: Verifier) -> None:
        """Prepare.

        Args:
            ports: of this node.
            verifier: judges.
        """
        self._ports = ports
        self._verifier = verifier
        self._given: dict[tuple[str, tuple[str, ...]], tuple[datetime, str]] = {}

    def judge(self, authorization: str, connection: Shown) -> Judged:
        """Return who calls, as it is believed now.

        Args:
            authorization: the header; empty where there is none.
            connection: that brought it.

        Raises:
            Untrusted: it is not believed; the class says why.
            TooManyRequests: too many are looked at just now.
        """
        return self._verifier.judged(bearer(authorization), connection)

    def header(self, address: str, peer: Participant) -> str:  # noqa: ARG002  a token is of no address
        """Return the value of `Authorization` for one request to a peer.

        With it goes what the peer may ask this node's Credential Service for: the credentials that
        the space in which the two deal asks of its members.

        Raises:
            SpaceUnstated: in which space this node deals with the peer is not stated.
            KeyUnusable: the key cannot be used.
        """
        ports, now = self._ports, self._ports.clock.now()
        own, scopes = ports.settings.did, space_of(ports, peer.did).scopes
        token = self_issued.make(
            *(ports.signer, own, peer.did, ports.ids.new(), now),
            access_token=self._access(peer.did, scopes, now),
        )
        return f"Bearer {token}"

    def _access(self, peer: str, scopes: tuple[str, ...], now: datetime) -> str:
        """Return an access token for a peer: the last one, if it is of the last minute."""
        made, token = self._given.get((peer, scopes), (now - GIVEN_FOR, ""))
        if timedelta(0) <= now - made < GIVEN_FOR:
            return token
        token = access.make(self._ports.signer, self._ports.settings.did, peer, scopes, now)
        if len(self._given) >= MOST_GIVEN:
            self._given.clear()
        self._given[peer, scopes] = (now, token)
        return token

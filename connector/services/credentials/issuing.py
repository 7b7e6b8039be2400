"""The issuer: requests for credentials, and their delivery (DCP 1.0 sections 6.4 to 6.8).

Rules: who is known may ask, and gets what it asked for at its Credential Service, later, over a
connection that this node opens; nothing is fetched for anybody else. A request is decided when its
answer is made, so that who was revoked since is rejected; the answer is tried for `MAX_AGE`. What
is issued, and to whom, is an `Offering`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from connector.domain.credentials import IssuanceRequest
from connector.errors import MembershipRequired, PeerUnreachable, PreauError, TooManyRequests
from connector.identity.dcp import issuing, self_issued, services
from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialRequestMessage,
    CredentialStatus,
    IssuerMetadata,
    RequestStatus,
)
from connector.identity.dcp.issuing import Request
from connector.identity.dcp.services import Service
from connector.jsonld.canonical import canonical
from connector.ports import Ports, Transaction
from connector.services.credentials.authenticating import Authenticator, Shown
from connector.services.credentials.resolving import Documents

ISSUANCE: Final = "issuance"  # what wakes who delivers
DELIVERY_PATH: Final = "/credentials"
HOUR: Final = timedelta(hours=1)
PER_HOUR: Final = 20
MAX_AGE: Final = timedelta(days=7)  # after that a delivery is given up
FIRST_PAUSE: Final = 2.0  # seconds; doubles
LONGEST_PAUSE: Final = 900.0
LOOK_SECONDS: Final = 600.0
_BYTES: Final = 1 << 16
_OK: Final = range(200, 300)

_log = logging.getLogger(__name__)


class Offering(Protocol):
    """What an issuer issues, and to whom."""

    def metadata(self) -> IssuerMetadata:
        """Return what it issues."""
        ...

    def knows(self, tx: Transaction, holder: str) -> bool:
        """Return whether a holder may ask; nothing is fetched for any other."""
        ...

    def stands(self, tx: Transaction, holder: str) -> bool:
        """Return whether a holder gets what it asks for."""
        ...

    def issued(
        self, tx: Transaction, holder: str, ids: Sequence[str]
    ) -> dict[str, CredentialContainer]:
        """Return the credentials of a holder, by the ids of what was asked for."""
        ...


class Issuer:
    """Answers who asks this authority's Issuer Service; thread-safe."""

    def __init__(
        self,
        ports: Ports,
        authenticator: Authenticator,
        offering: Offering,
        per_hour: int = PER_HOUR,
    ) -> None:
        """Prepare.

        Args:
            ports: of this node.
            authenticator: says who asks.
            offering: what is issued, and to whom.
            per_hour: requests that one holder may make in an hour.
        """
        self._ports = ports
        self._per_hour = per_hour
        self._authenticator = authenticator
        self._offering = offering

    def metadata(self) -> IssuerMetadata:
        """Return what is issued here (section 6.7); it is nobody's secret."""
        return self._offering.metadata()

    def request(self, token: str, shown: Shown, message: bytes) -> str:
        """Take a request; return its id here.

        Args:
            token: self-issued ID token of the holder.
            shown: by the connection that brought it.
            message: as received.

        Raises:
            Untrusted: the token is not one that is taken.
            MembershipRequired: the holder is no member.
            Malformed: the message is no request.
            OfferUnknown: it asks for what is not issued.
            RequestDiffers: an open request of that id asks for something else.
            TooManyRequests: the holder made as many as it may in an hour.
        """
        ports = self._ports
        caller, holder = self._member(token, shown)
        asked = CredentialRequestMessage.read(message)
        offered = [each.id for each in self._offering.metadata().credentials]
        now = ports.clock.now()
        with ports.store.write() as tx:
            earlier = tx.issuance_requests.page(limit=0, holder=holder).values
            if sum(now - each.at < HOUR for each in earlier) >= self._per_hour:
                raise TooManyRequests(
                    f"a holder makes {self._per_hour} requests in an hour at most",
                    retry_after=HOUR.total_seconds(),
                )
            taken = issuing.received(
                asked, holder, offered, map(_request, earlier), ports.ids.new()
            )
            if tx.issuance_requests.get(taken.issuer_pid) is None:
                tx.issuance_requests.put(_row(taken, caller, now))
                tx.audit.append("issuance.requested", holder, request=taken.issuer_pid)
                tx.after_commit(partial(ports.wakeups.notify, ISSUANCE))
        return taken.issuer_pid

    def status(self, token: str, shown: Shown, issuer_pid: str) -> CredentialStatus:
        """Return what has become of a request, to its holder only (section 6.8).

        Raises:
            Untrusted: the token is not one that is taken.
            MembershipRequired: the holder is no member.
            NotFound: there is no such request of this holder.
        """
        _, holder = self._member(token, shown)
        with self._ports.store.read() as tx:
            found = tx.issuance_requests.get(issuer_pid)
        return issuing.disclosed(_request(found) if found else None, issuer_pid, holder)

    def _member(self, token: str, shown: Shown) -> tuple[str, str]:
        """Return the access token and DID of a member that asks, revoked or not."""
        stated = self_issued.unverified_issuer(token)
        with self._ports.store.read() as tx:
            known = self._offering.knows(tx, stated)
        if not known:
            raise MembershipRequired(
                f"`{stated[:200]}` is not a member of this space",
                hint="ask its operator to have it admitted by the authority",
            )
        caller = self._authenticator.caller(token, shown)
        return caller.token.access_token, caller.document.did


def turn(ports: Ports, *, known: Documents, offering: Offering, steady: bool) -> float:
    """Deliver what is due; return when to look again, seconds."""
    now = ports.clock.now()
    with ports.store.read() as tx:
        requests = tx.issuance_requests.page(limit=0).values
    for each in requests:
        if each.due_at is not None and each.due_at <= now:
            _deliver(ports, known, offering, each)
    with ports.store.write() as tx:
        requests = tx.issuance_requests.page(limit=0).values
        for each in requests:
            if steady and each.due_at is None and now - each.at > MAX_AGE:
                tx.issuance_requests.remove(each.issuer_pid)
    waits = [each.due_at - now for each in requests if each.due_at is not None]
    return min([LOOK_SECONDS, *(max(each.total_seconds(), 0.1) for each in waits)])


def _deliver(ports: Ports, known: Documents, offering: Offering, row: IssuanceRequest) -> None:
    """Decide a request if that is to be done, and take the answer to its holder."""
    now = ports.clock.now()
    with ports.store.write() as tx:
        if row.status == RequestStatus.RECEIVED:
            row = _decided(row, stands=offering.stands(tx, row.holder))
            tx.issuance_requests.put(row)
            kind = "issuance.granted" if row.status == RequestStatus.ISSUED else "issuance.rejected"
            tx.audit.append(kind, row.holder, request=row.issuer_pid)
        granted = row.status == RequestStatus.ISSUED and offering.stands(tx, row.holder)
        issued = offering.issued(tx, row.holder, row.credentials) if granted else {}
    if row.status == RequestStatus.ISSUED and not issued:  # who was revoked since gets nothing
        with ports.store.write() as tx:
            tx.issuance_requests.put(replace(row, due_at=None, access_token=""))
        return
    try:
        _send(ports, known, row, issued)
        done = replace(row, due_at=None, access_token="", attempts=row.attempts + 1)
    except PreauError as exc:
        _log.warning("delivery to `%s` failed: %s: %s", row.holder, exc.code, exc.reason)
        pause = min(FIRST_PAUSE * 2.0 ** min(row.attempts, 20), LONGEST_PAUSE)
        over = abs(now - row.at) > MAX_AGE
        due = None if over else now + timedelta(seconds=max(pause, exc.retry_after))
        done = replace(row, due_at=due, attempts=row.attempts + 1)
    with ports.store.write() as tx:
        tx.issuance_requests.put(done)


def _decided(row: IssuanceRequest, *, stands: bool) -> IssuanceRequest:
    status = RequestStatus.ISSUED if stands else RequestStatus.REJECTED
    ended = issuing.ended(_request(row), status, "" if stands else "no membership is in force")
    return replace(row, status=ended.status.value, reason=ended.reason)


def _send(
    ports: Ports, known: Documents, row: IssuanceRequest, issued: dict[str, CredentialContainer]
) -> None:
    base = services.endpoint(known.of(row.holder), Service.CREDENTIAL)
    token = self_issued.make(
        *(ports.signer, ports.settings.did, row.holder, ports.ids.new(), ports.clock.now()),
        access_token=row.access_token,
    )
    answer = ports.web.ask(
        base + DELIVERY_PATH,
        canonical(issuing.answer(_request(row), issued).body()),
        headers={"Authorization": f"Bearer {token}"},
        limit=_BYTES,
    )
    if answer.status not in _OK:
        raise PeerUnreachable(f"its Credential Service answers with status {answer.status}")


def _request(row: IssuanceRequest) -> Request:
    return Request(
        *(row.issuer_pid, row.holder, row.holder_pid, row.credentials),
        RequestStatus(row.status),
        row.reason,
    )


def _row(taken: Request, access_token: str, now: datetime) -> IssuanceRequest:
    return IssuanceRequest(
        issuer_pid=taken.issuer_pid,
        holder=taken.holder,
        holder_pid=taken.holder_pid,
        credentials=taken.credentials,
        status=taken.status.value,
        reason=taken.reason,
        access_token=access_token,
        at=now,
        due_at=now,
    )

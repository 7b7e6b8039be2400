"""This node's requests for credentials at the issuers of its spaces (DCP 1.0 section 6.4).

Rules: a request is written down before it is sent, so that an answer that comes at once finds it;
it is sent until the issuer takes it or refuses it; no second one is made while one is open. Each
issuer that has an Issuer Service is asked for what a space's scopes name and it supports, when this
node holds no such credential, or its end is near. What is delivered `holding.py` takes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from connector.domain.credentials import CredentialRequest
from connector.domain.space import Space
from connector.errors import DidUnresolvable, PeerUnreachable, PreauError
from connector.identity.dcp import access, self_issued, services
from connector.identity.dcp import credential as credentials
from connector.identity.dcp.credential import Profile
from connector.identity.dcp.issuance import (
    CredentialRequestMessage,
    IssuerMetadata,
    RequestStatus,
)
from connector.identity.dcp.scopes import Naming
from connector.identity.dcp.services import Service
from connector.jsonld.canonical import canonical
from connector.ports import Ports, Transaction
from connector.services.credentials import standing
from connector.services.credentials.resolving import Documents

MAX_PID: Final = 512
REQUESTS: Final = "credential-requests"  # what wakes who makes requests
REQUESTS_PATH: Final = "/credentials"
METADATA_PATH: Final = "/metadata"
BEFORE_END: Final = timedelta(days=7)
OPEN_FOR: Final = timedelta(days=7)  # a request that has no answer by then is made anew
REFUSED_FOR: Final = timedelta(minutes=5)
AGAIN_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 3600.0
UNKNOWN: Final = "unknown"  # pid of a request that its issuer took without naming it
_BYTES: Final = 1 << 18
_OK: Final = range(200, 300)
# The same may be sent again (RFC 9110): it may know this node later, or have time.
_PASSING: Final = frozenset({401, 403, 408, 429})

_log = logging.getLogger(__name__)


def turn(ports: Ports, *, known: Documents, steady: bool) -> float:
    """Ask for what is missing, and send what was not sent; return when to look again, seconds."""
    now = ports.clock.now()
    for space in ports.settings.spaces:
        for issuer in space.trusted_issuers:
            _try(partial(_want, ports, known, space, issuer), issuer)
    with ports.store.read() as tx:
        unsent = tx.credential_requests.page(
            limit=0, status=RequestStatus.RECEIVED.value, issuer_pid=""
        ).values
    for request in unsent:
        _try(partial(_send, ports, known, request), request.issuer)
    with ports.store.write() as tx:
        requests = tx.credential_requests.page(limit=0).values
        ended = now - timedelta(days=ports.settings.keep_days)
        for each in requests:
            if steady and each.at < ended:
                tx.credential_requests.remove(each.holder_pid)
    waiting = any(each.status != RequestStatus.ISSUED for each in requests)
    return AGAIN_SECONDS if waiting else LOOK_SECONDS


def open_request(
    ports: Ports, tx: Transaction, issuer: str, ids: tuple[str, ...]
) -> CredentialRequest:
    """Write down a request, which is sent next; one that is open and asks for the same is that."""
    for each in tx.credential_requests.page(
        limit=0, issuer=issuer, status=RequestStatus.RECEIVED.value
    ).values:
        if set(each.credentials) == set(ids) and ports.clock.now() - each.at < OPEN_FOR:
            return each
    made = CredentialRequest(
        holder_pid=ports.ids.new(),
        issuer=issuer,
        credentials=ids,
        issuer_pid="",
        status=RequestStatus.RECEIVED.value,
        reason="",
        at=ports.clock.now(),
    )
    tx.credential_requests.put(made)
    tx.audit.append("credentials.requested", issuer, request=made.holder_pid, credentials=list(ids))
    tx.after_commit(partial(ports.wakeups.notify, REQUESTS))
    return made


def metadata(ports: Ports, known: Documents, issuer: str) -> IssuerMetadata:
    """Return what an issuer supports (section 6.7).

    Raises:
        Untrusted: no space trusts it, or its document lists no Issuer Service.
        PeerUnreachable: it does not answer.
        Malformed: its answer is no metadata of its own.
    """
    base = services.endpoint(known.issuer(issuer), Service.ISSUER)
    headers = {"Authorization": _bearer(ports, issuer)}
    answer = ports.web.ask(base + METADATA_PATH, headers=headers, limit=_BYTES)
    if answer.status not in _OK:
        raise PeerUnreachable(f"the issuer `{issuer}` answers with status {answer.status}")
    return IssuerMetadata.read(answer.body, issuer)


def _want(ports: Ports, known: Documents, space: Space, issuer: str) -> None:
    """Open a request for what the space's scopes name and this node does not hold of an issuer."""
    now = ports.clock.now()
    with ports.store.read() as tx:
        held = tx.held_credentials.page(limit=0, issuer=issuer).values
        asked = tx.credential_requests.page(limit=0, issuer=issuer).values
    tokens = [credentials.unverified(each.token).credential for each in held]
    lasting = [
        each for each in tokens if each.valid_until is None or each.valid_until - now > BEFORE_END
    ]
    missing = [
        scope for scope in standing.asked(space) if not any(scope.names(each) for each in lasting)
    ]
    if not missing or any(_is_recent(each, now) for each in asked):
        return
    try:
        offered = metadata(ports, known, issuer).credentials
    except DidUnresolvable:  # it has no Issuer Service, as most authorities do not
        return
    ids = tuple(
        each.id
        for each in offered
        if each.profile == Profile.VC20
        and any(
            scope.naming is Naming.TYPE and scope.value == each.credential_type for scope in missing
        )
    )
    if ids:
        with ports.store.write() as tx:
            open_request(ports, tx, issuer, ids)


def _is_recent(request: CredentialRequest, now: datetime) -> bool:
    """Return whether a request stands in the way of another at its issuer."""
    life = {RequestStatus.RECEIVED.value: OPEN_FOR, RequestStatus.REJECTED.value: REFUSED_FOR}
    return abs(now - request.at) < life.get(request.status, timedelta(0))


def _send(ports: Ports, known: Documents, request: CredentialRequest) -> None:
    base = services.endpoint(known.issuer(request.issuer), Service.ISSUER)
    message = CredentialRequestMessage(request.holder_pid, request.credentials)
    answer = ports.web.ask(
        base + REQUESTS_PATH,
        canonical(message.body()),
        headers={"Authorization": _bearer(ports, request.issuer)},
        limit=_BYTES,
    )
    if answer.status in _OK:
        pid = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        sent = replace(request, issuer_pid=pid[:MAX_PID] or UNKNOWN)
    elif answer.status in _PASSING or answer.status >= 500:  # noqa: PLR2004  of HTTP's own classes
        raise PeerUnreachable(f"the issuer `{request.issuer}` answers {answer.status}")
    else:
        reason = f"refused with status {answer.status}"
        sent = replace(request, status=RequestStatus.REJECTED.value, reason=reason)
    with ports.store.write() as tx:
        now = tx.credential_requests.lock(request.holder_pid)
        if now == request:  # else its answer came already
            tx.credential_requests.put(sent)


def _bearer(ports: Ports, issuer: str) -> str:
    """Return the header for an issuer; its access token lets it ask this node for nothing."""
    own, now = ports.settings.did, ports.clock.now()
    token = self_issued.make(
        *(ports.signer, own, issuer, ports.ids.new(), now),
        access_token=access.make(ports.signer, own, issuer, (), now),
    )
    return f"Bearer {token}"


def _try(step: Callable[[], None], issuer: str) -> None:
    try:
        step()
    except PreauError as exc:
        _log.info("credentials of `%s`: %s: %s", issuer, exc.code, exc.reason)

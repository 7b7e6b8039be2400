"""The holder: this node's Credential Service (DCP 1.0 sections 5.3, 5.4, 6.5 and 6.6).

Rules: a credential leaves only to who shows an access token of ours, by a scope that it grants, and
where this node is in several spaces, only one of the space in which it deals with that bearer;
nothing is fetched for anybody else. A credential is taken only as the answer to a request of ours,
of the issuer that was asked, about this node. An offer of an issuer that some space trusts is taken
up; others are refused.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connector.domain import instant
from connector.domain.credentials import CredentialRequest, HeldCredential
from connector.errors import CredentialInvalid, NotFound, PreauError, UntrustedIssuer
from connector.identity import credential as own_credentials
from connector.identity import document as documents
from connector.identity.dcp import (
    access,
    definition,
    presentation,
    query,
    scopes,
    self_issued,
)
from connector.identity.dcp import credential as credentials
from connector.identity.dcp.credential import Held
from connector.identity.dcp.definition import Definition
from connector.identity.dcp.issuance import CredentialMessage, CredentialOfferMessage
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Transaction
from connector.services.credentials import requesting
from connector.services.credentials.authenticating import Authenticator, Shown
from connector.services.membership import fetching
from connector.services.membership.belonging import space_of

NOTED_FOR: Final = timedelta(hours=1)
MOST_NOTED: Final = 1024


class Holder:
    """Answers who asks this node's Credential Service; thread-safe."""

    def __init__(self, ports: Ports, authenticator: Authenticator) -> None:
        """Prepare.

        Args:
            ports: of this node.
            authenticator: says who asks.
        """
        self._ports = ports
        self._authenticator = authenticator
        self._lock = threading.Lock()
        self._noted: OrderedDict[tuple[str, tuple[str, ...]], datetime] = OrderedDict()

    def present(self, token: str, shown: Shown, message: bytes) -> dict[str, Any]:
        """Answer a presentation query.

        Args:
            token: self-issued ID token of the verifier, with our access token in it.
            shown: by the connection that brought it.
            message: as received.

        Raises:
            Untrusted: the token, or the access token in it, is not one that is taken.
            ScopeForbidden: the access token does not grant a scope.
            Malformed: the message is no query.
            NotSupported: it asks by a presentation definition that is not understood here.
        """
        ports, own = (
            self._ports,
            documents.read(self._ports.own_document(), self._ports.settings.did),
        )
        now, verifier = ports.clock.now(), self_issued.unverified_issuer(token)
        # First, so that a stranger makes this node fetch nothing.
        granted = access.check(self_issued.unverified_access(token), own, verifier, now)
        self._authenticator.caller(token, shown)
        asked = query.read_query(message)
        held, within = self._held(verifier, now), None
        if isinstance(asked, Definition):
            within = asked.chosen(scopes.answering(held, granted, granted))
            chosen = tuple(
                {each.token: each for found in within.values() for each in found}.values()
            )
        else:
            scopes.check_granted(asked, granted)
            chosen = scopes.answering(held, asked, granted)
        made = presentation.make(ports.signer, own.did, verifier, chosen, ports.ids.new, now)
        self._note(verifier, sorted({name for one in chosen for name in one.credential.types}))
        if isinstance(asked, Definition) and within:
            told = definition.submission(asked, within, chosen, ports.ids.new())
            return query.response(made, told)
        return query.response(made)

    def take(self, token: str, shown: Shown, message: bytes) -> None:
        """Take what an issuer made of a request of this node (section 6.5).

        Raises:
            Untrusted: the token is not one that is taken, or no space trusts the issuer.
            Malformed: the message is none.
            NotFound: this node made no such request of that issuer.
            CredentialInvalid: a credential is not the issuer's, or not about this node.
            CredentialExpired: a credential is outside its period.
        """
        issuer = self._issuer(token)
        self._authenticator.caller(token, shown)
        told = CredentialMessage.read(message)
        now = self._ports.clock.now()
        with self._ports.store.read() as tx:
            _request(tx, issuer, told)
        document = self._authenticator.documents.issuer(issuer)
        found = [credentials.verify(each.payload, document) for each in told.credentials]
        for each in found:
            if each.credential.subject_id != self._ports.settings.did:
                raise CredentialInvalid("a credential that was delivered is about another subject")
            own_credentials.check_period(each.credential, now, ahead=instant.SKEW)
        with self._ports.store.write() as tx:
            request = _request(tx, issuer, told)
            for each in found:
                tx.held_credentials.put(_kept(each, told.holder_pid, now))
            tx.credential_requests.put(
                replace(
                    request,
                    issuer_pid=told.issuer_pid,
                    status=told.status.value,
                    reason=told.rejection_reason,
                )
            )
            kind = "credentials.received" if found else "credentials.rejected"
            tx.audit.append(kind, issuer, request=told.holder_pid, credentials=len(found))

    def offered(self, token: str, shown: Shown, message: bytes) -> None:
        """Take up an offer: what it names is asked for, soon (section 6.6).

        Raises:
            Untrusted: the token is not one that is taken, or no space trusts the issuer.
            Malformed: the message is no offer of that issuer, or names what it does not support.
            PeerUnreachable: it names ids alone, and the issuer's metadata cannot be had.
        """
        issuer = self._issuer(token)
        self._authenticator.caller(token, shown)
        offer = CredentialOfferMessage.read(message, issuer)
        if offer.sparse:
            known = self._authenticator.documents
            offer = offer.completed(requesting.metadata(self._ports, known, issuer))
        ids = tuple(each.id for each in offer.credentials)
        with self._ports.store.write() as tx:
            tx.audit.append("credentials.offered", issuer, credentials=list(ids))
            requesting.open_request(self._ports, tx, issuer, ids)

    def _note(self, verifier: str, types: list[str]) -> None:
        """Record what was shown to whom, of the same at most once an hour: a log has no end."""
        now, what = self._ports.clock.now(), (verifier, tuple(types))
        with self._lock:
            if abs(now - self._noted.get(what, datetime.min.replace(tzinfo=UTC))) < NOTED_FOR:
                return
            self._noted[what] = now
            self._noted.move_to_end(what)
            if len(self._noted) > MOST_NOTED:
                self._noted.popitem(last=False)
        with self._ports.store.write() as tx:
            tx.audit.append("credentials.presented", verifier, types=types)

    def _issuer(self, token: str) -> str:
        issuer = self_issued.unverified_issuer(token)
        if issuer not in self._ports.settings.believed:
            raise UntrustedIssuer(f"`{issuer[:200]}` is not a trusted issuer")
        return issuer

    def _held(self, verifier: str, now: datetime) -> list[Held]:
        """Return what may be shown to a verifier, the newest of each kind, valid now."""
        spaces = self._ports.settings.spaces
        space = space_of(self._ports, verifier)
        newest: dict[tuple[str, frozenset[str]], Held] = {}
        for each in held(self._ports):
            if len(spaces) > 1 and each.credential.issuer not in space.trusted_issuers:
                continue
            try:
                own_credentials.check_period(each.credential, now, ahead=instant.SKEW)
            except PreauError:
                continue
            newest[each.credential.issuer, each.credential.types] = each
        return list(newest.values())


def held(ports: Ports) -> list[Held]:
    """Return the credentials of this node, the newest last; those that cannot be read are not."""
    with ports.store.read() as tx:
        kept = tx.held_credentials.page(limit=0).values
    ordered = sorted(kept, key=lambda each: each.received_at)
    found = []
    for token in (*fetching.own_memberships(ports), *(each.token for each in ordered)):
        try:
            found.append(credentials.unverified(token))
        except PreauError:
            continue
    return found


def _request(tx: Transaction, issuer: str, told: CredentialMessage) -> CredentialRequest:
    request = tx.credential_requests.get(told.holder_pid)
    if request is None or request.issuer != issuer:
        raise NotFound(f"no request `{told.holder_pid}` was made of `{issuer}`")
    return request


def _kept(found: Held, holder_pid: str, now: datetime) -> HeldCredential:
    named = found.credential.id or sha256_hex(found.token.encode())
    return HeldCredential(found.credential.issuer, named, found.token, holder_pid, now)

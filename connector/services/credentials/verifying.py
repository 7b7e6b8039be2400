"""The verifier (DCP 1.0 section 5.1): from a self-issued token to a participant that is believed.

Rules: a token proves a DID and nothing else; who belongs is said by the credentials that its bearer
presents, which are asked for by the scopes of the space in which this node deals with it. What was
presented is kept for `KEPT_FOR`, also over a restart, and judged again on every hit: period, issuer
and status are of now. Where that fails, it is asked for anew, once. All of one bearer waits for one
look at it; few are looked at at once. A bearer's faults are `Untrusted`, whatever raised them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from connector.domain.credentials import Presented
from connector.domain.participant import Participant
from connector.domain.space import Space
from connector.errors import (
    CredentialInvalid,
    DidUnresolvable,
    PreauError,
    SpaceUnstated,
    StatusRetrievalFailed,
    StoreUnavailable,
    TokenInvalid,
    TooManyRequests,
    Unlawful,
    Untrusted,
)
from connector.identity import did as dids
from connector.identity.dcp import presentation, query, self_issued, services
from connector.identity.dcp.presentation import Presentation
from connector.identity.dcp.services import Service
from connector.identity.document import DidDocument
from connector.identity.trust import Policy
from connector.jsonld.canonical import canonical
from connector.ports import Ports, Web
from connector.services.credentials import standing
from connector.services.credentials.authenticating import Authenticator, Caller, Judged, Shown
from connector.services.credentials.statuses import Statuses
from connector.services.membership.belonging import placed, stated

KEPT_FOR: Final = timedelta(hours=1)
QUERY_PATH: Final = "/presentations/query"
AT_ONCE: Final = 8  # bearers whose credentials are fetched at the same time
WAIT_SECONDS: Final = 10.0
MAX_NAME: Final = 200
_OK: Final = range(200, 300)
_LOCKS: Final = 64


class Verifier:
    """Judges bearers of self-issued tokens; thread-safe."""

    def __init__(
        self,
        ports: Ports,
        authenticator: Authenticator,
        hurried: Callable[[Web], Web] = lambda web: web,
        *,
        kept_for: timedelta = KEPT_FOR,
        further: Sequence[Policy] = (),
    ) -> None:
        """Prepare.

        Args:
            ports: of this node.
            authenticator: says who bears a token.
            hurried: returns a client that bounds all that is fetched for one call together.
            kept_for: how long what was presented is kept.
            further: conditions beside those of each space.
        """
        self._ports = ports
        self._authenticator = authenticator
        self._hurried = hurried
        self._kept_for = kept_for
        self._further = tuple(further)
        self.statuses = Statuses(ports, authenticator.documents)
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._turns = tuple(threading.Lock() for _ in range(_LOCKS))

    def judged(self, token: str, shown: Shown) -> Judged:
        """Return who bears a token, as it is believed now.

        The use of the token is written down before anything is fetched; where nothing is, it is
        left to the caller, who writes more than that.

        Args:
            token: self-issued ID token.
            shown: by the connection that brought it.

        Raises:
            Untrusted: it is not believed; the class says why.
            SpaceUnstated: it is a member of several spaces of this node, and none was chosen.
            TooManyRequests: too many are looked at just now.
        """
        caller = self._authenticator.checked(token, shown)
        spaces = self._spaces(caller.document.did)
        if len(spaces) == 1:
            known, _ = self._believed(caller.document, spaces[0])
            if known is not None:
                return Judged(placed(self._ports.settings, known), caller.token)
        self._authenticator.use(caller.token)
        with self._turn(caller.document.did):
            found: list[tuple[Space, Participant | tuple[Presentation, ...]]] = []
            faults: list[Untrusted] = []
            for space in spaces:
                try:
                    found.append((space, self._looked_at(caller, space)))
                except Untrusted as exc:
                    faults.append(exc)
            if len(found) > 1:
                raise SpaceUnstated(
                    f"`{caller.document.did}` is a member of several spaces of this node",
                    hint="run `preau peer space DID SPACE`",
                )
            if not found:
                raise faults[0]
            space, seen = found[0]
            if not isinstance(seen, Participant):
                seen = self._admit(caller, space, seen)
            return Judged(placed(self._ports.settings, seen))

    def refresh(self) -> None:
        """Look for newer lists, and drop what was presented too long ago to count."""
        self.statuses.refresh()
        now = self._ports.clock.now()
        with self._ports.store.write() as tx:
            for each in tx.presented.page(limit=0).values:
                if not self._is_recent(each, now):
                    tx.presented.remove(each.holder, each.question)

    def _spaces(self, did: str) -> tuple[Space, ...]:
        """Return in which spaces a bearer may be dealt with: one, once it is known."""
        spaces = self._ports.settings.spaces
        if len(spaces) == 1:
            return spaces
        with self._ports.store.read() as tx:
            known = tx.participants.get(did)
        if known is None:
            return spaces
        return (stated(self._ports.settings, known),)

    def _looked_at(self, caller: Caller, space: Space) -> Participant | tuple[Presentation, ...]:
        """Return what a bearer presents now, or itself where another call has asked by now."""
        known, doubt = self._believed(caller.document, space)
        if known is not None:
            return known
        try:
            return self._asked(caller, space)
        except Untrusted as exc:
            raise doubt or exc from exc

    def _believed(
        self, holder: DidDocument, space: Space
    ) -> tuple[Participant | None, Untrusted | None]:
        """Return a participant that stands by what is kept of it, or why it does not."""
        now, settings = self._ports.clock.now(), self._ports.settings
        with self._ports.store.read() as tx:
            known = tx.participants.get(holder.did)
            presented = tx.presented.get(holder.did, standing.question(space))
            if known is not None and known.blocked:
                raise Untrusted(f"`{holder.did}` is blocked by the operator")
            if known is None or presented is None or not self._is_recent(presented, now):
                return None, None
            try:
                if not standing.judge_kept(tx, settings, presented, holder, space, now):
                    return known, None
            except (StatusRetrievalFailed, DidUnresolvable):
                pass  # what is not at hand is fetched below
            except Untrusted as exc:
                return None, exc  # a newer credential may be presented
        try:
            self._judge(presented, holder, space)
        except Untrusted as exc:
            return None, exc
        return known, None

    def _judge(self, presented: Presented, holder: DidDocument, space: Space) -> None:
        issuers = self._authenticator.documents.issuer
        found = standing.verified(presented.credentials, holder.did, issuers)
        standing.judge(
            *(found, holder, space, self._ports.clock.now()),
            issuers=issuers,
            lists=self.statuses.list_of,
        )

    def _asked(self, caller: Caller, space: Space) -> tuple[Presentation, ...]:
        """Return what a bearer presents, checked."""
        issuers, did = self._authenticator.documents.issuer, caller.document.did
        believed = standing.policy(space, self.statuses.list_of, self._further)
        own = self._ports.settings.did
        with _of_bearer(did):
            tokens = query.read_response(self._answer(caller, space))
            now = self._ports.clock.now()
            found = tuple(
                presentation.check(
                    *(each, caller.document, own, now),
                    issuers=issuers,
                    policy=believed,
                    answered=True,
                )
                for each in tokens
            )
        standing.judge(
            *(found, caller.document, space, now), issuers=issuers, lists=self.statuses.list_of
        )
        return found

    def _answer(self, caller: Caller, space: Space) -> bytes:
        """Ask a bearer's Credential Service with the access token that came (section 5.4)."""
        ports, did = self._ports, caller.document.did
        if not caller.token.access_token:
            raise TokenInvalid(
                f"the self-issued ID token of `{did}` contains no access token, so that its "
                "credentials cannot be requested"
            )
        address = services.endpoint(caller.document, Service.CREDENTIAL) + QUERY_PATH
        token = self_issued.make(
            *(ports.signer, ports.settings.did, did, ports.ids.new(), ports.clock.now()),
            access_token=caller.token.access_token,
        )
        answer = self._hurried(ports.web).ask(
            address,
            canonical(query.query(space.scopes)),
            headers={"Authorization": f"Bearer {token}"},
            limit=presentation.MAX_CHARS,
        )
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise CredentialInvalid(f"the Credential Service of `{did}` compresses its answer")
        if answer.status not in _OK:
            raise CredentialInvalid(
                f"the Credential Service of `{did}` answers with status {answer.status}",
                hint="ask the holder whether it grants these scopes, and knows this node's token",
            )
        return answer.body

    def _admit(self, caller: Caller, space: Space, found: tuple[Presentation, ...]) -> Participant:
        """Keep a participant with what it presented; one that is known by gRPC stays as it is."""
        ports, now, document = self._ports, self._ports.clock.now(), caller.document
        held = [each for one in found for each in one.credentials]
        first = next(
            (each for each in held if standing.asked(space)[0].names(each.credential)), held[0]
        )
        new = Participant(
            did=document.did,
            name=_name(first.credential.subject.get("name")) or dids.host(document.did),
            document=document.data,
            document_digest=document.digest,
            membership=first.token,
            description="",
            grpc_endpoint="",
            tls_authorities=(),
            admitted_at=now,
            refreshed_at=now,
            space=space.id,
        )
        tokens = tuple(each.token for each in held)
        with ports.store.write() as tx:
            old = tx.participants.lock(document.did)
            if old is not None and old.blocked:
                raise Untrusted(f"`{document.did}` is blocked by the operator")
            tx.presented.put(Presented(document.did, standing.question(space), tokens, now))
            if old is not None and old.grpc_endpoint:
                return old
            if old is not None:
                before = placed(ports.settings, old).seen_in(space.id)
                new = replace(new, admitted_at=old.admitted_at, elsewhere=before.elsewhere)
            tx.participants.put(new)
            if old is None or replace(old, refreshed_at=now) != new:
                kind = "participant.admitted" if old is None else "participant.renewed"
                issuer = first.credential.issuer
                tx.audit.append(kind, new.did, document=document.digest, issuer=issuer)
        return new

    def _is_recent(self, presented: Presented, now: datetime) -> bool:
        return timedelta(0) <= now - presented.at < self._kept_for

    @contextmanager
    def _turn(self, did: str) -> Iterator[None]:
        """Let one look at a bearer go on at a time, and few in all."""
        lock = self._turns[hash(did) % _LOCKS]
        if not lock.acquire(timeout=WAIT_SECONDS):
            raise _busy()
        try:
            if not self._places.acquire(timeout=WAIT_SECONDS):
                raise _busy()
            try:
                yield
            finally:
                self._places.release()
        finally:
            lock.release()


@contextmanager
def _of_bearer(did: str) -> Iterator[None]:
    """Turn what a bearer's side does wrong, or fails to do, into a refusal of the bearer.

    Raises:
        CredentialInvalid: in place of what is no `Untrusted`.
    """
    try:
        yield
    except (Untrusted, StoreUnavailable, Unlawful):
        raise
    except PreauError as exc:
        raise CredentialInvalid(
            f"`{did}` does not present its credentials: {exc.reason}",
            hint=exc.hint,
            retry_after=exc.retry_after,
        ) from exc


def _busy() -> TooManyRequests:
    return TooManyRequests(
        "too many participants are verified at once", hint="try again soon", retry_after=10.0
    )


def _name(stated: object) -> str:
    """Return a name that can be shown in one line; empty where there is none."""
    if not isinstance(stated, str) or not stated.isprintable():
        return ""
    return stated[:MAX_NAME].strip()

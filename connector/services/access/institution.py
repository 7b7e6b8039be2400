"""Logging in by the institution's provider of OpenID Connect.

Rules: the provider is asked by the guarded client alone, for what its own statement names; so many
logins at a time; its statement is kept for minutes, its keys not at all, so that a new key is known
at once. What fails is said without what was sent or answered; why goes to the node's log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from connector.domain.account import Account, Person
from connector.domain.provider import Provider
from connector.errors import (
    KeyUnusable,
    LoginRefused,
    LoginUnavailable,
    PreauError,
    TooManyRequests,
)
from connector.identity.oidc import code, discovery, token
from connector.identity.oidc.discovery import Endpoints
from connector.identity.oidc.login import Secrets
from connector.identity.oidc.token import Expected
from connector.ports import Answer, Ports, Web
from connector.services.access import accounts
from federated.reading import Member

AT_ONCE: Final = 8
KEPT: Final = timedelta(minutes=5)
_OK: Final = 200
_JWT: Final = "application/jwt"

_log = logging.getLogger(__name__)


def endpoints(web: Web, provider: Provider) -> Endpoints:
    """Return where a provider is asked, as it states now.

    Raises:
        PreauError: it does not answer, or does not do what this node needs; the reason says why.
    """
    data = web.get(discovery.address(provider.issuer), limit=discovery.LIMIT)
    return discovery.read(data, provider.issuer)


class Institution:
    """Logs persons in by one provider; thread-safe."""

    def __init__(
        self,
        ports: Ports,
        provider: Provider,
        web: Web,
        secret: Callable[[], bytes],
        redirect: str,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            ports: of the node.
            provider: as the settings name it.
            web: asks it.
            secret: returns the secret of this client.
            redirect: where browsers come back.
        """
        self._ports, self._provider, self._web = ports, provider, web
        self._secret, self._redirect = secret, redirect
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._known: tuple[Endpoints, datetime] | None = None

    def leading(self, login: Secrets) -> str:
        """Return the address to which a browser is led to log in.

        Raises:
            LoginUnavailable: the provider does not answer, or does not fit.
            TooManyRequests: too many log in at this moment.
        """
        return code.asked(self._endpoints(), self._provider, self._redirect, login)

    def farewell(self) -> str:
        """Return the address at which one logs out there; empty where there is none.

        Raises:
            PreauError: as `leading`.
        """
        return code.farewell(self._endpoints(), self._provider)

    def enter(self, query: Mapping[str, str], login: Secrets) -> Account:
        """Return the account of who comes back from the provider.

        Args:
            query: of the address at which the browser comes back.
            login: that was begun in this browser, and is not used again.

        Raises:
            LoginRefused: the provider does not say, for this login, who it is, or says of one who
                has no role here.
            PreauError: as `leading`.
        """
        found = self._endpoints()
        try:
            with self._asking():
                person = self._person(
                    found, code.brought(query, found, self._provider.issuer), login
                )
        except LoginRefused as exc:
            _log.warning("a login by the provider was refused: %s", exc.reason)
            with self._ports.store.write() as tx:
                tx.audit.append(accounts.REFUSED, "")
            raise
        return accounts.vouched(self._ports, person)

    def _endpoints(self) -> Endpoints:
        now, known = self._ports.clock.now(), self._known
        if known is not None and now - known[1] < KEPT:
            return known[0]
        with self._asking():
            found = endpoints(self._web, self._provider)
        self._known = found, now
        return found

    def _person(self, found: Endpoints, brought: str, login: Secrets) -> Person:
        provider = self._provider
        secret = self._secret().decode("utf-8", errors="replace").strip()
        body, headers = code.redeeming(
            found, provider, self._redirect, secret, brought, login.verifier
        )
        answer = self._web.ask(found.token, body, headers=headers, limit=code.LIMIT)
        if answer.status != _OK:
            raise code.refused(answer.body)
        identity, access = code.redeemed(answer.body)
        keys = self._web.get(found.keys, limit=token.LIMIT)
        now = self._ports.clock.now()
        expected = Expected(provider.issuer, provider.client_id, login.nonce, access, now)
        said = token.verified(identity, keys, expected)
        told = self._told(found, access, keys, said)
        stated = [token.groups(each, provider.claim) for each in (said, told) if each]
        groups = next((each for each in stated if each is not None), frozenset())
        roles, reviews = provider.granted(groups)
        names = [token.at(each, provider.name_claim) for each in (said, told) if each]
        called = next((each for each in names if isinstance(each, str)), "")
        return Person(f"{provider.issuer} {token.subject(said)}", called, roles, reviews)

    def _told(self, found: Endpoints, access: str, keys: bytes, said: Member) -> Member | None:
        """Return what the provider states elsewhere, where the token says no groups; else None."""
        if not found.person or token.at(said, self._provider.claim) is not None:
            return None
        headers = {"Authorization": f"Bearer {access}"}
        answer = self._web.ask(found.person, headers=headers, limit=token.LIMIT)
        if answer.status != _OK:
            raise LoginUnavailable("the provider does not state the claims of the person")
        return token.further(
            answer.body,
            keys,
            said,
            signed=_media(answer) == _JWT,
            issuer=self._provider.issuer,
            client=self._provider.client_id,
        )

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask the provider; what it fails in is not said to who is not known yet."""
        if not self._places.acquire(blocking=False):
            raise TooManyRequests("too many log in at this moment: try again", retry_after=2)
        try:
            yield
        except (LoginRefused, LoginUnavailable):
            raise
        except KeyUnusable as exc:
            _log.error("nobody logs in by the provider: %s", exc.reason)
            raise LoginUnavailable(_SILENT, hint=_LATER) from exc
        except PreauError as exc:
            _log.warning("the provider of logins: %s: %s", exc.code, exc.reason)
            raise LoginUnavailable(_SILENT, hint=_LATER) from exc
        finally:
            self._places.release()


_SILENT: Final = "the institution's provider of logins does not answer as it must"
_LATER: Final = "try again later, or tell the operator: `preau doctor` says what is wrong"


def _media(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()

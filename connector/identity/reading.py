"""How a kind of signed document is opened: its size, its signature, and what a fault is called.

Rules: nothing of a token is read before its signature verifies, but by a function that says
`unverified`; each fault is the kind's own error and names the kind, the member and what was
expected. The members themselves are read by `federated.reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import TypeVar

from connector.errors import Malformed, PreauError
from connector.identity import jws
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical
from federated.errors import FederatedError
from federated.reading import Member, read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A member by what it says; where it stands matters for a refusal only."""

    data: bytes
    member: Member = field(compare=False)


def remembering(most: int) -> Callable[[Callable[[Member], T]], Callable[[Member], T]]:
    """Let a reader remember what it made of the last `most` different members; no refusal is."""

    def bounded(of: Callable[[Member], T]) -> Callable[[Member], T]:
        remembered = lru_cache(maxsize=most)(lambda asked: of(asked.member))

        @wraps(of)
        def one(member: Member) -> T:
            try:
                asked = _Asked(canonical(member.value), member)
            except Malformed:  # the reader says what is wrong, and where
                return of(member)
            return remembered(asked)

        return one

    return bounded


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of signed document.

    Attributes:
        name: for people.
        error: what a fault of it is; other errors of what it holds become this one.
        limit: most bytes, or characters of a token.
        typ: media type of its token, without `application/`; empty for one that is no token.
        relationship: use that its signer's DID document must allow the key.
        cty: type of its token's content; None where the header need not say it.
    """

    name: str
    error: type[PreauError]
    limit: int
    typ: str = ""
    relationship: Relationship = Relationship.ASSERTION
    cty: str | None = None

    def refusal(self, pointer: str, fault: str) -> PreauError:
        """Return the error of a fault at a pointer (RFC 6901)."""
        return self.error(f"{self.name} {pointer or '/'}: {fault}")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn every error of what is within into one of this kind.

        Raises:
            PreauError: the kind's error.
        """
        try:
            yield
        except self.error:
            raise
        except (PreauError, FederatedError) as exc:
            raise self.error(f"{self.name}: {exc.reason}") from exc

    def opened(self, data: bytes) -> Member:
        """Return a document that is no token.

        Raises:
            PreauError: the kind's error: over its size, or not strict JSON.
        """
        return read(data, self.refusal, limit=self.limit)

    def verified(self, token: str, document: jws.KeyHolder) -> Member:
        """Return what a token says, once it verifies.

        Args:
            token: compact JWS.
            document: DID document of who must have signed.

        Raises:
            PreauError: the kind's error; SignatureInvalid itself where it is one of those.
        """
        self._check_size(token)
        with self.reading():
            payload = jws.verify_compact(token, document, self.relationship, self.typ, self.cty)
        return self.opened(payload)

    def unverified(self, token: str) -> Member:
        """Return what a token says by its own word; nobody has verified it.

        Raises:
            PreauError: the kind's error.
        """
        self._check_size(token)
        with self.reading():
            payload = jws.unverified_payload(token)
        return self.opened(payload)

    def _check_size(self, token: str) -> None:
        if len(token) > self.limit:
            raise self.refusal("", f"is too large: {len(token)} characters, at most {self.limit}")

"""Identifiers to pseudonyms: keyed by the scope, so that two scopes share none.

A scope's key is HMAC-SHA256 (RFC 2104) of the scope under the node's root key; a pseudonym is
BLAKE2b (RFC 7693) with that key over the identifier's one spelling, 16 bytes, hence 32 hex digits.
Rules: keys stand in no query, plan, log or message; within a scope an identifier has one pseudonym,
over all columns and years; who does not have the root key can neither link two scopes nor find an
identifier by trying all.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import pyarrow as pa

from connector.enforcement.steps.pseudonymise import Scope
from connector.errors import StepUnknown
from connector.jsonld.canonical import canonical
from connector.protection.persons import distinct, keyed

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 16
_BYTES: Final = 16


def scope_key(root: bytes, scope: Scope, nonce: bytes) -> bytes:
    """Return the key of a scope.

    Args:
        root: the node's, 32 bytes or more.
        scope: see `Scope`.
        nonce: of this delivery, 16 bytes or more; counts only in a scope of kind `delivery`.

    Raises:
        StepUnknown: a key or nonce is too short to keep scopes apart.
    """
    delivery = scope.kind == "delivery"
    if len(root) < KEY_BYTES or (delivery and len(nonce) < NONCE_BYTES):
        raise StepUnknown("pseudonyms need a root key, and a nonce where each delivery has its own")
    stated = canonical({"use": "pseudonyms", **scope.body()})
    return hmac.digest(root, stated + (nonce if delivery else b""), "sha256")


class Pseudonyms:
    """The pseudonyms of one scope."""

    def __init__(self, key: bytes, form: str) -> None:
        """Make pseudonyms.

        Args:
            key: of the scope, see `scope_key`.
            form: how persons are spelled, see `federated.persons`; an identifier of another form,
                such as a name beside numbers, counts as text.
        """
        self._form = form
        self._state = hashlib.blake2b(digest_size=_BYTES, key=key, person=b"preau-pseudonym")

    def replaced(self, values: pa.Array) -> pa.Array:
        """Return the pseudonym of each identifier; null where there is none."""
        found = distinct(values, self._form, else_text=True)
        made = keyed(self._state, found.values, digits=True)
        return found.of_rows(made.cast(pa.string()))

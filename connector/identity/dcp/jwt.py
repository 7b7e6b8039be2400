"""JSON Web Tokens of other implementations: opened under a key of their maker's DID document.

Rules (DCP 1.0 section 4.3.3, RFC 8725): the header chooses among the document's keys and nothing
else: it brings no key, no algorithm of its own, no critical extension. Each way to fail has its
own reason. Wider than `reading.Kind` in what other implementations write: `typ` is one of a closed
set or absent, Ed25519 may be called `EdDSA`, header members that nobody understands are ignored.
What a token is follows therefore from its claims, which its reader checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from connector.errors import Malformed
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import NAMES, algorithm, algorithms
from connector.identity.reading import Kind
from connector.jsonld.canonical import parse_object, unb64url
from connector.jsonld.kept import kept
from federated.reading import Member

_OWN_KEY: Final = ("jwk", "jku", "x5u", "x5c")
_CRITICAL: Final = ("crit", "b64", "enc", "zip")
_LATEST: Final = (1 << 35) - 1  # seconds: beyond the year 3000


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of token as others write it.

    Attributes:
        kind: name, error, most characters, and the relationship of the signing key.
        types: what `typ` may say, lower case; "" for absent.
        contents: what `cty` may say; "" for absent.
    """

    kind: Kind
    types: frozenset[str]
    contents: frozenset[str] = frozenset({""})

    def opened(self, token: str, document: DidDocument) -> Member:
        """Return what a token says, once it verifies.

        Args:
            token: compact JWS.
            document: DID document of who must have signed.

        Raises:
            PreauError: the kind's error.
        """
        header = self._header(token)
        jwk = self._key(header, document)
        known = [called for name in algorithms(jwk) for called in NAMES[name]]
        if header.get("alg") not in known:
            raise self.kind.error(f"{self.kind.name}: the algorithm is not the one of the key")
        with self.kind.reading():
            payload = jws.verify_under(token, jwk)
        claims = self.kind.opened(payload)
        claims.fields(others=True)  # an object, whatever is in it
        return claims

    def unverified(self, token: str) -> Member:
        """Return what a token says by its own word; nobody has verified it.

        Raises:
            PreauError: the kind's error.
        """
        self._header(token)
        return self.kind.unverified(token)

    def _header(self, token: str) -> Mapping[str, Any]:
        refusal, name = self.kind.error, self.kind.name
        if len(token) > self.kind.limit:
            raise refusal(f"{name}: is longer than {self.kind.limit} characters")
        head = token.split(".", 1)[0]
        if token.count(".") != 2 or not 0 < len(head) <= jws.MAX_HEADER_CHARS:  # noqa: PLR2004  RFC 7515 section 7.1
            raise refusal(f"{name}: is not a signed token (compact JWS)")
        try:
            header = _parsed(head)
        except Malformed as exc:
            raise refusal(f"{name}: the header cannot be read: {exc.reason}") from exc
        self._check_header(header)
        return header

    def _check_header(self, header: Mapping[str, Any]) -> None:
        refusal, name = self.kind.error, self.kind.name
        if _text(header.get("alg")).lower() == "none":
            raise refusal(f"{name}: is not signed (`alg` is `none`)")
        for member in _OWN_KEY:
            if member in header:
                raise refusal(f"{name}: the header contains a key of its own (`{member}`)")
        for member in _CRITICAL:
            if member in header:
                raise refusal(
                    f"{name}: the header demands an extension that is not known here (`{member}`)"
                )
        if _text(header.get("typ", "")).lower() not in self.types:
            raise refusal(f"{name}: is a token of another type (`typ`)")
        if _text(header.get("cty", "")).lower() not in self.contents:
            raise refusal(f"{name}: holds content of another type (`cty`)")

    def _key(self, header: Mapping[str, Any], document: DidDocument) -> Mapping[str, str]:
        refusal, name, use = self.kind.error, self.kind.name, self.kind.relationship
        kid = header["kid"] if "kid" in header else self._only(document)
        if not isinstance(kid, str):
            raise refusal(f"{name}: `kid` is not a text")
        if kid.split("#", 1)[0] not in ("", document.did):
            raise refusal(f"{name}: was signed by a key of another DID than `{document.did}`")
        kid = document.did + kid if kid.startswith("#") else kid  # DID Core section 3.2.2
        if kid not in document.keys:
            raise refusal(f"{name}: `{document.did}` has no such key, or none of a supported kind")
        if kid not in document.keys_for(use):
            raise refusal(f"{name}: `{document.did}` does not use its key for `{use.value}`")
        return document.keys[kid]

    def _only(self, document: DidDocument) -> str:
        """Return the key of a document that has one method: DCP 1.0 section 4.3.3, step 3."""
        if document.methods != 1:
            raise self.kind.error(
                f"{self.kind.name}: names no key (`kid`), and `{document.did}` has"
                f" {document.methods} verification methods"
            )
        return next(iter(document.keys), "")


def moment(claim: Member) -> datetime:
    """Return the time of a NumericDate (RFC 7519 section 2): seconds, which may have a fraction.

    Raises:
        PreauError: the reader's refusal.
    """
    return datetime.fromtimestamp(claim.number(above=-1, most=_LATEST), UTC)


def header_of(signer: jws.Signer) -> dict[str, str]:
    """Return what a header calls a signer's algorithm, in the name that most others know."""
    return {"alg": NAMES[algorithm(signer.public_jwk)][-1]}


@kept(256, jws.MAX_HEADER_CHARS)
def _parsed(head: str) -> Mapping[str, Any]:
    """Read the first part of a token; a signer writes the same one each time."""
    return parse_object(unb64url(head))


def _text(value: object) -> str:
    return value if isinstance(value, str) else "?"

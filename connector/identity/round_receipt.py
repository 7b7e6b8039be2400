"""A site's receipt of a round: which model it was sent, and what ran on it.

Rules: a site signs one receipt for each round that it answers; the lead hands all receipts of a
round to every site, so that a lead that sends different models to different sites is found. The
receipt names the manifest by its digest, so that two manifests under one job's name are found, too.
There is no time in it: that would tell how long private rows took. What receipts of one round must
have in common is `connector/services/federation/views.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import Malformed, SignatureInvalid
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, parse_object

TYPE: Final = "preau-round+jws"
MAX_CHARS: Final = 8 * 1024
MAX_VERSIONS: Final = 32
MAX_ROUND: Final = 1_000_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PLAIN: Final = re.compile(r"[ -~]{1,512}")
_DIGESTS: Final = ("manifest", "digest", "recipe")
_TEXTS: Final = ("job", "site", "adjacency", *_DIGESTS)

Versions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RoundReceipt:
    """What a site states of one round.

    Attributes:
        job: IRI.
        manifest: SHA-256 (hex) of the manifest that the site accepted.
        round: from 1.
        site: DID; it signed this.
        digest: SHA-256 (hex) of the round's arrays, see `federated.training.records.digest`.
        recipe: SHA-256 (hex) of the training recipe that ran.
        versions: (library, version) of what the guarantee rests on, by name.
        adjacency: which data sets are neighbours, see `federated.privacy.rule`.
    """

    job: str
    manifest: str
    round: int
    site: str
    digest: str
    recipe: str
    versions: Versions
    adjacency: str


def sign(signer: jws.Signer, receipt: RoundReceipt) -> str:
    """Return the receipt as a compact JWS.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    statement = {name: getattr(receipt, name) for name in _TEXTS}
    payload = canonical({**statement, "round": receipt.round, "versions": dict(receipt.versions)})
    return jws.sign_compact(signer, payload, TYPE)


def read(token: str, document: DidDocument) -> RoundReceipt:
    """Verify and read a receipt.

    Args:
        token: compact JWS.
        document: DID document of the site that must have signed.

    Raises:
        SignatureInvalid: it does not verify, or states another site.
        Malformed: it cannot be read.
    """
    payload = jws.verify_compact(_sized(token), document, Relationship.ASSERTION, TYPE)
    receipt = _read(parse_object(payload))
    if receipt.site != document.did:
        raise SignatureInvalid("the receipt was signed by another than its site")
    return receipt


def unverified(token: str) -> RoundReceipt:
    """Read a receipt without verifying it: a stored one, or to learn whose it claims to be.

    Raises:
        Malformed: it cannot be read.
    """
    return _read(parse_object(jws.unverified_payload(_sized(token))))


def read_versions(value: Any) -> Versions:
    """Return the versions of a JSON object, by name.

    Raises:
        Malformed: it is no object of short plain texts.
    """
    if not isinstance(value, dict) or len(value) > MAX_VERSIONS:
        raise Malformed("the versions are no object of a few texts")
    if not all(_plain(text) for pair in value.items() for text in pair):
        raise Malformed("the versions are no object of a few texts")
    return tuple(sorted(value.items()))


def is_digest(value: object) -> bool:
    """Whether a value is a SHA-256 in lower-case hex."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _read(statement: dict[str, Any]) -> RoundReceipt:
    if set(statement) != {*_TEXTS, "round", "versions"}:
        raise Malformed("the receipt of a round is not complete")
    number = statement["round"]
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_ROUND:
        raise Malformed("the receipt of a round names no round")
    texts = {name: statement[name] for name in _TEXTS}
    if not all(map(_plain, texts.values())) or not all(is_digest(texts[n]) for n in _DIGESTS):
        raise Malformed("the receipt of a round is not complete")
    return RoundReceipt(round=number, versions=read_versions(statement["versions"]), **texts)


def _plain(value: object) -> bool:
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None


def _sized(token: str) -> str:
    if len(token) > MAX_CHARS:
        raise Malformed("the receipt of a round is too large")
    return token

"""What each side signs about the bytes of a transfer: a compact JWS over canonical JSON.

Rules: the provider states what it serves before it does, the consumer what it has received once it
has all; both name contract, extract, parties and content, so that a third party can compare them
without the data. Of the source they name a salted commitment, which the provider opens to an
auditor. Receipts of version 1 named its digest, and verify as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.domain.transfer.extract import Content
from connector.errors import Malformed
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical
from federated.privacy import event
from federated.privacy.event import Event, Events

TYPE: Final = "preau-transfer-receipt+jws"
MAX_CHARS: Final = 8 * 1024
_VERSION: Final = 2
# How the member about the source is called, by version.
_SOURCE: Final = {1: "snapshotDigest", 2: "sourceCommitment"}
_KIND: Final = Kind("transfer receipt", Malformed, MAX_CHARS, TYPE)
_MEMBERS: Final = (
    *("version", "party", "agreement", "extract", "provider", "consumer", "format", "rows"),
    *("bytes", "suppressed", "digest", "planDigest", "at"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A receipt whose signature verified.

    Attributes:
        party: DID of who signed it, one of the two.
        agreement: IRI.
        extract: the provider's id of it.
        provider: DID.
        consumer: DID.
        content: of the bytes.
        at: when it was signed, UTC.
        events: what the ledger was charged for them; none but for tables with noise.
    """

    party: str
    agreement: str
    extract: str
    provider: str
    consumer: str
    content: Content
    at: datetime
    events: tuple[Event, ...] = ()

    def agrees(self, other: Statement) -> bool:
        """Return whether the other party said the same."""
        return _said(self) == _said(other) and self.party != other.party


def make(signer: jws.Signer, statement: Statement) -> str:
    """Sign a receipt.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    content = statement.content
    stated: dict[str, Any] = {
        "version": _VERSION,
        "party": statement.party,
        "agreement": statement.agreement,
        "extract": statement.extract,
        "provider": statement.provider,
        "consumer": statement.consumer,
        "format": content.format,
        "rows": content.rows,
        "bytes": content.bytes,
        "suppressed": content.suppressed,
        "digest": content.digest,
        "planDigest": content.plan_digest,
        _SOURCE[_VERSION]: content.source,
        "at": instant.text(statement.at),
    }
    if statement.events:
        stated["ledger"] = event.to_mapping(Events(statement.events))
    return jws.sign_compact(signer, canonical(stated), TYPE)


def read(token: str, document: DidDocument) -> Statement:
    """Verify and read a receipt.

    Args:
        token: compact JWS.
        document: DID document of the party that must have signed.

    Raises:
        SignatureInvalid: that party did not sign it.
        Malformed: it is no receipt of that party's.
    """
    found = _KIND.verified(token, document)
    source = _SOURCE[found.child("version").integer(least=1, most=_VERSION)]
    part = found.fields(*_MEMBERS, source, maybe=("ledger",))
    with _KIND.reading():
        return Statement(
            party=part["party"].exactly(document.did),
            agreement=part["agreement"].text(),
            extract=part["extract"].text(),
            provider=part["provider"].text(),
            consumer=part["consumer"].text(),
            content=Content(
                format=part["format"].text(),
                rows=part["rows"].integer(least=0),
                bytes=part["bytes"].integer(least=0),
                suppressed=part["suppressed"].integer(least=0),
                digest=part["digest"].digest(),
                plan_digest=part["planDigest"].digest(),
                source=part[source].digest(),
            ),
            at=part["at"].instant(),
            events=event.read(part["ledger"]).items if "ledger" in part else (),
        )


def _said(statement: Statement) -> tuple[object, ...]:
    return (
        statement.agreement,
        statement.extract,
        statement.provider,
        statement.consumer,
        statement.content,
    )

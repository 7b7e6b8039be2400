"""The provider's receipt: a short signed statement that a contract is complete.

Rules: it binds the agreement's digest and both signatures; a third party, which never sees the
agreement, reads from it who contracted which dataset, how many persons it has, how many sites a
job needs, until when, and how its ε is accounted for. A federated job carries the receipts of all
its contracts, so that each site can count the others (`preau:minimumSites`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.errors import AgreementTampered, PreauError
from connector.identity import jws
from connector.identity.agreement import AgreementDocument
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from federated.errors import PrivacyFault
from federated.privacy.rule import Accounting, stated
from federated.privacy.rule import read as read_accounting

TYPE: Final = "preau-receipt+jws"
MAX_CHARS: Final = 16 * 1024
_TEXTS: Final = (
    "agreement",
    "digest",
    "provider",
    "consumer",
    "providerSignatureDigest",
    "consumerSignatureDigest",
    "dataset",
)
_OTHERS: Final = ("population", "minimumSites", "validUntil", "timestamp")
_SINCE_2: Final = "accounting"  # a receipt of an older contract has none


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt whose signature verified.

    Attributes:
        agreement: IRI.
        digest: SHA-256 of the agreement's bytes, hex.
        provider: DID; it signed this.
        consumer: DID.
        provider_signature_digest: SHA-256 of the provider's signature text, hex.
        consumer_signature_digest: SHA-256 of the consumer's.
        dataset: IRI.
        population: persons, rounded.
        minimum_sites: sites that a job needs at least; 0 when the contract demands none.
        valid_until: end of the contract, UTC; None when it names none.
        timestamp: when it was made, UTC.
        accounting: as the agreement states it; None in an older receipt, which means neighbours by
            adding or removing one person.
    """

    agreement: str
    digest: str
    provider: str
    consumer: str
    provider_signature_digest: str
    consumer_signature_digest: str
    dataset: str
    population: int
    minimum_sites: int
    valid_until: datetime | None
    timestamp: datetime
    accounting: Accounting | None = None


def make_receipt(
    signer: jws.Signer,
    agreement: AgreementDocument,
    provider_signature: str,
    consumer_signature: str,
    *,
    minimum_sites: int,
    valid_until: datetime | None,
    now: datetime,
) -> str:
    """Sign the receipt; the caller has verified both signatures.

    Args:
        signer: the provider's.
        agreement: the contract.
        provider_signature: compact JWS, detached.
        consumer_signature: compact JWS, detached.
        minimum_sites: of the policy; 0 when it demands none.
        valid_until: of the policy; None when it names no end.
        now: UTC.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    statement: dict[str, Any] = {
        "agreement": agreement.id,
        "digest": agreement.digest,
        "provider": agreement.provider.did,
        "consumer": agreement.consumer.did,
        "providerSignatureDigest": sha256_hex(provider_signature.encode()),
        "consumerSignatureDigest": sha256_hex(consumer_signature.encode()),
        "dataset": agreement.dataset.id,
        "population": agreement.dataset.population,
        "minimumSites": minimum_sites,
        "validUntil": instant.text(valid_until) if valid_until else "",
        "timestamp": instant.text(now),
    }
    if agreement.accounting is not None:
        statement[_SINCE_2] = stated(agreement.accounting)
    return jws.sign_compact(signer, canonical(statement), TYPE)


def read_receipt(token: str, provider_document: DidDocument) -> Receipt:
    """Verify and read a receipt.

    Args:
        token: compact JWS.
        provider_document: DID document of who must have signed.

    Raises:
        AgreementTampered: it does not verify, is not that provider's receipt, or names one party
            as provider and consumer.
    """
    try:
        payload = jws.verify_compact(_sized(token), provider_document, Relationship.ASSERTION, TYPE)
        result = _read(parse_object(payload))
    except AgreementTampered:
        raise
    except PreauError as exc:
        raise AgreementTampered(f"the receipt does not verify: {exc.reason}") from exc
    if result.provider != provider_document.did:
        raise AgreementTampered("the receipt was signed by another than its provider")
    if result.provider == result.consumer:
        raise AgreementTampered("the receipt is of a contract with oneself")
    return result


def unverified_provider(token: str) -> str:
    """Return whose receipt it is, by its own word, to look up the DID document.

    Raises:
        AgreementTampered: it cannot be read.
    """
    try:
        return _read(parse_object(jws.unverified_payload(_sized(token)))).provider
    except AgreementTampered:
        raise
    except PreauError as exc:
        raise AgreementTampered(f"the receipt cannot be read: {exc.reason}") from exc


def check_receipt(
    receipt: Receipt,
    agreement: AgreementDocument,
    provider_signature: str,
    consumer_signature: str,
) -> None:
    """Check that a receipt is the one of an agreement and of these signatures.

    Raises:
        AgreementTampered: it is another's.
    """
    found = (
        receipt.agreement,
        receipt.digest,
        receipt.provider,
        receipt.consumer,
        receipt.dataset,
        receipt.population,
        receipt.accounting,
    )
    agreed = (
        agreement.id,
        agreement.digest,
        agreement.provider.did,
        agreement.consumer.did,
        agreement.dataset.id,
        agreement.dataset.population,
        agreement.accounting,
    )
    signatures = (receipt.provider_signature_digest, receipt.consumer_signature_digest)
    made = tuple(sha256_hex(text.encode()) for text in (provider_signature, consumer_signature))
    if found != agreed or signatures != made:
        raise AgreementTampered("the receipt is not that of this agreement and these signatures")


def _sized(token: str) -> str:
    if len(token) > MAX_CHARS:
        raise AgreementTampered("the receipt is too large")
    return token


def _read(statement: dict[str, Any]) -> Receipt:
    if set(statement) - {_SINCE_2} != {*_TEXTS, *_OTHERS}:
        raise AgreementTampered("the receipt is not complete")
    if not all(isinstance(statement[name], str) and statement[name] for name in _TEXTS):
        raise AgreementTampered("the receipt is not complete")
    end = statement["validUntil"]
    return Receipt(
        agreement=statement["agreement"],
        digest=statement["digest"],
        provider=statement["provider"],
        consumer=statement["consumer"],
        provider_signature_digest=statement["providerSignatureDigest"],
        consumer_signature_digest=statement["consumerSignatureDigest"],
        dataset=statement["dataset"],
        population=_count(statement["population"]),
        minimum_sites=_count(statement["minimumSites"]),
        valid_until=instant.read(end) if end else None,
        timestamp=instant.read(statement["timestamp"]),
        accounting=_accounting(statement),
    )


def _accounting(statement: dict[str, Any]) -> Accounting | None:
    if _SINCE_2 not in statement:
        return None
    try:
        return read_accounting(statement[_SINCE_2])
    except PrivacyFault as exc:
        raise AgreementTampered(f"the receipt's accounting: {exc.reason}") from exc


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise AgreementTampered("the receipt states no count")
    return value

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
from connector.errors import AgreementTampered
from connector.identity import jws
from connector.identity.agreement import AgreementDocument
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical, sha256_hex
from federated.privacy.rule import Accounting, stated
from federated.privacy.rule import read as read_accounting
from federated.reading import Member

TYPE: Final = "preau-receipt+jws"
MAX_CHARS: Final = 16 * 1024
_SINCE_2: Final = "accounting"  # a receipt of an older contract has none
_KIND: Final = Kind("receipt", AgreementTampered, MAX_CHARS, TYPE)


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
    result = _read(_KIND.verified(token, provider_document))
    if result.provider != provider_document.did:
        raise AgreementTampered("the receipt was not signed by its provider")
    if result.provider == result.consumer:
        raise AgreementTampered("the receipt is of a contract of a party with itself")
    return result


def unverified_provider(token: str) -> str:
    """Return whose receipt it is, by its own word, to look up the DID document.

    Raises:
        AgreementTampered: it cannot be read.
    """
    return _read(_KIND.unverified(token)).provider


def check_receipt(
    receipt: Receipt,
    agreement: AgreementDocument,
    provider_signature: str,
    consumer_signature: str,
) -> None:
    """Check that a receipt is the one of an agreement and of these signatures.

    Raises:
        AgreementTampered: it is another's, or older than the agreement.
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
    if receipt.timestamp < agreement.timestamp - instant.SKEW:
        raise AgreementTampered("the receipt states a time before that of its agreement")


def _read(root: Member) -> Receipt:
    part = root.fields(
        *("agreement", "digest", "provider", "consumer", "providerSignatureDigest"),
        *("consumerSignatureDigest", "dataset", "population", "minimumSites", "validUntil"),
        "timestamp",
        maybe=(_SINCE_2,),
    )
    with _KIND.reading():
        return Receipt(
            agreement=part["agreement"].text(),
            digest=part["digest"].digest(),
            provider=part["provider"].text(),
            consumer=part["consumer"].text(),
            provider_signature_digest=part["providerSignatureDigest"].digest(),
            consumer_signature_digest=part["consumerSignatureDigest"].digest(),
            dataset=part["dataset"].text(),
            population=part["population"].integer(),
            minimum_sites=part["minimumSites"].integer(),
            valid_until=None if part["validUntil"].value == "" else part["validUntil"].instant(),
            timestamp=part["timestamp"].instant(),
            accounting=read_accounting(part[_SINCE_2]) if _SINCE_2 in part else None,
        )

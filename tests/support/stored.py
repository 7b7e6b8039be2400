"""Values that tests put into a store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connector.domain.catalog.dataset import DataFile, Dataset, PrivacyCap
from connector.domain.contract.negotiation import (
    Agreement,
    Negotiation,
    NegotiationState,
    Role,
)
from connector.domain.delivery import OutgoingMessage
from connector.domain.participant import IssuerDocument
from tests.support.doubles import NOON


def message(name: str, subject: str = "s", **changes: Any) -> OutgoingMessage:
    plain = OutgoingMessage(name, "did:web:p", "DatasetRequestMessage", b"{}", subject, NOON, NOON)
    return replace(plain, **changes)


def issuer(name: str, document: bytes = b"{}") -> IssuerDocument:
    return IssuerDocument(name, document, NOON)


def dataset(name: str, register: str) -> Dataset:
    file = DataFile("/data/pupils.csv", "csv", "ab" * 32)
    cap = PrivacyCap(10.0, 1e-4)
    words = ("urn:purpose", "urn:basis", "P1Y", "FR")
    return Dataset(
        *(name, "Pupils", "", True, (), "pupil", 4, 4600, *words, register, cap, file, "", NOON),
        person_format="text",
        malformed_share=0.05,
    )


def contract(name: str, **changes: Any) -> Agreement:
    plain = Agreement(
        *(name, "urn:p", Role.PROVIDER, "did:web:p", "did:web:c", "urn:d1", b"{}", "ab" * 32),
        *("signed", "signed", "receipt", None, 4600, True, b"{}", b"{}", "member", "member", NOON),
        epsilon=3.0,
        delta=1e-5,
    )
    return replace(plain, **changes)


def negotiation(pid: str, **changes: Any) -> Negotiation:
    plain = Negotiation(
        pid=pid,
        role=Role.CONSUMER,
        peer="did:web:school.example",
        state=NegotiationState.REQUESTED,
        dataset_id="urn:d",
        offer_id="urn:o",
        policy=b"{}",
        policy_by=Role.CONSUMER,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(plain, **changes)

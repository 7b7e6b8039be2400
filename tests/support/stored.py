"""Values that tests put into a store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connector.domain.delivery import OutgoingMessage
from connector.domain.participant import IssuerDocument
from tests.support.doubles import NOON


def message(name: str, subject: str = "s", **changes: Any) -> OutgoingMessage:
    plain = OutgoingMessage(name, "did:web:p", "DatasetRequestMessage", b"{}", subject, NOON, NOON)
    return replace(plain, **changes)


def issuer(name: str, document: bytes = b"{}") -> IssuerDocument:
    return IssuerDocument(name, document, NOON)

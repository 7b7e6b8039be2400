"""What a provider signs of the risk and the use of an offer: a compact JWS over canonical JSON.

Rules: each use is named by the digest of its steps, so that a report is about a contract exactly
where both have the same steps; it names no person, and its figures are those that may be told
(`domain/privacy/findings.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connector.domain import instant
from connector.domain.privacy.findings import Findings
from connector.errors import Malformed
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical
from federated.reading import Member

TYPE: Final = "preau-risk-report+jws"
MAX_CHARS: Final = 32 * 1024
_VERSION: Final = 1
_MEMBERS: Final = ("version", "provider", "dataset", "uses", "at")
_MOST_USES: Final = 16
_KIND: Final = Kind("risk report", Malformed, MAX_CHARS, TYPE)


@dataclass(frozen=True, slots=True)
class JudgedUse:
    """A use that was measured.

    Attributes:
        action: IRI of the action.
        steps: SHA-256 (hex) of its steps.
        findings: what they come to.
    """

    action: str
    steps: str
    findings: Findings


@dataclass(frozen=True, slots=True)
class RiskReport:
    """A report.

    Attributes:
        provider: DID of who measured.
        dataset: IRI.
        uses: in the policy's order.
        at: when it was measured, UTC, whole seconds.
    """

    provider: str
    dataset: str
    uses: tuple[JudgedUse, ...]
    at: datetime


def make(signer: jws.Signer, report: RiskReport) -> str:
    """Sign a report.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    stated = {
        "version": _VERSION,
        "provider": report.provider,
        "dataset": report.dataset,
        "uses": [
            {"action": each.action, "steps": each.steps, "findings": each.findings.body()}
            for each in report.uses
        ],
        "at": instant.text(report.at),
    }
    return jws.sign_compact(signer, canonical(stated), TYPE)


def read(token: str, document: DidDocument) -> RiskReport:
    """Verify and read a report.

    Args:
        token: compact JWS.
        document: DID document of the provider that must have signed.

    Raises:
        SignatureInvalid: it did not sign it.
        Malformed: it is no report of that provider's.
    """
    member = _KIND.verified(token, document)
    part = member.fields(*_MEMBERS)
    part["version"].integer(least=_VERSION, most=_VERSION)
    with _KIND.reading():
        return RiskReport(
            provider=part["provider"].exactly(document.did),
            dataset=part["dataset"].text(),
            uses=tuple(map(_use, part["uses"].items(most=_MOST_USES))),
            at=part["at"].instant(),
        )


def unverified_uses(token: str) -> tuple[JudgedUse, ...]:
    """Return the uses of a report that was verified, or signed, when it was kept.

    Raises:
        Malformed: it is no report.
    """
    part = _KIND.unverified(token).fields(*_MEMBERS)
    with _KIND.reading():
        return tuple(map(_use, part["uses"].items(most=_MOST_USES)))


def _use(member: Member) -> JudgedUse:
    part = member.fields("action", "steps", "findings")
    findings = Findings.read(part["findings"])
    return JudgedUse(part["action"].text(), part["steps"].digest(), findings)

"""Referrals, verified without a node: for a third party that is none."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from connector.identity import document as documents
from connector.identity.statements import referral as referrals
from connector.management.views.contracts.uses import ReferralView


def verify_referral(
    referral: str, document: bytes, *, party: str, holder: str, now: datetime | None = None
) -> ReferralView:
    """Verify a referral offline; whether it was used before is the caller's to remember, by its id.

    Args:
        referral: compact JWS.
        document: DID document of the provider, as it was fetched.
        party: DID or https origin of who takes it in.
        holder: DID of who presents it, as it has proven.
        now: UTC; left out, the clock of this machine.

    Raises:
        TokenInvalid: signature, members or lifetime are wrong.
        TokenMismatch: it was made for another third party or another holder.
        DidUnresolvable: the document cannot be read, or is another's.
    """
    provider = referrals.unverified_provider(referral)
    trusted = documents.read(document, provider)
    found = referrals.check(referral, trusted, party, holder, now or datetime.now(UTC))
    return ReferralView(**asdict(found))

"""Referrals: what a provider signs so that a third party carries out a permitted use.

Rules: a referral names who may present it, to whom, under which contract and plan, and what the
holder stated; it is good for `LIFE` and once. Whoever takes it in checks it offline, by the
provider's DID document, and remembers its id until it has expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.errors import TokenInvalid, TokenMismatch
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical

TYPE: Final = "preau-referral+jwt"
LIFE: Final = timedelta(hours=1)
MAX_CHARS: Final = 8 * 1024
_VERSION: Final = 1
_LATEST: Final = (1 << 35) - 1  # seconds: beyond the year 3000
_LEEWAY: Final = timedelta(seconds=60)  # between two clocks
_MOST: Final = 16
_KIND: Final = Kind("referral", TokenInvalid, MAX_CHARS, TYPE)
_MEMBERS: Final = (
    *("version", "jti", "iss", "sub", "aud", "iat", "exp"),
    *("agreement", "dataset", "action", "plan", "stated"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """What a referral says.

    Attributes:
        id: of this one referral.
        provider: DID of who signed it.
        holder: DID of who may present it.
        party: DID or https origin of who may take it in.
        at: when it was made, UTC.
        until: when it expires, UTC.
        agreement: IRI of the contract.
        dataset: IRI of what may be used.
        action: IRI of what is permitted.
        plan: SHA-256 of the plan that both signed, hex.
        stated: operand -> values, as the holder signed them and the provider judged them.
    """

    id: str
    provider: str
    holder: str
    party: str
    at: datetime
    until: datetime
    agreement: str
    dataset: str
    action: str
    plan: str
    stated: Mapping[str, tuple[str, ...]]


def make(signer: jws.Signer, said: Referral) -> str:
    """Sign a referral.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    claims = {
        "version": _VERSION,
        "jti": said.id,
        "iss": said.provider,
        "sub": said.holder,
        "aud": said.party,
        "iat": int(said.at.timestamp()),
        "exp": int(said.until.timestamp()),
        "agreement": said.agreement,
        "dataset": said.dataset,
        "action": said.action,
        "plan": said.plan,
        "stated": {left: list(values) for left, values in said.stated.items()},
    }
    return jws.sign_compact(signer, canonical(claims), TYPE)


def check(token: str, document: DidDocument, party: str, holder: str, now: datetime) -> Referral:
    """Check a referral; that it was not used before is the caller's to see.

    Args:
        token: as received.
        document: of the provider, which must have signed it.
        party: DID or https origin of who takes it in.
        holder: DID of who presents it, as it has proven.
        now: UTC.

    Raises:
        TokenInvalid: signature, members or lifetime are wrong.
        TokenMismatch: it was made for another third party or another holder.
    """
    found = _read(token, document)
    if found.provider != document.did:
        raise TokenInvalid("the referral was not signed by the provider that it names")
    if found.party != party:
        raise TokenMismatch("the referral is to another third party")
    if found.holder != holder:
        raise TokenMismatch("the referral is of another holder")
    if found.until - found.at > LIFE or not found.at - _LEEWAY <= now < found.until:
        raise TokenInvalid("the referral has expired, or is not valid yet", hint="ask for another")
    return found


def unverified_provider(token: str) -> str:
    """Return who says that it signed a referral, before anything is verified.

    Raises:
        TokenInvalid: it says nothing that can be read.
    """
    return _KIND.unverified(token).child("iss").text()


def unverified_party(token: str) -> str:
    """Return to whom a referral says that it is, before anything is verified.

    Raises:
        TokenInvalid: it says nothing that can be read.
    """
    return _KIND.unverified(token).child("aud").text()


def _read(token: str, document: DidDocument) -> Referral:
    part = _KIND.verified(token, document).fields(*_MEMBERS)
    part["version"].integer(least=_VERSION, most=_VERSION)
    stated = part["stated"].entries(most=_MOST)
    times = (part[name].integer(most=_LATEST) for name in ("iat", "exp"))
    at, until = (datetime.fromtimestamp(each, UTC) for each in times)
    return Referral(
        id=part["jti"].text(),
        provider=part["iss"].text(),
        holder=part["sub"].text(),
        party=part["aud"].text(),
        at=at,
        until=until,
        agreement=part["agreement"].text(),
        dataset=part["dataset"].text(),
        action=part["action"].text(),
        plan=part["plan"].digest(),
        stated={
            left: tuple(each.text() for each in values.items(least=1, most=_MOST))
            for left, values in stated.items()
        },
    )

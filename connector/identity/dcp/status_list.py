"""Status list credentials of others: read, and asked whether a credential still stands.

Rules: a list speaks for credentials of its own issuer (stricter than Bitstring Status List 1.0,
section 2.2, which leaves that to the verifier), of its own mechanism and purposes, and within its
own period. What is unpacked is bounded. `ttl` says when to look for a newer list and no more: DCP
1.0's profiles go by `validUntil`. Each fault has the name that section 3.2 gives it. The lists that
this space's authority keeps have stricter rules (`identity/status.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connector.domain import instant
from connector.errors import (
    CredentialRevoked,
    CredentialSuspended,
    Malformed,
    PreauError,
    StatusListStale,
    StatusListTooShort,
    StatusOutOfRange,
    StatusRetrievalFailed,
    StatusVerificationFailed,
)
from connector.identity import bitstring
from connector.identity.credential import Credential
from connector.identity.dcp import status_entry
from connector.identity.dcp.status_entry import BITSTRING, STATUS_LIST_2021, Entry, Model, Purpose
from connector.identity.status import LEEWAY
from connector.jsonld.canonical import unb64url
from federated.reading import Member

MOST_PURPOSES: Final = 16
_WEB: Final = ("https://", "http://")
_BASE64URL: Final = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A status list credential that verified.

    Attributes:
        url: the address that it was fetched from.
        issuer: DID.
        model: whose list it is.
        purposes: what a set bit means; names that are not understood are kept.
        valid_from: UTC; None when not stated.
        valid_until: UTC; None when not stated.
        ttl: after which a newer list should be looked for; None when not stated.
        bits: the list, unpacked; bit 0 is the highest of the first byte.
    """

    url: str
    issuer: str
    model: Model
    purposes: frozenset[str]
    valid_from: datetime | None
    valid_until: datetime | None
    ttl: timedelta | None
    bits: bytes = field(repr=False)

    def keep_until(self, fetched: datetime, longest: timedelta) -> datetime:
        """Return until when a copy may answer: its own period, and never longer than `longest`."""
        end = fetched + longest
        return end if self.valid_until is None else min(end, self.valid_until)

    def refresh_at(self, fetched: datetime, longest: timedelta) -> datetime:
        """Return when a newer list should be looked for (section 2.2, `ttl`)."""
        end = self.keep_until(fetched, longest)
        return end if self.ttl is None else min(end, fetched + min(self.ttl, longest))


def fetched(
    url: str,
    fetch: Callable[[str], bytes],
    verify: Callable[[str], Credential],
    *,
    least: int = bitstring.MIN_BITS,
) -> PublishedList:
    """Fetch and read the list at an address (section 3.2, steps 4 to 9).

    Args:
        url: as an entry names it.
        fetch: returns what is served there.
        verify: returns the credential of a token once its issuer's signature verifies.
        least: fewest entries.

    Raises:
        StatusRetrievalFailed: it cannot be fetched.
        StatusVerificationFailed: it does not verify, or as `read`.
        StatusMalformed: as `read`.
        StatusListTooShort: as `read`.
    """
    try:
        data = fetch(url)
    except PreauError as exc:
        raise StatusRetrievalFailed(
            f"the status list cannot be fetched: {exc.reason}", retry_after=exc.retry_after
        ) from exc
    try:
        credential = verify(data.decode("ascii").strip())
    except UnicodeDecodeError as exc:
        raise StatusVerificationFailed("the status list is not a signed JWT") from exc
    except PreauError as exc:
        raise StatusVerificationFailed(f"the status list does not verify: {exc.reason}") from exc
    return read(credential, url, least=least)


def read(credential: Credential, url: str, *, least: int = bitstring.MIN_BITS) -> PublishedList:
    """Read and unpack a list credential whose signature verified.

    Args:
        credential: VCDM 2.0 or 1.1.
        url: the address that it was fetched from.
        least: fewest entries; the specification's, unless a space has set another.

    Raises:
        StatusMalformed: it is no list credential, or not as its specification demands.
        StatusVerificationFailed: it is the list of another address, or its size is not understood.
        StatusListTooShort: it has fewer entries.
    """
    if credential.id.startswith(_WEB) and credential.id != url:
        raise StatusVerificationFailed(
            "the id of the status list is not the address that it was fetched from"
        )
    root = Member(credential.document, status_entry.refusal)
    model = next(
        (m for m in (BITSTRING, STATUS_LIST_2021) if m.credential in credential.types), None
    )
    if model is None:
        root.child("type").refuse(f"must name a `{BITSTRING.credential}`")
    part = Member(credential.subject, status_entry.refusal, (None, "credentialSubject")).fields(
        "type", "statusPurpose", "encodedList", maybe=("ttl", "statusSize"), others=True
    )
    part["type"].exactly(model.subject)
    if "statusSize" in part:
        status_entry.check_size(part["statusSize"])
    bits = _unpacked(part["encodedList"], model)
    if len(bits) * 8 < least:
        raise StatusListTooShort(
            f"the status list has {len(bits) * 8} entries; at least {least} are required"
        )
    return PublishedList(
        url=url,
        issuer=credential.issuer,
        model=model,
        purposes=_purposes(part["statusPurpose"], model),
        valid_from=credential.valid_from,
        valid_until=credential.valid_until,
        ttl=timedelta(milliseconds=part["ttl"].integer()) if "ttl" in part else None,
        bits=bits,
    )


def check(
    credential: Credential,
    lists: Callable[[str], PublishedList],
    now: datetime,
    *,
    stated: bool,
) -> None:
    """Check that a credential is neither revoked nor suspended (DCP 1.0, section 5.4.3.6).

    Args:
        credential: whose signature verified.
        lists: returns the list at an address, as `fetched`, or a copy that is kept.
        now: UTC.
        stated: whether a credential that states no status is refused.

    Raises:
        CredentialRevoked: its bit is set in a list of revocation.
        CredentialSuspended: its bit is set in a list of suspension.
        StatusListStale: as `check_in`.
        StatusOutOfRange: as `check_in`.
        StatusVerificationFailed: it states no status, as `check_in`, or as `lists`.
        StatusMalformed: as `status_entry.read` and `lists`.
        StatusListTooShort: as `lists`.
        StatusRetrievalFailed: as `lists`.
    """
    entries = status_entry.read(credential.document)
    if stated and not entries:
        raise StatusVerificationFailed("the credential states no status")
    for entry in entries:
        if entry.purpose is not Purpose.REFRESH:
            check_in(entry, credential.issuer, lists(entry.url), now)


def check_in(entry: Entry, issuer: str, found: PublishedList, now: datetime) -> None:
    """Check that the list that an entry names does not mark it (section 3.2, steps 5 to 13).

    Args:
        entry: of the credential.
        issuer: DID of the credential's issuer.
        found: the list at the entry's address.
        now: UTC.

    Raises:
        CredentialRevoked: the bit is set, of purpose `revocation`.
        CredentialSuspended: the bit is set, of purpose `suspension`.
        StatusListStale: the list is past its `validUntil`, or not valid yet.
        StatusOutOfRange: the index is outside of the list.
        StatusVerificationFailed: the list is another's, of another address, mechanism or purpose.
    """
    if found.url != entry.url:
        raise StatusVerificationFailed("the status list is not the one that the credential names")
    if found.issuer != issuer:
        raise StatusVerificationFailed("the status list and the credential have different issuers")
    if found.model != entry.model:
        raise StatusVerificationFailed(f"the status list is not a `{entry.model.credential}`")
    if entry.purpose not in found.purposes:
        raise StatusVerificationFailed(f"the status list is not for purpose `{entry.purpose}`")
    _check_fresh(found, now)
    marked = bitstring.is_set(found.bits, entry.index)
    if marked is None:
        raise StatusOutOfRange("the status index is outside of the list")
    if marked:
        revoked = entry.purpose is Purpose.REVOCATION
        kind = CredentialRevoked if revoked else CredentialSuspended
        raise kind(f"the credential is {'revoked' if revoked else 'suspended'}")


def _check_fresh(found: PublishedList, now: datetime) -> None:
    if found.valid_from is not None and now + LEEWAY < found.valid_from:
        raise StatusListStale(
            f"the status list is not valid before {instant.text(found.valid_from)}; this "
            f"node's clock says {instant.text(now)}"
        )
    if found.valid_until is not None and now >= found.valid_until:
        raise StatusListStale(
            f"the status list expired at {instant.text(found.valid_until)}; this node's "
            f"clock says {instant.text(now)}"
        )


def _purposes(member: Member, model: Model) -> frozenset[str]:
    """Read one purpose, or several where the mechanism has that."""
    if model is BITSTRING and isinstance(member.value, list):
        return frozenset(each.text() for each in member.items(least=1, most=MOST_PURPOSES))
    return frozenset((member.text(),))


def _unpacked(member: Member, model: Model) -> bytes:
    try:
        return bitstring.expanded(_packed(member.content(), model))
    except Malformed as exc:
        member.refuse(f"cannot be unpacked: {exc.reason}")


def _packed(encoded: str, model: Model) -> bytes:
    """Return the gzip of a list.

    StatusList2021 says base64 and not which; all spellings of it occur, also with the `u` of
    Multibase, which begins no gzip in base64.
    """
    if model is STATUS_LIST_2021:
        return unb64url(encoded.removeprefix("u").translate(_BASE64URL).rstrip("="))
    if not encoded.startswith("u"):
        raise Malformed("not Multibase of base64url")
    return unb64url(encoded[1:])

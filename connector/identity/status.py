"""Bitstring Status Lists (W3C Bitstring Status List 1.0): building, reading and asking them.

Rules: a list speaks only for credentials of its own issuer, for its own address and purpose, and
only until its own `validUntil`; after that nothing is known and the answer is no. The list is at
least 131,072 bits long, so that an index says little; what is unpacked is bounded. A list also
names, by digest, the templates that its issuer has in force (`layer.py`): they are as fresh as it.
Fetching and caching lists is left to services.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connector.domain import instant
from connector.errors import CredentialInvalid, CredentialRevoked, Malformed, StatusListStale
from connector.identity import bitstring, jws
from connector.identity import credential as credentials
from connector.identity.bitstring import MIN_BITS
from connector.identity.credential import StatusEntry
from connector.jsonld.canonical import b64url, unb64url
from federated.reading import Member

TEMPLATES: Final = "preau:templates"
MOST_TEMPLATES: Final = 16
LEEWAY: Final = timedelta(minutes=1)  # a list made just now, by a clock ahead of ours


@dataclass(frozen=True, slots=True)
class VerifiedList:
    """A status list whose signature verified.

    Attributes:
        url: its address; credentials refer to it.
        issuer: DID.
        purpose: what a set bit means.
        valid_from: UTC.
        valid_until: UTC.
        bits: the list, unpacked; bit 0 is the highest of the first byte.
        templates: SHA-256 (hex) of the templates in force, sorted; none where it names none.
    """

    url: str
    issuer: str
    purpose: str
    valid_from: datetime
    valid_until: datetime
    bits: bytes = field(repr=False)
    templates: tuple[str, ...] = ()

    def is_set(self, index: int) -> bool:
        """Return one bit.

        Raises:
            CredentialInvalid: the list is not that long.
        """
        found = bitstring.is_set(self.bits, index)
        if found is None:
            raise CredentialInvalid("the status index is outside the list")
        return found

    def taken_back(self, earlier: VerifiedList) -> int:
        """Return how many indices an earlier list sets and this one does not."""
        length = len(earlier.bits)
        here = self.bits[:length].ljust(length, b"\0")
        return (int.from_bytes(earlier.bits, "big") & ~int.from_bytes(here, "big")).bit_count()


def build(
    signer: jws.Signer,
    issuer_did: str,
    url: str,
    revoked: Iterable[int],
    *,
    valid_from: datetime,
    valid_until: datetime,
    templates: Iterable[str] = (),
) -> str:
    """Issue a revocation list as VC-JWT.

    Args:
        signer: the issuer's.
        issuer_did: who issued the credentials.
        url: where the list is served.
        revoked: indices of revoked credentials.
        valid_from: UTC.
        valid_until: after that the list answers nothing, UTC.
        templates: SHA-256 (hex) of the templates in force.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    packed = gzip.compress(_bits(sorted(revoked)), mtime=0)
    subject = {
        "id": f"{url}#list",
        "type": "BitstringStatusList",
        "statusPurpose": "revocation",
        "encodedList": "u" + b64url(packed),
        **({TEMPLATES: found} if (found := sorted(set(templates))) else {}),
    }
    document = {
        "@context": [credentials.VCDM],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer_did,
        "validFrom": instant.text(valid_from),
        "validUntil": instant.text(valid_until),
        "credentialSubject": subject,
    }
    return credentials.issue(signer, document)


def read(token: str, issuer_document: jws.KeyHolder) -> VerifiedList:
    """Verify and unpack a list.

    Raises:
        CredentialInvalid: it does not verify, is not a status list, or breaks a limit.
    """
    found = credentials.verify(token, issuer_document)
    if "BitstringStatusListCredential" not in found.types:
        raise CredentialInvalid("not a status list credential")
    if found.valid_from is None or found.valid_until is None:
        raise CredentialInvalid("the status list has no period of validity")
    part = Member(found.subject, _refusal).fields(
        *("type", "statusPurpose", "encodedList"), maybe=("statusSize", TEMPLATES), others=True
    )
    part["type"].exactly("BitstringStatusList")
    if "statusSize" in part:
        part["statusSize"].integer(least=1, most=1)
    purpose, bits = part["statusPurpose"].content(), _unpack(part["encodedList"].content())
    named = part[TEMPLATES].items(most=MOST_TEMPLATES) if TEMPLATES in part else []
    return VerifiedList(
        *(found.id, found.issuer, purpose, found.valid_from, found.valid_until, bits),
        tuple(each.digest() for each in named),
    )


def unverified_set(token: str) -> frozenset[int]:
    """Return the indices that a list of one's own sets; read from one's own database only.

    Its signature is not looked at: the key may have changed since.

    Raises:
        CredentialInvalid: not a status list.
    """
    subject = Member(credentials.unverified_credential(token).subject, _refusal)
    bits = _unpack(subject.child("encodedList").content())
    places = (place for place, byte in enumerate(bits) if byte)
    return frozenset(
        place * 8 + offset
        for place in places
        for offset in range(8)
        if bits[place] >> 7 - offset & 1
    )


def check(
    entry: StatusEntry, token: str, issuer_document: jws.KeyHolder, now: datetime
) -> VerifiedList:
    """Verify the list that a credential's entry names, and check that it is not revoked.

    Args:
        entry: its status entry.
        token: the list credential that the entry names, VC-JWT.
        issuer_document: DID document of the *credential's* issuer.
        now: UTC.

    Raises:
        CredentialRevoked: as `check_in`.
        StatusListStale: as `check_in`.
        CredentialInvalid: the list is another issuer's or does not verify, or as `check_in`.
    """
    found = read(token, issuer_document)
    check_in(entry, found, now)
    return found


def check_in(entry: StatusEntry, found: VerifiedList, now: datetime) -> None:
    """Check that a credential is not revoked.

    Args:
        entry: its status entry.
        found: the list that the entry names, verified under the *credential's* issuer.
        now: UTC.

    Raises:
        CredentialRevoked: the bit is set.
        StatusListStale: the list is past its `validUntil`, or not valid yet.
        CredentialInvalid: the list is another list, for another purpose, or too short.
    """
    if found.url != entry.url:
        raise CredentialInvalid("the status list is not the one that the credential names")
    if found.purpose != entry.purpose or entry.purpose != "revocation":
        raise CredentialInvalid("the status list is for another purpose")
    check_fresh(found, now)
    if found.is_set(entry.index):
        raise CredentialRevoked("the membership was revoked")


def check_fresh(found: VerifiedList, now: datetime) -> None:
    """Check that a list answers at this moment.

    Raises:
        StatusListStale: it is past its `validUntil`, or not valid yet.
    """
    if not found.valid_from <= now + LEEWAY or now >= found.valid_until:
        raise StatusListStale(
            f"the status list is valid from {instant.text(found.valid_from)} until "
            f"{instant.text(found.valid_until)}; this node's clock says "
            f"{instant.text(now)}"
        )


def _refusal(pointer: str, fault: str) -> CredentialInvalid:
    return CredentialInvalid(f"status list {pointer or '/'}: {fault}")


def _bits(indices: list[int]) -> bytes:
    highest = indices[-1] + 1 if indices else 0
    bits = bytearray((max(MIN_BITS, highest) + 7) // 8)
    for index in indices:
        bits[index // 8] |= 0x80 >> index % 8
    return bytes(bits)


def _unpack(encoded: str) -> bytes:
    try:
        bits = bitstring.expanded(unb64url(encoded[1:]) if encoded.startswith("u") else b"")
    except Malformed as exc:
        raise CredentialInvalid(f"the status list cannot be unpacked: {exc.reason}") from exc
    if len(bits) * 8 < MIN_BITS:
        raise CredentialInvalid("the status list is too short")
    return bits

"""Status entries of credentials: where each says whether it still stands.

Rules: a credential may have several entries, each for one purpose; only `revocation`, `suspension`
and `refresh` are understood, in one bit, and any other entry is refused by name, because nobody
could say what it takes away. Source: Bitstring Status List 1.0, section 2.1; StatusList2021 (W3C
working draft of 2023-04-27), section 2.1. Whether an address may be fetched is the `Web` port's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn

from connector.errors import StatusMalformed, StatusVerificationFailed
from connector.identity.dcp.address import web_address
from federated.reading import Member

MOST_ENTRIES: Final = 16
_INDEX: Final = "[0-9]+"


class Purpose(StrEnum):
    """What a set bit means (section 2.1, `statusPurpose`)."""

    REVOCATION = "revocation"  # for good
    SUSPENSION = "suspension"  # for the time being
    REFRESH = "refresh"  # a newer credential is to be had; this one stands


@dataclass(frozen=True, slots=True)
class Model:
    """Names of a status mechanism.

    Attributes:
        entry: type of a credential's entry.
        credential: type of the credential that holds the list.
        subject: type of the list in it.
    """

    entry: str
    credential: str
    subject: str


BITSTRING: Final = Model(
    "BitstringStatusListEntry", "BitstringStatusListCredential", "BitstringStatusList"
)
STATUS_LIST_2021: Final = Model("StatusList2021Entry", "StatusList2021Credential", "StatusList2021")
_MODELS: Final = {model.entry: model for model in (BITSTRING, STATUS_LIST_2021)}
_PURPOSES: Final = {purpose.value: purpose for purpose in Purpose}


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one status of a credential is kept.

    Attributes:
        model: whose entry it is.
        purpose: what a set bit means.
        index: position in the list.
        url: address of the list credential.
    """

    model: Model
    purpose: Purpose
    index: int
    url: str


def read(credential: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Return the entries of a credential, revocation first; none where it states no status.

    Null and an empty list say no more than no member (JSON-LD 1.1).

    Args:
        credential: VCDM 2.0 or 1.1, once its signature verified.

    Raises:
        StatusMalformed: an entry is not as its specification demands.
        StatusVerificationFailed: an entry is of a type, purpose or size that is not understood.
    """
    member = Member(credential, refusal).child("credentialStatus")
    if member.value is None:
        return ()
    stated = member.items(most=MOST_ENTRIES) if isinstance(member.value, list) else [member]
    return tuple(sorted((_entry(each) for each in stated), key=lambda entry: entry.purpose))


def check_size(member: Member) -> None:
    """Check the size of a status in bits (section 2.1, `statusSize`): only 1 is understood.

    Raises:
        StatusMalformed: not an integer above 0.
        StatusVerificationFailed: more than one bit.
    """
    size = member.integer(least=1)
    if size != 1:
        _unknown(member, f"`statusSize` {size} is not understood, only 1")


def refusal(pointer: str, fault: str) -> StatusMalformed:
    """Return the error of a fault at a pointer (RFC 6901)."""
    return StatusMalformed(f"status {pointer or '/'}: {fault}")


def _entry(member: Member) -> Entry:
    part = member.fields(
        *("type", "statusPurpose", "statusListIndex", "statusListCredential"),
        maybe=("statusSize",),
        others=True,
    )
    if "statusSize" in part:
        check_size(part["statusSize"])
    return Entry(
        _model(part["type"]),
        _purpose(part["statusPurpose"]),
        int(part["statusListIndex"].text(pattern=_INDEX)),
        web_address(part["statusListCredential"]),
    )


def _model(member: Member) -> Model:
    model = _MODELS.get(member.text())
    return model or _unknown(member, f"a status of type `{member.value}` is not understood")


def _purpose(member: Member) -> Purpose:
    purpose = _PURPOSES.get(member.text())
    return purpose or _unknown(member, f"a status of purpose `{member.value}` is not understood")


def _unknown(member: Member, fault: str) -> NoReturn:
    raise StatusVerificationFailed(f"status {member.pointer}: {fault}")

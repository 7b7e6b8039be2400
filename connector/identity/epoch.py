"""Epoch records: a node's signed statement that its log goes on from an older state.

A compact JWS of type `preau-epoch+jws` over canonical JSON: who, which epoch begins, the newest
head that counts no more, and the signed note of the head from which the log goes on. Whether it
answers for a head that somebody holds is `domain/log/continuity.py`'s.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from connector.domain.log.audit import Epoch, Head
from connector.domain.log.merkle import HASH_BYTES
from connector.errors import Malformed
from connector.identity import checkpoint as checkpoints
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import b64url, canonical, unb64url
from federated.reading import Member

TYPE: Final = "preau-epoch+jws"
MAX_CHARS: Final = 32 * 1024  # a signed note takes most of it
_VERSION: Final = 1
_MEMBERS: Final = ("version", "origin", "number", "abandoned", "resumed")
_KIND: Final = Kind("epoch record", Malformed, MAX_CHARS, TYPE)


def make(signer: jws.Signer, origin: str, number: int, abandoned: Head, resumed: str) -> str:
    """Return the signed record.

    Args:
        signer: the node's.
        origin: its DID.
        number: of the epoch that begins, from 1.
        abandoned: newest head that counts no more.
        resumed: signed note of the head from which the log goes on.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    content = {
        "version": _VERSION,
        "origin": origin,
        "number": number,
        "abandoned": {
            "epoch": abandoned.epoch,
            "size": abandoned.size,
            "root": b64url(abandoned.root),
        },
        "resumed": resumed,
    }
    return jws.sign_compact(signer, canonical(content), TYPE)


def verify(record: str, document: DidDocument, at: datetime) -> Epoch:
    """Return what a record states, once it and the note within it verify.

    Args:
        record: compact JWS.
        document: DID document of the origin.
        at: when it was received, UTC.

    Raises:
        SignatureInvalid: the origin did not sign it, or the note within it.
        Malformed: it is no record of that origin's.
    """
    part = _KIND.verified(record, document).fields(*_MEMBERS)
    part["version"].integer(least=_VERSION, most=_VERSION)
    part["origin"].exactly(document.did)
    abandoned = _head(part["abandoned"])
    number = part["number"].integer(least=abandoned.epoch + 1)
    resumed = checkpoints.verify(part["resumed"].content(), document, at)
    if resumed.epoch != number:
        raise Malformed("the epoch record resumes with a head of another epoch")
    return Epoch(
        origin=document.did,
        number=number,
        abandoned_epoch=abandoned.epoch,
        abandoned_size=abandoned.size,
        abandoned_root=abandoned.root,
        resumed=resumed.note,
        record=record,
        held="",
        at=at,
    )


def _head(member: Member) -> Head:
    part = member.fields("epoch", "size", "root")
    root = unb64url(part["root"].content())
    if len(root) != HASH_BYTES:
        part["root"].refuse(f"must have {HASH_BYTES} bytes")
    return Head(part["epoch"].integer(), part["size"].integer(), root)

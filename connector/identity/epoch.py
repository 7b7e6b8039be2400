"""Epoch records: a node's signed statement that its log goes on from an older state.

A compact JWS of type `preau-epoch+jws` over canonical JSON: who, which epoch begins, the newest
head that counts no more, and the signed note of the head from which the log goes on. Whether it
answers for a head that somebody holds is `domain/continuity.py`'s.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from connector.domain.audit import Epoch, Head
from connector.domain.merkle import HASH_BYTES
from connector.errors import Malformed
from connector.identity import checkpoint as checkpoints
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.jsonld.canonical import b64url, canonical, parse_object, unb64url

TYPE: Final = "preau-epoch+jws"
_VERSION: Final = 1
_MEMBERS: Final = {"version", "origin", "number", "abandoned", "resumed"}
_MOST: Final = 2**53


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
    payload = jws.verify_compact(record, document, Relationship.ASSERTION, TYPE)
    content = parse_object(payload)
    if set(content) != _MEMBERS or content["version"] != _VERSION:
        raise Malformed("not an epoch record of a release that this node knows")
    number, abandoned = content["number"], _head(content["abandoned"])
    if content["origin"] != document.did or not isinstance(content["resumed"], str):
        raise Malformed("the epoch record is of another log")
    if not _whole(number) or number <= abandoned.epoch:
        raise Malformed("the epoch record begins no later epoch")
    resumed = checkpoints.verify(content["resumed"], document, at)
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


def _head(value: Any) -> Head:
    if not isinstance(value, dict) or set(value) != {"epoch", "size", "root"}:
        raise Malformed("the epoch record names no abandoned head")
    root = unb64url(value["root"]) if isinstance(value["root"], str) else b""
    if not _whole(value["epoch"]) or not _whole(value["size"]) or len(root) != HASH_BYTES:
        raise Malformed("the epoch record names no abandoned head")
    return Head(value["epoch"], value["size"], root)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST

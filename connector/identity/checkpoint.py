"""Signed heads of audit logs, in the layout of C2SP signed notes and checkpoints.

    <origin: DID>
    <size, decimal>
    <root hash, base64>
    preau epoch=<decimal> charged=<decimal>[ tally=<SHA-256, base64>]

    — <origin> <base64(key hash || Ed25519 signature)>

A witness adds a line of its own (C2SP tlog-cosignature): it signs `cosignature/v1`, its time and
all lines before the empty one.

    — <witness: DID> <base64(key hash || seconds, 8 bytes || Ed25519 signature)>

Rules: the origin is the node's DID and names the key; its signature covers all lines before the
empty one. Lines of others are allowed, and prove nothing of the origin. The extension line says in
which epoch the log is, how long it was at the newest entry without which more could be spent (a job
accepted, registers merged, a cap lowered), and which sealed tally of charges came with the note; a
note without it is of epoch 0, and any of its entries may be such. Whether a head continues one that
was seen before is judged in `services/evidence/witness.py`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from connector.domain.log.audit import Checkpoint, Head
from connector.domain.log.merkle import EMPTY_ROOT, HASH_BYTES
from connector.errors import Malformed, SignatureInvalid
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.jsonld.canonical import unb64url

MAX_CHARS: Final = 4096
MAX_SIZE_DIGITS: Final = 18
_DASH: Final = "\N{EM DASH}"
_ED25519: Final = b"\x01"  # C2SP signed-note, signature type
_COSIGNATURE: Final = b"\x04"  # C2SP tlog-cosignature, signature type
_KEY_HASH_BYTES: Final = 4
_TIME_BYTES: Final = 8
_TIME_BITS: Final = 35  # beyond the year 3000
_LINES: Final = 3
_NUMBER: Final = rf"(0|[1-9][0-9]{{0,{MAX_SIZE_DIGITS - 1}}})"
_EXTENSION: Final = re.compile(
    rf"preau epoch={_NUMBER} charged={_NUMBER}(?: tally=([A-Za-z0-9+/]{{43}}=))?"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a note says; nobody has verified it yet.

    Attributes:
        origin: DID.
        head: state of the log.
        charged: entries up to and including the newest without which more could be spent.
        tally: SHA-256 of the sealed tally that came with it; empty: none did.
    """

    origin: str
    head: Head
    charged: int
    tally: bytes


def make(signer: jws.Signer, origin: str, head: Head, charged: int, tally: bytes = b"") -> str:
    """Return the signed note of a head.

    Args:
        signer: the node's.
        origin: its DID.
        head: state of the log.
        charged: entries up to and including the newest without which more could be spent.
        tally: SHA-256 of the sealed tally that goes with the note; empty: none does.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    carried = f" tally={base64.b64encode(tally).decode()}" if tally else ""
    text = (
        f"{origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n"
        f"preau epoch={head.epoch} charged={charged}{carried}\n"
    )
    signed = _key_hash(origin, signer.public_jwk["x"]) + signer.sign(text.encode())
    return f"{text}\n{_DASH} {origin} {base64.b64encode(signed).decode()}\n"


def verify(note: str, document: DidDocument, at: datetime) -> Checkpoint:
    """Return the head that a note signs.

    Args:
        note: as received.
        document: DID document of the origin.
        at: when it was received, UTC.

    Raises:
        Malformed: not a checkpoint of that origin.
        SignatureInvalid: no `assertionMethod` key of the document signed it.
    """
    claim = unverified_claim(note)
    if claim.origin != document.did:
        raise Malformed("the checkpoint is of another log")
    text, _, signatures = note.partition("\n\n")
    signed = (text + "\n").encode()
    if not any(_signed_by(signed, line, document) for line in signatures.splitlines()):
        raise SignatureInvalid(f"`{document.did}` did not sign the checkpoint")
    head = claim.head
    return Checkpoint(
        claim.origin, head.size, head.root, note, at, epoch=head.epoch, charged=claim.charged
    )


def cosign(signer: jws.Signer, witness: str, note: str, at: datetime) -> str:
    """Return the line with which a witness cosigns a note that it has verified.

    Args:
        signer: the witness's.
        witness: its DID.
        note: the signed note.
        at: UTC.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    seconds = int(at.timestamp())
    signature = signer.sign(_cosigned(note, seconds))
    named = _key_hash(witness, signer.public_jwk["x"], _COSIGNATURE)
    blob = named + seconds.to_bytes(_TIME_BYTES, "big") + signature
    return f"{_DASH} {witness} {base64.b64encode(blob).decode()}\n"


def cosigned_at(note: str, document: DidDocument) -> datetime | None:
    """Return when a witness cosigned a note, by its clock; None when it did not.

    Args:
        note: the signed note, with the witness's line.
        document: DID document of the witness.

    Raises:
        Malformed: not a checkpoint.
    """
    unverified_claim(note)
    for line in note.partition("\n\n")[2].splitlines():
        seconds = _witnessed(note, line, document)
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
    return None


def unverified_claim(note: str) -> Claim:
    """Return what a note says that nobody has verified yet.

    Raises:
        Malformed: not a checkpoint.
    """
    text, gap, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if len(note) > MAX_CHARS or not gap or not signatures.endswith("\n"):
        raise Malformed("not a checkpoint")
    if not _LINES <= len(lines) <= _LINES + 1:
        raise Malformed("not a checkpoint")
    origin, size, root_text = lines[:_LINES]
    root = _base64(root_text)
    if not _plain_number(size) or len(root) != HASH_BYTES or not origin:
        raise Malformed("not a checkpoint")
    if size == "0" and root != EMPTY_ROOT:
        raise Malformed("the root is not that of an empty log")
    epoch, charged, tally = _extension(lines[_LINES:], int(size))
    return Claim(origin, Head(epoch, int(size), root), charged, tally)


def _extension(lines: list[str], size: int) -> tuple[int, int, bytes]:
    if not lines:
        return 0, size, b""
    found = _EXTENSION.fullmatch(lines[0])
    if found is None or int(found[2]) > size:
        raise Malformed("not a checkpoint")
    return int(found[1]), int(found[2]), _base64(found[3]) if found[3] else b""


def _signed_by(signed: bytes, line: str, document: DidDocument) -> bool:
    parts = line.split(" ")
    if len(parts) != 3 or parts[:2] != [_DASH, document.did]:  # noqa: PLR2004  the layout above
        return False
    blob = _base64(parts[2])
    for kid in sorted(document.assertion):
        jwk = document.keys[kid]
        if jwk["kty"] != "OKP" or blob[:_KEY_HASH_BYTES] != _key_hash(document.did, jwk["x"]):
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(unb64url(jwk["x"]))
            key.verify(blob[_KEY_HASH_BYTES:], signed)
        except InvalidSignature:
            continue
        return True
    return False


def _witnessed(note: str, line: str, document: DidDocument) -> int | None:
    """Return the seconds that a witness's line states, once its signature verifies."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[:2] != [_DASH, document.did]:  # noqa: PLR2004  the layout above
        return None
    blob = _base64(parts[2])
    named, stated = blob[:_KEY_HASH_BYTES], blob[_KEY_HASH_BYTES:][:_TIME_BYTES]
    seconds = int.from_bytes(stated, "big")
    if seconds >= 1 << _TIME_BITS:
        return None
    for kid in sorted(document.assertion):
        jwk = document.keys[kid]
        if jwk["kty"] != "OKP" or named != _key_hash(document.did, jwk["x"], _COSIGNATURE):
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(unb64url(jwk["x"]))
            key.verify(blob[_KEY_HASH_BYTES + _TIME_BYTES :], _cosigned(note, seconds))
        except InvalidSignature:
            continue
        return seconds
    return None


def _cosigned(note: str, seconds: int) -> bytes:
    text = note.partition("\n\n")[0]
    return f"cosignature/v1\ntime {seconds}\n{text}\n".encode()


def _key_hash(origin: str, x: str, kind: bytes = _ED25519) -> bytes:
    named = origin.encode() + b"\n" + kind + unb64url(x)
    return hashlib.sha256(named).digest()[:_KEY_HASH_BYTES]


def _plain_number(text: str) -> bool:
    digits = text.isascii() and text.isdecimal() and len(text) <= MAX_SIZE_DIGITS
    return digits and (text == "0" or text[0] != "0")


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as exc:
        raise Malformed("not base64") from exc
    if base64.b64encode(data).decode() != text:
        raise Malformed("not canonical base64")
    return data

"""Signed heads of audit logs, in the layout of C2SP signed notes and checkpoints.

    <origin: DID>
    <size, decimal>
    <root hash, base64>
    preau epoch=<decimal> charged=<decimal>[ tally=<SHA-256, base64>]

    — <origin> <base64(key hash || Ed25519 signature)>

Rules: the origin is the node's DID and names the key; the signature covers all lines before the
empty one. Other signature lines (cosigners) are allowed and ignored. The extension line says in
which epoch the log is, how long it was when the newest job was accepted, and which sealed tally of
charges came with the note; a note without it is of epoch 0 and may have accepted a job with any of
its entries. Whether a head continues one that was seen before is judged in
`services/evidence/witness.py`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from connector.domain.audit import Checkpoint, Head
from connector.domain.merkle import EMPTY_ROOT, HASH_BYTES
from connector.errors import Malformed, SignatureInvalid
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.jsonld.canonical import unb64url

MAX_CHARS: Final = 4096
MAX_SIZE_DIGITS: Final = 18
_DASH: Final = "\N{EM DASH}"
_ED25519: Final = b"\x01"  # C2SP signed-note, signature type
_KEY_HASH_BYTES: Final = 4
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
        charged: entries up to and including the newest that accepted a job.
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
        charged: entries up to and including the newest that accepted a job.
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
        raise Malformed("an empty log has another root")
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


def _key_hash(origin: str, x: str) -> bytes:
    named = origin.encode() + b"\n" + _ED25519 + unb64url(x)
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

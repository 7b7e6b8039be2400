"""Signed heads of audit logs, in the layout of C2SP signed notes and checkpoints.

    <origin: DID>
    <size, decimal>
    <root hash, base64>

    — <origin> <base64(key hash || Ed25519 signature)>

Rules: the origin is the node's DID and names the key; the signature covers all lines before the
empty one. Other signature lines (cosigners) are allowed and ignored. Whether a head continues one
that was seen before is judged in `services/audit.py`.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from connector.domain.audit import Checkpoint
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


def make(signer: jws.Signer, origin: str, size: int, root: bytes) -> str:
    """Return the signed note of a head.

    Args:
        signer: the node's.
        origin: its DID.
        size: entries of the log.
        root: RFC 6962 root, 32 bytes.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
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
    origin, size, root = unverified_head(note)
    if origin != document.did:
        raise Malformed("the checkpoint is of another log")
    text, _, signatures = note.partition("\n\n")
    signed = (text + "\n").encode()
    if not any(_signed_by(signed, line, document) for line in signatures.splitlines()):
        raise SignatureInvalid(f"`{document.did}` did not sign the checkpoint")
    return Checkpoint(origin, size, root, note, at)


def unverified_head(note: str) -> tuple[str, int, bytes]:
    """Return (origin, size, root) of a note that nobody has verified yet.

    Raises:
        Malformed: not a checkpoint.
    """
    text, gap, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if len(note) > MAX_CHARS or not gap or not signatures.endswith("\n") or len(lines) != 3:  # noqa: PLR2004  the layout above
        raise Malformed("not a checkpoint")
    origin, size, root_text = lines
    root = _base64(root_text)
    if not _plain_number(size) or len(root) != HASH_BYTES or not origin:
        raise Malformed("not a checkpoint")
    if size == "0" and root != EMPTY_ROOT:
        raise Malformed("an empty log has another root")
    return origin, int(size), root


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

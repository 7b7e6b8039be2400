from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.domain.log.audit import Head
from connector.domain.log.merkle import EMPTY_ROOT, leaf_hash
from connector.errors import Malformed, SignatureInvalid
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.jsonld.canonical import canonical
from tests.support.contracts import NOW, PROVIDER, stranger
from tests.support.each import over
from tests.support.keys import MemorySigner

NODE = stranger(PROVIDER)
ROOT = leaf_hash(b"x")
NOTE = checkpoints.make(NODE.signer, PROVIDER, Head(3, 20_000, ROOT), 19_000, ROOT)


def test_round_trip() -> None:
    found = checkpoints.verify(NOTE, NODE.document, NOW)
    assert (found.origin, found.size, found.root) == (PROVIDER, 20_000, ROOT)
    assert (found.note, found.at) == (NOTE, NOW)
    assert (found.epoch, found.charged) == (3, 19_000)
    claim = checkpoints.unverified_claim(NOTE)
    assert claim == checkpoints.Claim(PROVIDER, Head(3, 20_000, ROOT), 19_000, ROOT)


def test_a_note_without_the_extension_may_have_accepted_a_job_with_any_entry() -> None:
    plain = "\n".join(line for line in NOTE.split("\n") if not line.startswith("preau "))
    claim = checkpoints.unverified_claim(plain)
    assert claim == checkpoints.Claim(PROVIDER, Head(0, 20_000, ROOT), 20_000, b"")
    with pytest.raises(SignatureInvalid):
        checkpoints.verify(plain, NODE.document, NOW)


def test_layout_is_that_of_signed_notes() -> None:
    """The example key of C2SP signed-note: `PeterNeumann`, key id c74f20a3."""
    signer = MemorySigner("did:web:x", seed=bytes(32))
    public = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    note = checkpoints.make(signer, "log.example", Head(0, 3, ROOT), 2)
    origin, size, root, extension, empty, line = note.splitlines()
    assert extension == "preau epoch=0 charged=2"
    assert (origin, size, empty) == ("log.example", "3", "")
    assert base64.b64decode(root) == ROOT
    dash, name, blob = line.split(" ")
    assert (dash, name, len(base64.b64decode(blob))) == ("\u2014", "log.example", 4 + 64)
    assert (
        checkpoints._key_hash(
            "PeterNeumann", _x("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        ).hex()
        == "c74f20a3"
    )
    assert public == _raw(signer)


def _x(verifier: str) -> str:
    """The key of a C2SP verifier string: type byte, then 32 bytes."""
    data = base64.b64decode(verifier)
    assert data[0] == 1
    return base64.urlsafe_b64encode(data[1:]).rstrip(b"=").decode()


def _raw(signer: MemorySigner) -> bytes:
    return base64.urlsafe_b64decode(signer.public_jwk["x"] + "=")


def test_an_empty_log() -> None:
    note = checkpoints.make(NODE.signer, PROVIDER, Head(0, 0, EMPTY_ROOT), 0)
    assert checkpoints.verify(note, NODE.document, NOW).size == 0
    wrong = checkpoints.make(NODE.signer, PROVIDER, Head(0, 0, ROOT), 0)
    with pytest.raises(Malformed):
        checkpoints.verify(wrong, NODE.document, NOW)


def test_cosignatures_are_ignored() -> None:
    line = checkpoints.make(NODE.signer, PROVIDER, Head(0, 1, ROOT), 0).splitlines()[-1]
    for other in ("\u2014 witness.example AAAAAA==\n", "x\n", line + "\n"):
        found = checkpoints.verify(NOTE + other, NODE.document, NOW)
        assert found.size == 20_000


def test_another_node_s_checkpoint() -> None:
    with pytest.raises(Malformed):
        checkpoints.verify(NOTE, stranger("did:web:else.example").document, NOW)
    with pytest.raises(SignatureInvalid):
        checkpoints.verify(NOTE, stranger(PROVIDER).document, NOW)


@over(
    "change",
    [
        lambda note: note.replace("20000", "20001"),
        lambda note: note.replace("\n20000\n", "\n20000\n20000\n"),
        lambda note: note.replace("20000", "020000"),
        lambda note: note.replace("20000", "-1"),
        lambda note: note.replace("20000", "2e4"),
        lambda note: note.replace("20000", ""),
        lambda note: note.replace("20000", "\u0662"),
        lambda note: note.replace("20000", "9" * 19),
        lambda note: note.replace(PROVIDER, "did:web:else.example", 1),
        lambda note: note.replace(PROVIDER, "", 1),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.rstrip("\n"),
        lambda note: note.split("\n\n")[0] + "\n\n",
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note + "x" * 5000,
        lambda note: note.replace(base64.b64encode(ROOT).decode(), "AAAA", 1),
        lambda note: note.replace(base64.b64encode(ROOT).decode(), "!", 1),
        lambda note: note.replace(
            base64.b64encode(ROOT).decode(), base64.b64encode(EMPTY_ROOT).decode()
        ),
        lambda note: note.replace("epoch=3", "epoch=03"),
        lambda note: note.replace("epoch=3 ", ""),
        lambda note: note.replace("charged=19000", "charged=20001"),
        lambda note: note.replace("tally=", "tally=A"),
        lambda note: note.replace("preau ", "other "),
        lambda note: note.replace("\npreau", "\npreau epoch=3 charged=1\npreau"),
        lambda note: note.replace("\u2014 ", "- "),
        lambda note: note[:-10] + note[-6:],
        lambda _: "",
    ],
)
def test_notes_that_are_refused(change: Callable[[str], str]) -> None:
    with pytest.raises(Malformed):
        checkpoints.verify(change(NOTE), NODE.document, NOW)


def test_base64_has_one_spelling() -> None:
    root = base64.b64encode(ROOT).decode()
    assert root.endswith("=")
    loose = root[:-2] + chr(ord(root[-2]) + 1) + "="
    assert base64.b64decode(loose) == ROOT
    with pytest.raises(Malformed):
        checkpoints.verify(NOTE.replace(root, loose), NODE.document, NOW)


def test_only_assertion_keys_sign() -> None:
    content = json.loads(NODE.data)
    content["assertionMethod"] = []
    del content["verificationMethod"][1]
    with pytest.raises(SignatureInvalid):
        checkpoints.verify(NOTE, documents.read(canonical(content), PROVIDER), NOW)


def test_a_p256_key_beside_it_is_passed_over() -> None:
    content = json.loads(NODE.data)
    content["assertionMethod"] = [PROVIDER + "#tls-ca-1", NODE.signer.key_id]
    assert (
        checkpoints.verify(NOTE, documents.read(canonical(content), PROVIDER), NOW).size == 20_000
    )

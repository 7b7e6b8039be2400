"""Keys on disk: who may read them, when they are refused, and that none is ever overwritten."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from connector.errors import ConfigurationInvalid, KeyUnusable
from connector.jsonld.canonical import unb64url
from connector.store.files.keys import (
    FileSigner,
    create_signing_key,
    open_signer,
    private_file,
    private_folder,
    public_file,
    read_private_file,
    secret,
)
from tests.support.each import over
from tests.support.keys import MemorySigner

KEY_ID = "did:web:node.example#key-1"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "signing.pem"
    create_signing_key(path)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_created_key_signs_and_verifies(key_file: Path) -> None:
    signer = FileSigner(key_file, KEY_ID)
    public = Ed25519PublicKey.from_public_bytes(unb64url(signer.public_jwk["x"]))
    public.verify(signer.sign(b"payload"), b"payload")
    assert signer.key_id == KEY_ID
    assert FileSigner(key_file, KEY_ID).public_jwk == signer.public_jwk


def test_a_file_signer_and_the_one_of_the_tests_speak_alike(key_file: Path) -> None:
    ours, theirs = FileSigner(key_file, KEY_ID), MemorySigner("did:web:node.example")
    assert ours.key_id == theirs.key_id
    assert set(ours.public_jwk) == set(theirs.public_jwk)
    assert len(ours.sign(b"x")) == len(theirs.sign(b"x")) == 64


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_rights_do_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        create_signing_key(tmp_path / "key.pem")
        private_file(tmp_path / "private", b"x")
        public_file(tmp_path / "public", b"x")
        private_folder(tmp_path / "keys")
    finally:
        os.umask(before)
    assert mode(tmp_path / "key.pem") == 0o600
    assert mode(tmp_path / "private") == 0o600
    assert mode(tmp_path / "public") == 0o644
    assert mode(tmp_path / "keys") == 0o700


def test_a_key_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(KeyUnusable, match="not overwritten"):
        create_signing_key(key_file)
    assert key_file.read_bytes() == before
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]


@pytest.mark.parametrize("write", [private_file, public_file])
def test_a_file_is_replaced_whole_and_leaves_nothing_beside(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    path = tmp_path / "file"
    write(path, b"first")
    write(path, b"second")
    with pytest.raises(KeyUnusable):
        write(path, b"third", replace=False)
    assert path.read_bytes() == b"second"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("write", [private_file, public_file])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, write: Callable[..., None]) -> None:
    with pytest.raises(KeyUnusable, match="No such file or directory"):
        write(tmp_path / "none" / "file", b"x")


def test_a_folder_that_cannot_be_made_is_named(key_file: Path) -> None:
    with pytest.raises(KeyUnusable, match="cannot be made"):
        private_folder(key_file / "below")


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o601, 0o644, 0o660])
def test_a_key_that_others_may_touch_is_refused(key_file: Path, rights: int) -> None:
    key_file.chmod(rights)
    with pytest.raises(KeyUnusable, match="others") as caught:
        FileSigner(key_file, KEY_ID)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("rights", [0o600, 0o400])
def test_a_key_of_its_owner_alone_is_taken(key_file: Path, rights: int) -> None:
    key_file.chmod(rights)
    assert FileSigner(key_file, KEY_ID).sign(b"x")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="No such file"):
        FileSigner(tmp_path / "none.pem", KEY_ID)


def _p256() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _encrypted() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3cret")
    )


@over(
    "content",
    [b"", b"not a key", b"\xff" * 100, _p256(), _encrypted(), b"x" * 65537],
    ["empty", "text", "binary", "p-256", "encrypted", "large"],
)
def test_what_is_no_ed25519_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    private_file(path, content)
    with pytest.raises(KeyUnusable):
        FileSigner(path, KEY_ID)


def test_a_folder_or_pipe_in_the_place_of_a_key_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(KeyUnusable, match="not a file"):
            read_private_file(path)


def test_a_private_file_is_read_back(tmp_path: Path) -> None:
    private_file(tmp_path / "token", b"abc")
    assert read_private_file(tmp_path / "token") == b"abc"


@pytest.mark.parametrize("path", ["file:signing.pem", "file:{}/signing.pem"])
def test_a_key_uri_is_resolved_against_home(key_file: Path, path: str) -> None:
    signer = open_signer(path.format(key_file.parent), key_file.parent, KEY_ID)
    assert signer.public_jwk == FileSigner(key_file, KEY_ID).public_jwk


@over("uri", ["", "file", "file:", "signing.pem", "vault:key", "pkcs11:x=y"])
def test_an_unknown_keeper_is_refused_and_the_known_are_named(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="`file:`"):
        open_signer(uri, tmp_path, KEY_ID)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "persons.key"
    with pytest.raises(KeyUnusable):
        secret(path, make=False)
    made = secret(path, make=True)
    assert (len(made), mode(path)) == (32, 0o600)
    assert secret(path, make=True) == secret(path, make=False) == made


def test_a_secret_of_another_length_is_refused(tmp_path: Path) -> None:
    private_file(tmp_path / "persons.key", b"short")
    with pytest.raises(KeyUnusable, match="32 bytes"):
        secret(tmp_path / "persons.key", make=True)

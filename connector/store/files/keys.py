"""Keys on disk: files that only their owner reads, and the port `Signer` over one of them.

Rules: a private file has mode 0600 from its first byte and appears whole or not at all; a key is
never overwritten; a key file that others may read is refused, since who read it cannot be known.
A key URI chooses the keeper, so that a vault or HSM can be added beside files. Keys for TLS are
made by whoever issues certificates, and stored with the same functions.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connector.errors import ConfigurationInvalid, KeyUnusable
from connector.jsonld.canonical import b64url
from connector.ports import Signer

PRIVATE_MODE: Final = 0o600
PUBLIC_MODE: Final = 0o644
FOLDER_MODE: Final = 0o700
_SECRET_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LARGEST_KEY_FILE: Final = 64 * 1024  # bytes; a PKCS #8 Ed25519 key has about 120


class FileSigner:
    """An Ed25519 key in a PKCS #8 PEM file: the port `Signer`. Read once, at construction."""

    def __init__(self, path: Path, key_id: str) -> None:
        """Read the key.

        Args:
            path: PEM file, mode 0600.
            key_id: DID URL of the verification method.

        Raises:
            KeyUnusable: the file is missing, readable by others, or not an Ed25519 key.
        """
        self._key = _ed25519(path)
        self._key_id = key_id
        self._public = _jwk(self._key)

    @property
    def key_id(self) -> str:
        """DID URL of the verification method."""
        return self._key_id

    @property
    def public_jwk(self) -> Mapping[str, str]:
        """Public key as JWK (RFC 8037 section 2)."""
        return dict(self._public)

    def sign(self, payload: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature (RFC 8032) of `payload`."""
        return self._key.sign(payload)


def _jwk(key: Ed25519PrivateKey) -> Mapping[str, str]:
    x = b64url(key.public_key().public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "x": x}


def open_signer(uri: str, home: Path, key_id: str) -> Signer:
    """Return the signer that a key URI names.

    Args:
        uri: `file:PATH`; a relative path is resolved against `home`.
        home: folder of the node.
        key_id: DID URL of the verification method.

    Raises:
        ConfigurationInvalid: the scheme is none that this node knows.
        KeyUnusable: the key cannot be used.
    """
    scheme, colon, rest = uri.partition(":")
    keeper = _KEEPERS.get(scheme)
    if keeper is None or not colon or not rest:
        known = ", ".join(f"`{name}:`" for name in _KEEPERS)
        raise ConfigurationInvalid(f"`signing_key` must be a URI of {known}")
    return keeper(rest, home, key_id)


def create_signing_key(path: Path) -> None:
    """Make a new Ed25519 key (PKCS #8, PEM, mode 0600).

    Raises:
        KeyUnusable: something is there already, or the file cannot be written.
    """
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    private_file(path, pem, replace=False)


def secret(path: Path, *, make: bool) -> bytes:
    """Return the random 32 bytes that a private file holds.

    Args:
        path: mode 0600.
        make: whether to make it when it is missing.

    Raises:
        KeyUnusable: it is missing and may not be made, or cannot be used.
    """
    if make and not path.exists():
        private_file(path, secrets.token_bytes(_SECRET_BYTES), replace=False)
    found = read_private_file(path)
    if len(found) != _SECRET_BYTES:
        raise KeyUnusable(f"key file `{path}` does not hold {_SECRET_BYTES} bytes")
    return found


def private_file(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file that only its owner reads, mode 0600; whole or not at all.

    Raises:
        KeyUnusable: it cannot be written, or is there already and `replace` is false.
    """
    _write(path, data, PRIVATE_MODE, replace=replace)


def public_file(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file that everybody may read, mode 0644; whole or not at all.

    Raises:
        KeyUnusable: it cannot be written, or is there already and `replace` is false.
    """
    _write(path, data, PUBLIC_MODE, replace=replace)


def private_folder(path: Path) -> None:
    """Make a folder, and those above it, that only its owner enters, mode 0700.

    Raises:
        KeyUnusable: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(FOLDER_MODE)
    except OSError as exc:
        raise KeyUnusable(f"folder `{path}` cannot be made: {exc.strerror}") from exc


def read_private_file(path: Path, limit: int = _LARGEST_KEY_FILE) -> bytes:
    """Return a private file's bytes.

    Args:
        path: the file.
        limit: most bytes.

    Raises:
        KeyUnusable: it is missing, not a file, too large, or others may read it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as exc:
        raise KeyUnusable(f"key file `{path}` cannot be read: {exc.strerror}") from exc
    try:
        _check_rights(path, os.fstat(descriptor), limit)
    except KeyUnusable:
        os.close(descriptor)
        raise
    with open(descriptor, "rb") as file:  # noqa: PTH123 - judged while open
        return file.read(limit)


def _check_rights(path: Path, found: os.stat_result, limit: int) -> None:
    """Judge the open file itself, so that nobody can swap it in between."""
    if not stat.S_ISREG(found.st_mode):
        raise KeyUnusable(f"key file `{path}` is not a file")
    if found.st_mode & _OTHERS:
        raise KeyUnusable(
            f"key file `{path}` can be read by others", hint=f"run `chmod 600 {path}`"
        )
    if found.st_size > limit:
        raise KeyUnusable(f"key file `{path}` is too large")


def _ed25519(path: Path) -> Ed25519PrivateKey:
    pem = read_private_file(path)
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise KeyUnusable(f"key file `{path}` is not an unencrypted PEM private key") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"key file `{path}` is not an Ed25519 key")
    return key


def _write(path: Path, data: bytes, mode: int, *, replace: bool) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _fill(fresh, data, mode)
        try:
            if replace:
                fresh.replace(path)
            else:
                path.hardlink_to(fresh)  # fails when the name is taken
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as exc:
        raise KeyUnusable(f"`{path}` is there already and is not overwritten") from exc
    except OSError as exc:
        raise KeyUnusable(f"`{path}` cannot be written: {exc.strerror}") from exc


def _fill(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - made with its rights
        file.write(data)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_signer(rest: str, home: Path, key_id: str) -> Signer:
    return FileSigner(home / rest, key_id)


_KEEPERS: Final[Mapping[str, Callable[[str, Path, str], Signer]]] = {"file": _file_signer}

"""The node's own identity: signing key, TLS authority, DID document, membership credential.

Rules: the document is built from keys and endpoints at start, and the bytes that are served are
the ones that peers keep; the membership lives in `keys/membership.jwt`. Verifying either is
`identity`'s.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from connector.config import Settings
from connector.errors import KeyUnusable
from connector.identity import did as dids
from connector.identity import document as documents
from connector.services.membership import fetching as names
from connector.store import keys

TLS_CA: Final = "keys/tls-ca-"
PERSON_KEY: Final = "keys/persons.key"
MEMBERSHIP_FILE: Final = "keys/membership.jwt"
FIRST_CONTACT_PATH: Final = "/first-contact"
MEMBERSHIP_PATH: Final = "/membership"
SELF_DESCRIPTION_PATH: Final = "/self-description"
MEMBERSHIPS_PATH: Final = "/memberships"


def key_files(settings: Settings) -> list[str]:
    """Return the private files without which the node does not start, as its settings name them."""
    names = [settings.signing_key.removeprefix("file:"), settings.https_key]
    return names + ([f"{TLS_CA}1.key"] if settings.kind == "participant" else [])


class Identity:
    """Who the node is. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        """Read the keys and build the DID document.

        Raises:
            KeyUnusable: a key is missing, readable by others, or of another kind.
            ConfigurationInvalid: `signing_key` names no keeper of keys that this node knows.
            DidUnresolvable: the own DID is not a did:web identifier.
        """
        self._settings = settings
        key_id = f"{settings.did}#key-1"
        self.signer = keys.open_signer(settings.signing_key, settings.home, key_id)
        self._authorities = tls_authorities(settings)
        self._document = documents.build(
            self.signer,
            settings.did,
            [certificate for certificate, _ in self._authorities],
            services(settings),
        )
        self._lock = threading.Lock()
        self._membership = _text(settings.path(MEMBERSHIP_FILE)).strip()

    def document(self) -> bytes:
        """Return the DID document, the exact bytes that are served."""
        return self._document

    def membership(self) -> str:
        """Return the membership credential, or an empty string."""
        with self._lock:
            return self._membership

    def keep_membership(self, credential: str) -> None:
        """Keep a fetched membership credential.

        Raises:
            KeyUnusable: it cannot be written.
        """
        keys.private_file(self._settings.path(MEMBERSHIP_FILE), credential.encode())
        with self._lock:
            self._membership = credential

    @property
    def tls_authority(self) -> tuple[str, str]:
        """Certificate and key of the newest TLS authority, PEM.

        Raises:
            KeyUnusable: there is none.
        """
        if not self._authorities:
            raise KeyUnusable("the node has no TLS authority in keys/", hint="run `preau doctor`")
        return self._authorities[-1]


def services(settings: Settings) -> dict[str, str]:
    """Return the endpoints of the DID document, by service type."""
    origin = dids.origin(settings.did)
    if settings.kind == "authority":
        return {names.MEMBERSHIPS: origin + MEMBERSHIPS_PATH}
    return {
        names.PEER: f"grpcs://{settings.grpc_endpoint}",
        names.FIRST_CONTACT: origin + FIRST_CONTACT_PATH,
        names.MEMBERSHIP: origin + MEMBERSHIP_PATH,
        names.SELF_DESCRIPTION: origin + SELF_DESCRIPTION_PATH,
    }


def tls_authorities(settings: Settings) -> list[tuple[str, str]]:
    """Return certificate and key of each TLS authority of the node, PEM, oldest first.

    Old ones stay until every leaf that they issued has expired, so that keys can be rotated.

    Raises:
        KeyUnusable: one is missing its key, or cannot be read.
    """
    files = sorted((settings.home / "keys").glob("tls-ca-*.pem"), key=_number)
    return [
        (_text(file), keys.read_private_file(file.with_suffix(".key")).decode()) for file in files
    ]


def _number(file: Path) -> int:
    digits = file.stem.removeprefix("tls-ca-")
    return int(digits) if digits.isdigit() else 0


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise KeyUnusable(f"`{file}` cannot be read") from exc

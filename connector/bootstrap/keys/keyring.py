"""A node's private files as a whole: what there is of each, and taking them along.

Rules: the export is one file of mode 0600, as secret as `keys/` itself; an import puts back what is
missing in a home of the same node and replaces nothing. Names are those of files in `keys/`,
nothing else is written.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from connector.bootstrap.keys import own, signing_rotation, tls_rotation
from connector.bootstrap.system import SystemClock
from connector.config import Settings
from connector.domain import instant
from connector.errors import BackupInvalid, KeyUnusable, PreauError
from connector.identity import certificate
from connector.jsonld.canonical import parse_object
from connector.ports import Clock
from connector.services.membership import introducing
from connector.store import SqlStore
from connector.store.files import keys

TYPE: Final = "PreauKeys"
VERSION: Final = 1
MAX_BYTES: Final = 4 << 20
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyFact:
    """One key of a node.

    Attributes:
        use: `signing`, `tls-ca` or `https`.
        name: of its file, in the home.
        id: RFC 7638 thumbprint of a signing key, `x5t#S256` of a certificate.
        standing: what it is for now.
        until: end of its certificate, UTC; None for a signing key.
    """

    use: str
    name: str
    id: str
    standing: str
    until: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        until = instant.text(self.until) if self.until else None
        return {**asdict(self), "until": until}


def facts(settings: Settings, clock: Clock) -> list[KeyFact]:
    """Return the keys of a node, as it uses them when it runs.

    Raises:
        KeyUnusable: one cannot be read.
        ConfigurationInvalid: `signing_key` names no keeper of keys that this node knows.
    """
    identity = own.Identity(settings, clock)
    used = identity.signer.key_id
    found, standing = [], tls_rotation.OLD
    for each in signing_rotation.read(settings):
        standing = tls_rotation.IN_USE if each.key_id == used else standing
        name = each.uri.removeprefix(signing_rotation.FILE)
        found.append(KeyFact("signing", name, each.thumbprint, standing, None))
        standing = tls_rotation.ANNOUNCED if each.key_id == used else standing
    authorities = tls_rotation.read(settings)
    life = timedelta(seconds=settings.leaf_seconds)
    stands = tls_rotation.standing(authorities, clock.now(), life, told=_told(settings, identity))
    for made in authorities:
        file = f"{tls_rotation.PREFIX}{made.number}.pem"
        found.append(_certified("tls-ca", file, made.certificate, stands[made.number]))
    try:
        https = settings.path(settings.https_certificate).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise KeyUnusable(f"`{settings.https_certificate}` cannot be read") from exc
    return [*found, _certified("https", settings.https_certificate, https, tls_rotation.IN_USE)]


def _told(settings: Settings, identity: own.Identity) -> bool:
    """Return whether each peer has fetched the document; not where the database does not answer."""
    store = SqlStore(settings.database_url, SystemClock())
    try:
        with store.read() as tx:
            return not introducing.untold_of(tx, identity.document(), identity.memberships())
    except PreauError:
        return False
    finally:
        store.close()


def export(settings: Settings, file: Path) -> list[str]:
    """Write all of `keys/` into one private file; return the names.

    Raises:
        KeyUnusable: a key is missing or cannot be read, or the file cannot be written.
    """
    own.Identity(settings)  # an export without what makes the node is none
    names = sorted(each.name for each in settings.path("keys").iterdir() if each.is_file())
    fetched = {own.membership_file(each) for each in settings.spaces}
    content = {
        name: base64.b64encode(_bytes(settings.path("keys") / name)).decode()
        for name in names
        if _NAME.fullmatch(name) and f"keys/{name}" not in fetched  # fetched anew
    }
    whole = {"type": TYPE, "version": VERSION, "did": settings.did, "files": content}
    keys.private_file(file, json.dumps(whole, indent=1).encode(), replace=False)
    return sorted(content)


def bring_in(settings: Settings, file: Path) -> list[str]:
    """Put the keys of an export into the home where they are missing; return the names put.

    Raises:
        BackupInvalid: not an export, or of another node.
        KeyUnusable: others may read it, or a key cannot be written or differs from the home's.
    """
    content = _content(keys.read_private_file(file, MAX_BYTES), settings.did)
    folder = settings.path("keys")
    keys.private_folder(folder)
    for name, data in content.items():
        if (folder / name).exists() and _bytes(folder / name) != data:
            raise KeyUnusable(
                f"`keys/{name}` in the home differs from that of the export; nothing was changed",
                hint="if the export's is the right one, move the other out of the home first",
            )
    put = [name for name in content if not (folder / name).exists()]
    # Keys before certificates, since a certificate without its key stops the node.
    for name in sorted(put, key=lambda each: _is_public(content[each])):
        write = keys.public_file if _is_public(content[name]) else keys.private_file
        write(folder / name, content[name], replace=False)
    return sorted(put)


def _content(data: bytes, did: str) -> dict[str, bytes]:
    try:
        whole = parse_object(data, limit=MAX_BYTES)
    except PreauError as exc:
        raise BackupInvalid("not an export of keys") from exc
    if (whole.get("type"), whole.get("version")) != (TYPE, VERSION):
        raise BackupInvalid("not an export of keys, or of another version")
    if whole.get("did") != did:
        raise BackupInvalid("the export is another node's")
    files = whole.get("files")
    if not isinstance(files, dict) or not all(map(_NAME.fullmatch, files)):
        raise BackupInvalid("the export names a file that is not a key")
    return {name: _decoded(value) for name, value in files.items()}


def _decoded(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError) as exc:
        raise BackupInvalid("the export is damaged") from exc


def _certified(use: str, name: str, pem: str, standing: str) -> KeyFact:
    return KeyFact(use, name, certificate.thumbprint(pem), standing, certificate.expires(pem))


def _is_public(data: bytes) -> bool:
    return data.startswith(b"-----BEGIN CERTIFICATE-----") and b"PRIVATE KEY" not in data


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise KeyUnusable(f"`{path}` cannot be read: {exc.strerror}") from exc

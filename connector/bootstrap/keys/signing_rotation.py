"""The node's signing keys on the disk, and which of them signs.

Rules: the next key is named by a record that the one before signed; the key is written first, so
that a crash leaves either nothing or a whole successor. A member's next key signs once its
membership states it, an authority's after `OVERLAP`; either from the next start on, so that no
signature is made half with one key and half with another. A key that no longer signs keeps its
place in the document, so that old signatures verify, and its private half is removed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from connector.config import Settings
from connector.errors import ConfigurationInvalid, KeyUnusable, PreauError
from connector.identity import document as documents
from connector.identity import key as public_keys
from connector.identity import succession
from connector.jsonld.canonical import parse_object
from connector.ports import Clock, Signer
from connector.store.files import keys

PREFIX: Final = "keys/signing-"
OVERLAP: Final = timedelta(days=1)
FILE: Final = "file:"
MOST: Final = documents.MAX_METHODS - documents.MAX_AUTHORITIES  # that a document can list


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key of this node.

    Attributes:
        uri: where its private half lies.
        key_id: DID URL.
        public: JWK.
        record: by which its predecessor names it; empty for the first.
        made_at: UTC; None for the first.
    """

    uri: str
    key_id: str
    public: Mapping[str, str] = field(repr=False)
    record: str = ""
    made_at: datetime | None = None

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint."""
        return public_keys.thumbprint(self.public)


def read(settings: Settings) -> list[SigningKey]:
    """Return the signing keys that follow one another, oldest first.

    Raises:
        KeyUnusable: the first cannot be read, or a record does not verify.
        ConfigurationInvalid: `signing_key` names no keeper of keys that this node knows.
    """
    files = sorted(settings.path("keys").glob("signing-*.jws"), key=_number)
    records = [(_number(file), keys.read_private_file(file).decode("ascii")) for file in files]
    alone = [place for place, (_, record) in enumerate(records) if succession.is_alone(record)]
    if alone:  # what came before was lost
        records = records[alone[-1] :]
    found = [] if alone else [_first(settings)]
    for number, record in records:
        known = {each.key_id: each.public for each in found}
        try:
            named = succession.read(record, settings.did, known)
        except PreauError as exc:
            raise KeyUnusable(f"`signing-{number}.jws` does not follow the key before it") from exc
        uri = f"{FILE}{PREFIX}{number}.pem"
        found.append(SigningKey(uri, named.key_id, named.key, record, named.made_at))
    return found


def make(settings: Settings, clock: Clock, *, lost: bool = False) -> SigningKey:
    """Make the next signing key; the one before signs its record, unless it was lost.

    Raises:
        KeyUnusable: a key cannot be read or written.
        ConfigurationInvalid: the keys are not files, or a document can list no more.
    """
    if not settings.signing_key.startswith(FILE):
        raise ConfigurationInvalid("`signing_key` is not a file: rotate the key where it is kept")
    taken = [_number(file) for file in settings.path("keys").glob("signing-*")]
    number = max([*taken, 1]) + 1
    found = [] if lost else read(settings)
    if len(found) >= MOST:
        raise ConfigurationInvalid(
            f"there are {MOST} signing keys already, the most that peers read",
            hint="start over with `preau keys rotate signing --lost`",
        )
    uri, key_id = f"{FILE}{PREFIX}{number}.pem", f"{settings.did}#key-{number}"
    if found and found[0].made_at is None:
        data = json.dumps(dict(found[0].public)).encode()
        keys.public_file(settings.path(f"{PREFIX}1.jwk"), data)
    keys.create_signing_key(settings.path(uri.removeprefix(FILE)))
    fresh = keys.open_signer(uri, settings.home, key_id)
    signer = fresh if lost else signer_of(settings, found[-1])
    record = succession.make(signer, settings.did, key_id, fresh.public_jwk, clock.now())
    # Last of all, since with it the key counts.
    keys.private_file(settings.path(f"{PREFIX}{number}.jws"), record.encode(), replace=False)
    return SigningKey(uri, key_id, fresh.public_jwk, record, clock.now())


def signing(
    settings: Settings, found: Sequence[SigningKey], stated: Collection[str], now: datetime
) -> SigningKey:
    """Return the key that signs: the newest that may.

    Where no membership says, as in a home that was put together from an export of its keys, the
    private halves do: those of older keys are removed once a newer one signs.

    Args:
        settings: of this node.
        found: oldest first.
        stated: thumbprints that the node's membership states; none where there is no membership.
        now: UTC.
    """
    authority = settings.kind == "authority"
    for each in reversed(found[1:]):
        overlapped = each.made_at is not None and now - each.made_at >= OVERLAP
        if overlapped if authority else each.thumbprint in stated:
            return each
    held = () if stated else (each for each in found if _private(settings, each).exists())
    return next(iter(held), found[0])


def signer_of(settings: Settings, key: SigningKey) -> Signer:
    """Return the signer of a key.

    Raises:
        KeyUnusable: its private half cannot be used.
        ConfigurationInvalid: its URI names no keeper of keys that this node knows.
    """
    return keys.open_signer(key.uri, settings.home, key.key_id)


def retire(settings: Settings, found: Sequence[SigningKey], used: SigningKey) -> None:
    """Remove the private halves of the keys before the one that signs.

    Raises:
        KeyUnusable: one cannot be removed.
    """
    for each in found[: found.index(used)]:
        path = _private(settings, each)
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise KeyUnusable(f"`{path}` cannot be removed: {exc.strerror}") from exc


def _private(settings: Settings, key: SigningKey) -> Path:
    return settings.path(key.uri.removeprefix(FILE))


def _first(settings: Settings) -> SigningKey:
    key_id, public = f"{settings.did}#key-1", settings.path(f"{PREFIX}1.jwk")
    if public.exists():
        known = public_keys.read(parse_object(public.read_bytes()))
        return SigningKey(settings.signing_key, key_id, known)
    signer = keys.open_signer(settings.signing_key, settings.home, key_id)
    return SigningKey(settings.signing_key, key_id, public_keys.read(dict(signer.public_jwk)))


def _number(file: Path) -> int:
    digits = file.stem.removeprefix("signing-")
    return int(digits) if digits.isdecimal() else 0

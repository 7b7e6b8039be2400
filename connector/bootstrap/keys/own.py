"""The node's own identity: signing key, TLS authority, DID document, membership credential.

Rules: the document is built from keys and endpoints, anew when they change, and the bytes that are
served are the ones that peers keep; the membership lives in `keys/membership.jwt`, that of a
further space in `keys/membership-NAME.jwt`. A key is used once all of them state it, since one
document is judged in each space. Verifying is `identity`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final

from connector.bootstrap.keys import signing_rotation, tls_rotation
from connector.bootstrap.keys.tls_rotation import TlsAuthority
from connector.bootstrap.system import SystemClock
from connector.config import Settings
from connector.domain.space import Space
from connector.errors import KeyUnusable, PreauError
from connector.identity import credential as credentials
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity.dcp import services as dcp
from connector.identity.dcp.services import Service
from connector.identity.document import OtherKey
from connector.identity.key import Relationship
from connector.peer.dcp.face import PATH as DCP_PATH
from connector.ports import Clock
from connector.services.membership import fetching as names
from connector.store.files import keys

PERSON_KEY: Final = "keys/persons.key"
PSEUDONYM_KEY: Final = "keys/pseudonyms.key"
MEMBERSHIP_FILE: Final = "keys/membership.jwt"
FIRST_CONTACT_PATH: Final = "/first-contact"
MEMBERSHIP_PATH: Final = "/membership"
SELF_DESCRIPTION_PATH: Final = "/self-description"
MEMBERSHIPS_PATH: Final = "/memberships"


def key_files(settings: Settings) -> list[str]:
    """Return the private files without which the node does not start, as its settings name them."""
    names = [signing_file(settings), settings.https_key]
    if settings.kind != "participant":
        return names
    found = sorted(settings.path("keys").glob("tls-ca-*.pem"))
    return names + ([f"keys/{file.stem}.key" for file in found] or [f"{tls_rotation.PREFIX}1.key"])


def signing_file(settings: Settings) -> str:
    """Return the private file of the key that signs, or of the first where none can be told."""
    try:
        found = signing_rotation.read(settings)
        stated = _stated(_memberships(settings).values())
        key = signing_rotation.signing(settings, found, stated, SystemClock().now())
    except PreauError:
        return settings.signing_key.removeprefix("file:")
    return key.uri.removeprefix("file:")


class Identity:
    """Who the node is. Thread-safe."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Read the keys and build the DID document.

        Raises:
            KeyUnusable: a key is missing, readable by others, or of another kind.
            ConfigurationInvalid: `signing_key` names no keeper of keys that this node knows.
            DidUnresolvable: the own DID is not a did:web identifier.
        """
        self._settings = settings
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._memberships = _memberships(settings)
        found, stated = signing_rotation.read(settings), self._stated()
        # INVARIANT: the signer never changes while the node runs, so no signature is of two keys.
        self._signing = signing_rotation.signing(settings, found, stated, self._clock.now())
        self.signer = signing_rotation.signer_of(settings, self._signing)
        self._others: tuple[OtherKey, ...] = ()
        self._issuing: TlsAuthority | None = None
        self._listed: tuple[str, ...] = ()
        self._over: list[int] = []
        self._document = b""
        self.follow(told=False)

    def follow(self, *, told: bool) -> None:
        """Look at the TLS authorities in `keys/` again, and list those that are not over.

        Args:
            told: whether each peer has fetched the document that is served now.

        Raises:
            KeyUnusable: one cannot be used; what was known stays.
        """
        settings, now = self._settings, self._clock.now()
        found = tls_rotation.read(settings)
        life = timedelta(seconds=settings.leaf_seconds)
        # What peers were told of is what was listed, not what came since.
        known = told and tuple(each.certificate for each in found) == self._listed
        known = known or bool(found and found[-1] == self._issuing)  # it does not go back
        others = self._further()
        stands = tls_rotation.standing(found, now, life, told=known)
        listed = [each for each in found if stands[each.number] != tls_rotation.OVER]
        certificates = tuple(each.certificate for each in listed)
        with self._lock:
            if (certificates, others) != (self._listed, self._others) or not self._document:
                record, listing = self._signing.record, services(settings)
                contexts = dcp.contexts(each for each in Service if each in listing)
                self._document = documents.build(
                    self.signer, settings.did, certificates, listing, others, record, contexts
                )
            self._listed, self._others = certificates, others
            in_use = [each for each in found if stands[each.number] == tls_rotation.IN_USE]
            self._issuing = in_use[0] if in_use else None
            self._over = [each.number for each in found if stands[each.number] == tls_rotation.OVER]

    def retire(self) -> None:
        """Remove TLS authorities that are over, and private halves of keys that sign no longer.

        Only while the node runs: a look at its keys changes nothing.

        Raises:
            KeyUnusable: one cannot be removed.
        """
        for number in self._over:
            tls_rotation.remove(self._settings, number)
        found = signing_rotation.read(self._settings)
        if self._signing in found:
            signing_rotation.retire(self._settings, found, self._signing)

    def awaits_membership(self) -> bool:
        """Return whether a signing key waits until the membership states it."""
        if self._settings.kind == "authority":
            return False
        stated = self._stated()
        return any(each.thumbprint not in stated for each in signing_rotation.read(self._settings))

    def _further(self) -> tuple[OtherKey, ...]:
        """Return the keys beside the one that signs: old ones verify, the next is announced."""
        found = signing_rotation.read(self._settings)
        stated = self._stated()
        numbered = [each.key_id for each in found]
        if self._signing.key_id not in numbered:
            return self._others  # it was given up as lost: the next start begins with the new one
        place = numbered.index(self._signing.key_id)
        old = frozenset({Relationship.ASSERTION})
        listed = [OtherKey(each.key_id, each.public, old, each.record) for each in found[:place]]
        for each in found[place + 1 :]:
            known = self._settings.kind == "authority" or each.thumbprint in stated
            uses = frozenset(Relationship if known else ())
            listed.append(OtherKey(each.key_id, each.public, uses, each.record))
        return tuple(listed)

    def document(self) -> bytes:
        """Return the DID document, the exact bytes that are served."""
        with self._lock:
            return self._document

    def membership(self, space: str = "") -> str:
        """Return the membership credential of a space, or an empty string; as `Memberships`."""
        with self._lock:
            return self._memberships.get(space or self._settings.space, "")

    def memberships(self) -> list[str]:
        """Return the membership credentials, in the order of the spaces; empty where none is."""
        return [self.membership(each.id) for each in self._settings.spaces]

    def keep_membership(self, credential: str, space: Space | None = None) -> None:
        """Keep a fetched membership credential of a space; of the first, where none is named.

        Raises:
            KeyUnusable: it cannot be written.
        """
        of = space or self._settings.spaces[0]
        keys.private_file(self._settings.path(membership_file(of)), credential.encode())
        with self._lock:
            self._memberships[of.id] = credential

    def _stated(self) -> frozenset[str]:
        with self._lock:
            return _stated(self._memberships.values())

    def tls_authority(self) -> tuple[str, str]:
        """Return certificate and key of the TLS authority that issues now, PEM.

        Raises:
            KeyUnusable: there is none.
        """
        with self._lock:
            issuing = self._issuing
        if issuing is None:
            raise KeyUnusable("the node has no TLS authority in keys/", hint="run `preau doctor`")
        return issuing.certificate, issuing.key


def membership_file(space: Space) -> str:
    """Return where in the home the membership of a space lives."""
    return f"keys/membership-{space.name}.jwt" if space.name else MEMBERSHIP_FILE


def _memberships(settings: Settings) -> dict[str, str]:
    """Return the kept membership of each space, by its IRI; empty where there is none."""
    files = {each.id: settings.path(membership_file(each)) for each in settings.spaces}
    return {space: _text(file).strip() for space, file in files.items()}


def _stated(memberships: Iterable[str]) -> frozenset[str]:
    """Return the thumbprints of keys that each membership states, of those that there are."""
    kept = [credentials.stated_keys(each) for each in memberships if each]
    return frozenset.intersection(*map(frozenset, kept)) if kept else frozenset()


def services(settings: Settings) -> dict[str, str]:
    """Return the endpoints of the DID document, by service type."""
    origin = dids.origin(settings.did)
    if settings.kind == "authority":
        issuer = dcp.written({Service.ISSUER: origin + DCP_PATH})
        return {names.MEMBERSHIPS: origin + MEMBERSHIPS_PATH, **issuer}
    flight = {names.FLIGHT: f"grpc+tls://{settings.flight_endpoint}"}
    others = {
        Service.CATALOG: origin + settings.dsp_path,
        Service.CREDENTIAL: origin + DCP_PATH,
    }
    return {
        **(flight if settings.flight_listen else {}),
        **(dcp.written(others) if settings.dsp_path else {}),
        names.PEER: f"grpcs://{settings.grpc_endpoint}",
        names.FIRST_CONTACT: origin + FIRST_CONTACT_PATH,
        names.MEMBERSHIP: origin + MEMBERSHIP_PATH,
        names.SELF_DESCRIPTION: origin + SELF_DESCRIPTION_PATH,
    }


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise KeyUnusable(f"`{file}` cannot be read") from exc

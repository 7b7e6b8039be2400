"""Keys of pseudonyms, of tables with noise and of sums, derived from the node's root key.

Rules: the root key never leaves its file, and a scope's key only goes to the confined process that
needs it; a root key that is lost is never made anew in silence, since each person would get other
pseudonyms.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Final

from connector.enforcement.steps.pseudonymise import Scope
from connector.errors import KeyUnusable
from connector.jsonld.canonical import canonical, parse_object
from connector.ports import Ports

FIRST_USED: Final = "pseudonyms.key"
_SCHOOL_YEAR: Final = (9, 1)  # month and day of its beginning


def scope_key(
    ports: Ports, scope: Scope, agreement_id: str, register: str, delivery: str = ""
) -> bytes:
    """Return the 32 bytes under which a scope's pseudonyms are made.

    A project's scope is what the plan states; a cohort's is of the register beside it, over all
    contracts and years of the consumer; the others are of one contract, and of one school year of
    it, or of one delivery.

    Args:
        ports: of this node.
        scope: as the plan states it.
        agreement_id: the contract.
        register: of the persons whom the dataset is about.
        delivery: id of the extract, where each is a scope of its own.

    Raises:
        KeyUnusable: the root key is lost, or cannot be used.
    """
    own = {
        "project": [],
        "cohort": [register],
        "contract": [agreement_id],
        "period": [agreement_id, str(school_year(ports.clock.now()))],
        "delivery": [agreement_id, delivery],
    }[scope.kind]
    return _derived(ports, scope.kind, [*scope.of, *own])


def noise_key(ports: Ports, dataset_id: str) -> bytes:
    """Return the 32 bytes by which rows of a person are chosen that count in tables with noise.

    Raises:
        KeyUnusable: the root key is lost, or cannot be used.
    """
    return _derived(ports, "noise", [dataset_id])


def rows_key(ports: Ports, agreement_id: str) -> bytes:
    """Return the 32 bytes by which rows of a person are chosen that train under a contract.

    Raises:
        KeyUnusable: the root key is lost, or cannot be used.
    """
    return _derived(ports, "rows", [agreement_id])


def held_key(ports: Ports, agreement_id: str) -> bytes:
    """Return the 32 bytes by which persons are chosen whom jobs of a contract evaluate on.

    Raises:
        KeyUnusable: the root key is lost, or cannot be used.
    """
    return _derived(ports, "held-out", [agreement_id])


def session_key(ports: Ports, consumer: str, agreement_id: str, session: str) -> bytes:
    """Return the 32 bytes of the secret key of a session of sums over sites.

    Raises:
        KeyUnusable: the root key is lost, or cannot be used.
    """
    return _derived(ports, "sums", [consumer, agreement_id, session])


def _derived(ports: Ports, kind: str, of: list[str]) -> bytes:
    return hmac.digest(_root(ports), canonical({"kind": kind, "of": of}), hashlib.sha256)


def fingerprint(key: bytes) -> str:
    """Return the name of a root key, from which the key cannot be found."""
    return hashlib.blake2b(b"preau pseudonyms", digest_size=8, key=key).hexdigest()


def school_year(now: datetime) -> int:
    """Return the year in which a school year began."""
    return now.year if (now.month, now.day) >= _SCHOOL_YEAR else now.year - 1


def _root(ports: Ports) -> bytes:
    with ports.store.read() as tx:
        known = tx.audit.entries(kind=FIRST_USED, limit=1)
    key = ports.pseudonym_key(make=not known)
    found = fingerprint(key)
    if not known:
        with ports.store.write() as tx:
            tx.audit.append(FIRST_USED, ports.settings.did, key=found)
    elif parse_object(known[0].event)["facts"]["key"] != found:
        raise KeyUnusable(
            "the key of the pseudonyms is not the one that they were made with",
            hint="restore `keys/pseudonyms.key` from your backup",
        )
    return key

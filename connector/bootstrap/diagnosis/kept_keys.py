"""The secret keys of a home, beside what the database says was made with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from connector.bootstrap.keys import own
from connector.config import Settings
from connector.errors import KeyUnusable
from connector.jsonld.canonical import parse_object
from connector.ports import Transaction
from connector.services.continuity import recovery
from connector.services.evidence import own_log
from connector.services.health import data as data_checks
from connector.services.health.diagnose import Check, KeyFile
from connector.services.publication import checking
from connector.services.readable import readable
from connector.services.use import keys as use_keys
from connector.store.files import keys
from connector.store.files.charges import KEY_FILE

_OTHER_KEY: Final = f"`{own.PERSON_KEY}` is not the key of the persons on record"


def checks(settings: Settings, tx: Transaction) -> Iterator[Check]:
    """Look at the keys of tallies, of persons and their lists, and of pseudonyms."""
    yield from _tally_key(settings, tx)
    yield from _persons(settings, tx)
    yield from _pseudonyms(settings, tx)


def key_file(settings: Settings, name: str) -> KeyFile:
    """Return a private file as it is found."""
    path = settings.path(name)
    try:
        mode = path.stat().st_mode
    except OSError:
        return KeyFile(name, None)
    try:
        keys.read_private_file(path)
    except KeyUnusable as exc:
        return KeyFile(name, mode, exc.reason)
    return KeyFile(name, mode)


def _tally_key(settings: Settings, tx: Transaction) -> Iterator[Check]:
    """Look at the key of sealed tallies, which is made with the first charge."""
    file = key_file(settings, KEY_FILE)
    charged = any(each.committed_rounds for each in readable(tx.reservations))
    used = charged and tx.audit.since(*own_log.SPENDING) > tx.audit.since(recovery.RECORDED) > 0
    if used or file.mode is not None:
        yield data_checks.tally_key(file)


def _persons(settings: Settings, tx: Transaction) -> Iterator[Check]:
    """Look at the key under which persons are compared, and are kept who objected."""
    lists = [each for each in readable(tx.suppressed) if each.digests]
    used = {each.key for each in readable(tx.persons)}
    if not used and not lists:
        return
    file, here, fault = _secret(settings, own.PERSON_KEY, checking.fingerprint)
    fault = fault or (_OTHER_KEY if here and used and {here} != used else "")
    if used:
        yield data_checks.persons_key(file, fault)
    missing = fault or f"`{own.PERSON_KEY}` " + (
        "belongs to another list" if here else "is missing"
    )
    yield from data_checks.suppressed([it.register_id for it in lists if it.key != here], missing)


def _pseudonyms(settings: Settings, tx: Transaction) -> Iterator[Check]:
    known = tx.audit.entries(kind=use_keys.FIRST_USED, limit=1)
    if known:
        file, here, fault = _secret(settings, own.PSEUDONYM_KEY, use_keys.fingerprint)
        other = here and parse_object(known[0].event)["facts"]["key"] != here
        fault = fault or (f"`{file.name}` is not the key that they were made with" if other else "")
        yield data_checks.pseudonym_key(file, fault)


def _secret(
    settings: Settings, name: str, fingerprint: Callable[[bytes], str]
) -> tuple[KeyFile, str, str]:
    """Return a secret's file, the fingerprint of what it holds, and why that cannot be told."""
    file = key_file(settings, name)
    if file.mode is None or file.fault:
        return file, "", file.fault
    try:
        return file, fingerprint(keys.secret(settings.path(name), make=False)), ""
    except KeyUnusable as exc:
        return file, "", exc.reason

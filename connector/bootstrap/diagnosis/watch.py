"""What the console is told of the node that it shows: process, keys, backup and diagnosis."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version

from connector.bootstrap import state
from connector.bootstrap.keys import own, signing_rotation, tls_rotation
from connector.config import Settings
from connector.domain import instant
from connector.errors import PreauError
from connector.identity import certificate as certificates
from connector.services.health.diagnose import Check
from connector.services.health.looking import Looks
from connector.services.health.vitals import Vitals
from connector.services.health.watching import HeldKey, LastBackup, Watch


def watch(settings: Settings, vitals: Callable[[], Vitals]) -> Watch:
    """Return what tells of a node.

    Args:
        settings: of the node.
        vitals: tells how its process is.
    """

    def examine(peers: bool) -> Sequence[Check]:  # noqa: FBT001 - a port of one question
        from connector.bootstrap.diagnosis import probe  # noqa: PLC0415 - only where it is asked

        return probe.examine(settings, ask_peers=peers)

    def keys() -> list[HeldKey]:
        return list(_keys(settings))

    def backup() -> LastBackup | None:
        return _backup(settings)

    return Watch(version("preau"), vitals, keys, backup, Looks(examine))


def _keys(settings: Settings) -> Iterator[HeldKey]:
    """Yield the private files, each as old as what was made with it says, or else its file."""
    needed, stated = own.key_files(settings), {each.name: each for each in _stated(settings)}
    for name in (*needed, own.PERSON_KEY, own.PSEUDONYM_KEY):
        try:
            written = settings.path(name).stat().st_mtime
        except OSError:
            if name in needed:  # the others are made when they are used first
                yield HeldKey(name, None)
            continue
        at, told = datetime.fromtimestamp(written, UTC), stated.get(name)
        # The key of a certificate that others made may be older than it.
        older = told is None or (name == settings.https_key and told.since and at < told.since)
        yield HeldKey(name, at) if told is None or older else told


def _stated(settings: Settings) -> Iterator[HeldKey]:
    """Yield what records and certificates say of the keys that they name."""
    with suppress(PreauError):
        for key in signing_rotation.read(settings):
            if key.made_at is not None:
                yield HeldKey(key.uri.removeprefix(signing_rotation.FILE), key.made_at, "record")
    with suppress(PreauError):
        for each in tls_rotation.read(settings):
            begun = certificates.begins(each.certificate) + certificates.BACKDATED
            yield HeldKey(f"{tls_rotation.PREFIX}{each.number}.key", begun, "certificate")
    with suppress(PreauError, OSError, UnicodeDecodeError):
        chain = settings.path(settings.https_certificate).read_text(encoding="ascii")
        yield HeldKey(settings.https_key, certificates.begins(chain), "certificate")


def _backup(settings: Settings) -> LastBackup | None:
    try:
        told = json.loads((settings.home / state.BACKUP_FILE).read_bytes())
        return LastBackup(instant.read(told["made_at"]), told["keys"], told["log_size"])
    except (OSError, ValueError, TypeError, KeyError, PreauError):
        return None

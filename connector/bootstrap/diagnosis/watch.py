"""What the console is told of the node that it shows: process, keys, backup and diagnosis."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from connector.bootstrap import state
from connector.bootstrap.keys import own
from connector.config import Settings
from connector.domain import instant
from connector.errors import PreauError, TooManyRequests
from connector.services.health.diagnose import Check
from connector.services.health.vitals import Vitals
from connector.services.health.watching import HeldKey, LastBackup, Watch


def watch(settings: Settings, vitals: Callable[[], Vitals]) -> Watch:
    """Return what tells of a node.

    Args:
        settings: of the node.
        vitals: tells how its process is.
    """
    at_work = threading.Lock()

    def examine(peers: bool) -> Sequence[Check]:  # noqa: FBT001 - a port of one question
        from connector.bootstrap.diagnosis import probe  # noqa: PLC0415 - only where it is asked

        if not at_work.acquire(blocking=False):
            raise TooManyRequests("`doctor` is at work already: wait a moment", retry_after=10)
        try:
            return probe.examine(settings, ask_peers=peers)
        finally:
            at_work.release()

    def keys() -> list[HeldKey]:
        return list(_keys(settings))

    def backup() -> LastBackup | None:
        return _backup(settings)

    return Watch(version("preau"), vitals, keys, backup, examine)


def _keys(settings: Settings) -> Iterator[HeldKey]:
    needed = own.key_files(settings)
    for name in (*needed, own.PERSON_KEY, own.PSEUDONYM_KEY):
        try:
            written = settings.path(name).stat().st_mtime
        except OSError:
            if name in needed:  # the others are made when they are used first
                yield HeldKey(name, None)
            continue
        yield HeldKey(name, datetime.fromtimestamp(written, UTC))


def _backup(settings: Settings) -> LastBackup | None:
    try:
        told = json.loads((settings.home / state.BACKUP_FILE).read_bytes())
        return LastBackup(instant.read(told["made_at"]), told["keys"], told["log_size"])
    except (OSError, ValueError, TypeError, KeyError, PreauError):
        return None

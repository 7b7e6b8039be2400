"""Brings a node's database up to date, after a copy of it as it was.

Rules: nothing is migrated while a node runs in the home, or before the copy is whole; a copy of
the same step that an earlier start left is replaced, so that a start that fails again and again
fills no disk. A copy has no keys: it lies in the home beside them, and `preau restore --replace`
keeps those that are there.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from connector.bootstrap.state import HomeLock
from connector.config import Settings
from connector.errors import WorldFault
from connector.store import migrations

FOLDER: Final = "copies"

_log = logging.getLogger(__name__)


def upgrade(settings: Settings) -> Path | None:
    """Migrate the database where it has to be; return the copy of it as it was, if one was made.

    Raises:
        ConfigurationInvalid: not a URL of a database, or its schema is of another release.
        StoreUnavailable: the database did not answer, or stayed locked.
        WorldFault: a node runs in the home, or the copy cannot be written.
        KeyUnusable: the folder of the home's lock cannot be made.
    """
    if migrations.revision(settings.database_url) == migrations.HEAD:
        return None
    lock = HomeLock(settings.home)  # a node of the release before may run on the old tables
    try:
        return _upgraded(settings)
    finally:
        lock.release()


def _upgraded(settings: Settings) -> Path | None:
    schema = migrations.revision(settings.database_url)
    copied = None
    if schema not in ("", migrations.HEAD):
        copied = settings.home / FOLDER / f"before-{migrations.HEAD}.tar"
        _copy(settings, copied)
        _log.info("schema %s: copied into `%s`, and brought up to date", schema, copied)
    migrations.upgrade(settings.database_url)
    return copied


def _copy(settings: Settings, file: Path) -> None:
    from connector.bootstrap.backups import backup  # noqa: PLC0415 - an idle node needs no archive

    fresh = file.with_suffix(".part")
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        fresh.unlink(missing_ok=True)
        backup.make(settings, fresh, with_keys=False)
        os.replace(fresh, file)  # noqa: PTH105 - atomic, and named so
    except OSError as exc:
        raise WorldFault(
            f"no copy of the database could be written: `{file}`: {exc.strerror}",
            hint="free some disk space; nothing is migrated until then",
        ) from exc

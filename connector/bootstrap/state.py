"""What a running node leaves in `run/`: a lock, and where it listens.

Rules: one process per home, held by an advisory lock that the system gives back even after
`kill -9`; `node.json` is written once everything answers and removed in an orderly stop, so that
a file without a locked lock means a node that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from connector.errors import WorldFault
from connector.store.files import keys

LOCK_FILE: Final = "run/node.lock"
NODE_FILE: Final = "run/node.json"
BACKUP_FILE: Final = "run/backup.json"  # when the last backup was made, for who asks


class HomeLock:
    """Held while a node runs in a home."""

    def __init__(self, home: Path) -> None:
        """Take the lock.

        Raises:
            WorldFault: another process runs a node there.
            KeyUnusable: the folder cannot be made.
        """
        self._home = home
        keys.private_folder(home / "run")
        self._handle = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._handle)
            raise WorldFault(
                f"a node runs in `{home}` already", hint="stop it first, or choose another home"
            ) from exc

    def announce(self, ready: Mapping[str, Any]) -> None:
        """Write where the node listens.

        Raises:
            KeyUnusable: the file cannot be written.
        """
        keys.private_file(self._home / NODE_FILE, json.dumps(ready).encode())

    def release(self) -> None:
        """Give the home back."""
        (self._home / NODE_FILE).unlink(missing_ok=True)
        os.close(self._handle)


def is_running(home: Path) -> bool:
    """Say whether a process runs a node in this home."""
    try:
        handle = os.open(home / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def announced(home: Path) -> dict[str, Any]:
    """Return what the node wrote about itself; empty when there is nothing readable."""
    try:
        value = json.loads((home / NODE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}

"""The token that opens the management API, new at each start.

Rule: it has 256 bits and stands in a file of mode 0600. Leaves listening to `serving/local.py` and
judging requests to `gate.py`.
"""

from __future__ import annotations

import os
import secrets

from connector.config import Settings
from connector.errors import WorldFault
from connector.serving.local import private_folder

TOKEN_FILE = "run/management.token"  # noqa: S105 - a file name


def write_token(settings: Settings) -> str:
    """Make a fresh token, write it with mode 0600 and return it.

    Raises:
        WorldFault: the file cannot be written.
    """
    file = settings.path(TOKEN_FILE)
    token = secrets.token_urlsafe(32)
    try:
        private_folder(file.parent)
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(token)
    except OSError as exc:
        raise WorldFault(f"cannot write `{file}`: {exc.strerror}") from exc
    return token

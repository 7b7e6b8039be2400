"""The keys of authorities that a member's node has pinned, read from its home."""

from __future__ import annotations

from pathlib import Path

from connector import config
from connector.bootstrap.system import SystemClock
from connector.errors import NotFound
from connector.store import SqlStore


def of(home: Path) -> list[bytes]:
    """Return the DID documents of the authorities that a node believes, as it pinned them.

    Args:
        home: of the node, which may run.

    Raises:
        ConfigurationInvalid: no home of a node.
        StoreUnavailable: its database does not answer.
        NotFound: it has pinned none yet.
    """
    settings = config.load(home)
    store = SqlStore(settings.database_url, SystemClock())
    try:
        with store.read() as tx:
            found = [each.document for each in tx.issuers.find()]
    finally:
        store.close()
    pinned = [document for document in found if document]
    if not pinned:
        raise NotFound("this node has met no authority yet", hint="`preau membership --refresh`")
    return pinned

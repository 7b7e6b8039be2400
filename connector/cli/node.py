"""How commands reach the running node.

The SDK is imported only here, so that `preau --help` does not wait for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.sdk import Client


def node_of(home: Path, *, seconds: float = 60.0) -> Client:
    """Return a client of the node of a home folder.

    Raises:
        NodeUnreachable: none has started there.
    """
    from connector.sdk import Client  # noqa: PLC0415 - start-up stays fast

    return Client(home, seconds=seconds)

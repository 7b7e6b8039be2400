"""uvicorn without what reloads an application that is being written.

Another library may bring `watchfiles`; uvicorn then loads it, and 2 MB with it, into each node.
"""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["Config", "Server"]

_WATCHER: Final = "watchfiles"
_hidden: Final = _WATCHER not in sys.modules
if _hidden:  # None is the import system's own mark of what is not there
    sys.modules[_WATCHER] = None  # type: ignore[assignment]  # stubs: modules only
from uvicorn import Config, Server  # noqa: E402 - once the watcher is hidden

if _hidden:
    del sys.modules[_WATCHER]

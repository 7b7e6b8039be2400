"""pyld without what reads HTML pages and fetches documents: nothing here does either.

With `lxml` and `requests` it takes 10 MB, without them 1. Whatever asks for one of them after all
fails, and finds no document.
"""

from __future__ import annotations

import sys
import threading
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Final

_HTML: Final = ("lxml", "lxml.html")  # loaded with pyld, used for HTML only
_FETCHING: Final = ("requests", "aiohttp")  # looked for by pyld, which goes on without
_LOCK: Final = threading.Lock()


def jsonld() -> Any:
    """Return the module `pyld.jsonld`."""
    with _LOCK:
        return _loaded()


@cache
def _loaded() -> Any:
    if "pyld" in sys.modules:
        return import_module("pyld.jsonld")
    html = ModuleType("lxml")
    html.html = ModuleType("lxml.html")  # type: ignore[attr-defined]  # read by nobody
    instead: dict[str, Any] = dict(zip(_HTML, (html, html.html), strict=True))
    instead |= dict.fromkeys(_FETCHING)  # None is the import system's own mark of what is not there
    hidden = {name: each for name, each in instead.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        return import_module("pyld.jsonld")
    finally:
        for name in hidden:
            del sys.modules[name]

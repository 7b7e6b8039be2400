"""pyld without what reads HTML pages and fetches documents: a node does neither.

With `lxml` and `requests` it takes 10 MB, without them 1. This is for the process of a node alone:
the library of policies leaves other programs the pyld that they have.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

_HTML: Final = ("lxml", "lxml.html")  # loaded with pyld, used for HTML only
_FETCHING: Final = ("requests", "aiohttp")  # looked for by pyld, which goes on without


def load() -> None:
    """Load pyld, before there are threads; as it is where something loaded it already."""
    if "pyld" in sys.modules:
        return
    html = ModuleType("lxml")
    html.html = ModuleType("lxml.html")  # type: ignore[attr-defined]  # read by nobody
    instead: dict[str, Any] = dict(zip(_HTML, (html, html.html), strict=True))
    instead |= dict.fromkeys(_FETCHING)  # None is the import system's own mark of what is not there
    hidden = {name: each for name, each in instead.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        import_module("pyld.jsonld")
    finally:
        for name in hidden:
            del sys.modules[name]

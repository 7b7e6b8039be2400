"""Hook of MkDocs: pages under `fr/` are French around their text too (WCAG 2.1, 3.1.1).

The theme's own words are in the page's language, and no line begins with a sign of punctuation that
French parts from its word by a blank.
"""

from __future__ import annotations

import copy
import re
from typing import Any

_MARKUP = re.compile(r"(<pre.*?</pre>|<code.*?</code>|<[^>]*>)", re.DOTALL)
_KEPT = re.compile(r"(?<=«) | (?=[:;?!»])|(?<=\d) (?=\d{3}\b)")


def on_page_content(html: str, page: Any, **_: object) -> str:
    """Return the text of a French page with its blanks that do not break."""
    if not _french(page):
        return html
    parts = _MARKUP.split(html)
    parts[::2] = [_KEPT.sub("\N{NO-BREAK SPACE}", text) for text in parts[::2]]
    return "".join(parts)


def on_page_context(context: dict[str, Any], page: Any, **_: object) -> dict[str, Any]:
    """Return what a template of the theme sees, in the language of the page."""
    if _french(page):
        config = copy.copy(context["config"])
        config.theme = copy.deepcopy(config.theme)
        config.theme["language"] = "fr"
        context["config"] = config
    return context


def _french(page: Any) -> bool:
    return bool(page.file.src_uri.startswith("fr/"))

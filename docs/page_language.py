"""Hook of MkDocs: pages under `fr/` say that they are in French (WCAG 2.1, 3.1.1)."""

from __future__ import annotations

from typing import Any


def on_post_page(output: str, page: Any, **_: object) -> str:
    """Return a page of the site with its language."""
    french = page.file.src_uri.startswith("fr/")
    return output.replace('<html lang="en"', '<html lang="fr"', 1) if french else output

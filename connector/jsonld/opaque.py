"""Identifiers of the Dataspace Protocol that are no IRI, as IRIs of ours and back.

Rules: its schemas take any text as `@id`, `target` or party, and connectors send names of assets
and base64; policies are read with absolute IRIs only. A name that is none stands inside as one of
this namespace, percent-encoded, and leaves as it came. No two names meet: one of this namespace is
itself encoded. Source: DSP 2025-1, contract and dataset schemas; RFC 3986, section 2.1.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

from policies_odrl.documents.contexts import is_absolute

SPACE: Final = "https://w3id.org/preau/opaque#"


def inward(name: str, *, taken: str = "") -> str:
    """Return an identifier of the protocol as an absolute IRI.

    >>> inward("asset 1"), inward("urn:a")
    ('https://w3id.org/preau/opaque#asset%201', 'urn:a')

    Args:
        name: well-formed Unicode.
        taken: what is called so already; ODRL has one thing of one name.
    """
    if is_absolute(name) and not name.startswith(SPACE) and name != taken:
        return name
    return SPACE + quote(name, safe="")


def outward(name: str) -> str:
    """Return an IRI as the identifier that it stands for.

    >>> outward("https://w3id.org/preau/opaque#asset%201")
    'asset 1'
    """
    return unquote(name.removeprefix(SPACE)) if name.startswith(SPACE) else name

"""What is an absolute IRI, and what only looks like one.

Rules: a scheme, then the characters of RFC 3987 with whole percent escapes and at most one `#`; a
usual prefix in place of a scheme (`xsd:decimal`) means that no context defined it, and that the
name was never expanded. Hosts in brackets have no place in a policy and are refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_NOT: Final = (  # blanks, delimiters, surrogates and private use, and what is no character
    r"\x00-\x20\x7f-\x9f\s<>\"{}|\\^`\[\]#%"
    r"\ud800-\uf8ff\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U0010ffff"
)
_PART: Final = rf"(?:[^{_NOT}]|%[0-9A-Fa-f]{{2}})*"
_IRI: Final = re.compile(rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?!#|$){_PART}(?:#{_PART})?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")

# Prefixes of vocabularies in policies; none of them is a registered scheme.
_PREFIXES: Final = frozenset(
    [
        *("cc", "dc", "dcat", "dct", "dcterms", "dpv", "dspace", "foaf", "odrl", "owl", "preau"),
        *("rdf", "rdfs", "schema", "skos", "vcard", "xsd"),
    ]
)


@lru_cache(maxsize=4096)
def is_absolute(name: str) -> bool:
    """Return whether a name is an absolute IRI.

    >>> [is_absolute(name) for name in ("urn:a", "a", "xsd:decimal", "urn:a b")]
    [True, False, False, False]
    """
    found = _IRI.fullmatch(name)
    return found is not None and found["scheme"].lower() not in _PREFIXES


def is_language(tag: str) -> bool:
    """Return whether a tag is one of BCP 47, by its form.

    >>> [is_language(tag) for tag in ("fr-CH", "f r")]
    [True, False]
    """
    return _LANGUAGE.fullmatch(tag) is not None

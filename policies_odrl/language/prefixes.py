"""Short names of IRIs, as people write them in files for the commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import CC, DCT, DPV, PREAU

PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "odrl": ODRL,
        "preau": PREAU,
        "dpv": DPV,
        "education": "https://w3id.org/dpv/sector/education#",
        "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
        "cc": CC,
        "dct": DCT,
        "xsd": XSD,
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "foaf": "http://xmlns.com/foaf/0.1/",
        "vcard": "http://www.w3.org/2006/vcard/ns#",
        "unit": "http://qudt.org/vocab/unit/",
        "currency": "http://qudt.org/vocab/currency/",
        "dbpedia": "http://dbpedia.org/resource/",
    }
)
_SCHEMES: Final = frozenset({"http", "https", "urn", "did", "tag", "data", "ftp", "geo", "mailto"})
_IRI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):[^\s<>\"{}|\\^`]+")


def expanded(name: str) -> str:
    """Return the IRI of a prefixed name or of an absolute IRI, or an empty string.

    >>> expanded("odrl:read"), expanded("did:web:a.example"), expanded("words")
    ('http://www.w3.org/ns/odrl/2/read', 'did:web:a.example', '')
    """
    match = _IRI.fullmatch(name)
    if match is None:
        return ""
    if match[1] in PREFIXES:
        return PREFIXES[match[1]] + name.removeprefix(f"{match[1]}:")
    return name if match[1].lower() in _SCHEMES else ""


def prefixed(iri: str) -> str:
    """Return an IRI with the prefix of its namespace, or as it is."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and len(iri) > len(namespace):
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri

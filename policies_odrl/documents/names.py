"""Names in documents: what is one, what no context defines, and text that stands for one.

Rules: an absolute IRI has a scheme, then the characters of RFC 3987 with whole percent escapes and
at most one `#`; a usual prefix in place of a scheme (`xsd:decimal`) means that no context defined
it. A word that no context defines becomes a name that nobody knows, under `UNDEFINED`. Text where
ODRL has a name is read as one: in JSON-LD because many documents declare the prefix `odrl` and
nothing else; in Turtle only if it can mean one thing, a term of ODRL or an IRI of the web. Other
text, `"Pedro"` for a party, is left as it is, because nobody knows whom it names.
Source: JSON-LD 1.1, section 4.1.2 and 4.2.3; W3C odrl.jsonld (its coercions).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from policies_odrl.model import ODRL, RDF, XSD

UNDEFINED: Final = "https://w3id.org/preau/undefined#"
SPACE: Final = "w3.org/ns/odrl"  # of ODRL, however the rest is spelled
IDS: Final = "https://w3id.org/idsa/core/"

# Prefixes that are read although no context declares them; `check` says that they are not declared.
USUAL: Final = {"xsd": XSD, "rdf": RDF}

_NOT: Final = (  # blanks, delimiters, surrogates and private use, and what is no character
    r"\x00-\x20\x7f-\x9f\s<>\"{}|\\^`\[\]#%"
    r"\ud800-\uf8ff\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U0010ffff"
)
_PART: Final = rf"(?:[^{_NOT}]|%[0-9A-Fa-f]{{2}})*"
_IRI: Final = re.compile(rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?!#|$){_PART}(?:#{_PART})?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
# Prefixes of vocabularies in policies; none of them is a registered scheme.
_USED: Final = (
    "cc dc dcat dct dcterms dpv dspace foaf odrl owl preau rdf rdfs schema skos vcard xsd"
)
_PREFIXES: Final = frozenset(_USED.split())

# Properties whose values are names of ODRL, as prefixes of documents write them; no others.
_SPACES: Final = {"odrl": ODRL, ODRL: ODRL, "ids": IDS, IDS: IDS}
_OF_TERMS: Final = "action leftOperand operator conflict includedIn implies"
_OF_NODES: Final = (
    "target output relation assigner assignee function profile inheritFrom source unit dataType "
    "hasPolicy assignerOf assigneeOf partOf permission prohibition obligation duty remedy "
    "consequence constraint refinement attributedParty attributingParty compensatedParty "
    "compensatingParty consentedParty consentingParty contractedParty contractingParty "
    "informedParty informingParty payeeParty trackedParty trackingParty provider consumer preDuty "
    "postDuty targetArtifact actionRefinement assetRefinement contentRefinement"
)
# Local name -> how JSON-LD coerces the text: to a term of a vocabulary, or to a node.
NAMING: Final = {
    **dict.fromkeys(_OF_NODES.split(), "@id"),
    **dict.fromkeys(_OF_TERMS.split(), "@vocab"),
}


@lru_cache(maxsize=4096)
def is_absolute(name: str) -> bool:
    """Return whether a name is an absolute IRI.

    >>> [is_absolute(name) for name in ("urn:a", "a", "xsd:decimal", "urn:a b")]
    [True, False, False, False]
    """
    found = _IRI.fullmatch(name)
    return found is not None and found["scheme"].lower() not in _PREFIXES


def is_language(tag: str) -> bool:
    """Return whether a tag is one of BCP 47, by its form."""
    return _LANGUAGE.fullmatch(tag) is not None


def of_odrl(name: str) -> bool:
    """Return whether a name is of ODRL, or was meant to be: misspelled, or of no context.

    >>> [of_odrl(it) for it in ("https://www.w3.org/ns/odrl/2/or", "urn:rows", "ordl:refinement")]
    [True, False, True]
    """
    plain = name.casefold()
    meant = plain.endswith(("refinement", "refinements", "constraint", "constraints"))
    return meant or name.startswith((UNDEFINED, "odrl:")) or SPACE in plain


def coercions(keys: Collection[str]) -> Mapping[str, Any]:
    """Return definitions that read text as names for the members of a document that name something.

    >>> coercions({"http://www.w3.org/ns/odrl/2/action", "odrl:rightOperand"})
    {'http://www.w3.org/ns/odrl/2/action': {'@id': 'http://www.w3.org/ns/odrl/2/action', \
'@type': '@vocab'}}

    Args:
        keys: the names of its members.
    """
    found: dict[str, Any] = {}
    for key in sorted(keys):
        at = key.rfind("/") + 1 if key.startswith("http") else key.find(":")
        space, name = key[:at], key[at:].removeprefix(":")
        if space in _SPACES and name in NAMING:
            if key.startswith(space + ":"):
                found[space] = _SPACES[space]
            found[key] = {"@id": _SPACES[space] + name, "@type": NAMING[name]}
    return found

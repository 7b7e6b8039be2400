"""Names that documents lack: what no context defines, and text that stands for a name.

Rules: a word that no context defines becomes a name that nobody knows, under `UNDEFINED`; text
where ODRL has a name is read as one (many documents declare the prefix `odrl` and nothing else,
under which JSON-LD reads a plain string as text).
Source: JSON-LD 1.1, section 4.1.2 and 4.2.3; W3C odrl.jsonld (its coercions).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from policies_odrl.model import ODRL, RDF, XSD

UNDEFINED: Final = "https://w3id.org/preau/undefined#"
SPACE: Final = "w3.org/ns/odrl"  # of ODRL, however the rest is spelled
IDS: Final = "https://w3id.org/idsa/core/"

# Prefixes that are read although no context declares them; `check` says that they are not declared.
USUAL: Final = {"xsd": XSD, "rdf": RDF}

# Names of ODRL, as prefixes of documents write them. Others are not guessed.
_SPACES: Final = {"odrl": ODRL, ODRL: ODRL, "ids": IDS, IDS: IDS}
TERMS: Final = frozenset({"action", "leftOperand", "operator", "conflict", "includedIn", "implies"})
_NODE_NAMES: Final = (
    "target output relation assigner assignee function profile inheritFrom source unit dataType "
    "hasPolicy assignerOf assigneeOf partOf permission prohibition obligation duty remedy "
    "consequence constraint refinement attributedParty attributingParty compensatedParty "
    "compensatingParty consentedParty consentingParty contractedParty contractingParty "
    "informedParty informingParty payeeParty trackedParty trackingParty provider consumer preDuty "
    "postDuty targetArtifact actionRefinement assetRefinement contentRefinement"
)
NODES: Final = frozenset(_NODE_NAMES.split())


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
        space, name = _split(key)
        if space in _SPACES and name in TERMS | NODES:
            kind = "@vocab" if name in TERMS else "@id"
            if key.startswith(space + ":"):
                found[space] = _SPACES[space]
            found[key] = {"@id": _SPACES[space] + name, "@type": kind}
    return found


def _split(key: str) -> tuple[str, str]:
    if key.startswith("http"):
        at = key.rfind("/") + 1
        return key[:at], key[at:]
    space, _, name = key.partition(":")
    return space, name


def of_odrl(name: str) -> bool:
    """Return whether a name is of ODRL, or was meant to be: misspelled, or of no context.

    >>> of_odrl("https://www.w3.org/ns/odrl/2/refinement"), of_odrl("urn:x:rows")
    (True, False)
    >>> of_odrl("ordl:refinement")
    True
    """
    plain = name.casefold()
    meant = plain.endswith(("refinement", "refinements", "constraint", "constraints"))
    return meant or name.startswith((UNDEFINED, "odrl:")) or SPACE in plain

"""Whose words a policy uses: those of every peer of the Dataspace Protocol, or of a vocabulary.

Rule: who reads by the protocol alone knows what its context defines (the action `use`, operators,
connectives) and nothing else, so that each left operand is of some vocabulary besides.
Source: DSP 2025-1, ODRL profile context; ODRL IM 2.1 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import policies_odrl
from connector.errors import PolicyInvalid
from connector.jsonld.dsp_shape import PROTOCOL
from connector.jsonld.profiles import NO_PROFILES, Profiles
from policies_odrl import OdrlError, Policy
from policies_odrl.documents.contexts import terms as defined_in
from policies_odrl.language.phrases import LANGUAGES, word
from policies_odrl.model import ODRL
from policies_odrl.reading.nodes import TERMS
from policies_odrl.vocabulary import FUNCTIONS, PREFIXES, expanded

_DECIDING: Final = FUNCTIONS.union(TERMS["properties"])  # other properties only describe
# Member whose value is a term -> group of its labels.
_NAMED: Final = {
    "action": "actions",
    "leftOperand": "operands",
    "rightOperand": "values",
    "odrl:unit": "units",
}


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a policy.

    Attributes:
        pointer: where it stands in the written policy (RFC 6901): its value, or a member that it
            is the name of.
        iri: the term.
        vocabulary: IRI of what fixes its meaning: `PROTOCOL`, the profile that declares it, or its
            namespace; empty where nothing does that is known here.
        labels: language -> what people call it.
    """

    pointer: str
    iri: str
    vocabulary: str
    labels: Mapping[str, str] = field(compare=False)

    @property
    def anybody(self) -> bool:
        """Whether every peer of the protocol understands it."""
        return self.vocabulary == PROTOCOL


def terms(policy: Policy, profiles: Profiles = NO_PROFILES) -> tuple[Term, ...]:
    """Return the terms of a policy that bear on a decision, in the order in which it is written.

    Names of parties and assets are none, and neither are operators and connectives, which are all
    the protocol's.

    Args:
        policy: to be offered.
        profiles: those of the node.

    Raises:
        PolicyInvalid: it has no written form.
    """
    try:
        document = policies_odrl.write(policy)
    except OdrlError as exc:
        raise PolicyInvalid(str(exc)) from exc
    own = {term: min(each.knowledge.profiles) for each in profiles.files for term in each.terms}
    called = profiles.together.labels
    found = []
    for pointer, iri, group in _named(document, ""):
        vocabulary = own.get(iri) or _vocabulary(iri)
        if vocabulary or group != "values":
            labels = {lang: word(iri, lang, group) for lang in LANGUAGES}
            found.append(Term(pointer, iri, vocabulary, {**labels, **called.get(iri, {})}))
    return tuple(found)


def _named(value: Any, place: str) -> Iterator[tuple[str, str, str]]:
    """Yield (JSON pointer, IRI, group of labels) of what is named below a place."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _named(item, f"{place}/{index}")
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        at = f"{place}/{name.replace('/', '~1')}"
        iri = expanded(name) if ":" in name else ""
        if iri in _DECIDING and name not in _NAMED:
            yield at, iri, "functions" if iri in FUNCTIONS else "properties"
        if name in _NAMED:
            yield from _values(item, at, _NAMED[name])
        yield from _named(item, at)


def _values(value: Any, at: str, group: str) -> Iterator[tuple[str, str, str]]:
    """Yield the names that a member states; text in a right operand is no name."""
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        where = f"{at}/{index}" if isinstance(value, list) else at
        name = item.get("@id", "") if isinstance(item, dict) else item if group != "values" else ""
        if isinstance(item, dict) and group == "actions":
            name = ""  # a refined one: `rdf:value` names it
        if name:
            yield where, ODRL + name if ":" not in name else expanded(name) or name, group


@cache
def _vocabulary(iri: str) -> str:
    if iri.removeprefix(ODRL) in defined_in(PROTOCOL) and iri.startswith(ODRL):
        return PROTOCOL
    return next((space for space in PREFIXES.values() if iri.startswith(space)), "")

"""The vocabularies of others that a node knows: which file says what, and by which bytes.

Rules: a policy is decided with the profiles that it declares and with no other (IM 2.1), so that a
profile changes nothing of contracts that do not name it. Which bytes a profile has is signed, since
both parties must mean the same by its terms. Pure; `bootstrap/profiles.py` reads the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Any, Final

from connector.jsonld.canonical import sha256_hex
from policies_odrl import Constraint, Knowledge, OdrlError, Policy, profiles
from policies_odrl.documents.sources import nodes_of
from policies_odrl.knowledge import NOTHING_MORE
from policies_odrl.model import every_rule
from policies_odrl.reading.inventory import conditions_in
from policies_odrl.reading.profiles import joined
from policies_odrl.values import name
from policies_odrl.vocabulary import PROFILES

_LABELS: Final = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
)
_LANGUAGES: Final = ("en", "fr", "")  # of labels in what the node says, the first that there is


class NoProfile(Exception):
    """Bytes that declare no vocabulary that policies could name; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One file.

    Attributes:
        file: as the setting names it.
        digest: SHA-256 (hex) of its bytes.
        knowledge: what it declares, and by which names policies declare it.
        terms: IRIs of the terms that it adds.
        labels: term -> what people call it.
    """

    file: str
    digest: str
    knowledge: Knowledge = field(repr=False)
    terms: frozenset[str] = field(repr=False)
    labels: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Those of a node, as its settings list them."""

    files: tuple[Profile, ...] = ()

    @property
    def together(self) -> Knowledge:
        """What all of them say, for reading: what a policy does not declare is refused then."""
        return _together(self.files)

    def known(self, *policies: Policy) -> Knowledge:
        """Return what the profiles say that one of the policies declares."""
        stated = {item for policy in policies for item in policy.profiles}
        return _together(tuple(self._named(stated)))

    def digests(self, profile: str) -> tuple[str, ...]:
        """Return the SHA-256 of each file that a profile stands in, sorted."""
        return tuple(sorted(each.digest for each in self._named({profile})))

    def label(self, term: str) -> str:
        """Return what people call a term; empty where no profile says it."""
        return next((each.labels[term] for each in self.files if term in each.labels), "")

    def undeclared(self, policy: Policy) -> Iterator[tuple[str, str]]:
        """Yield (term, profile) of what a policy uses and does not declare (IM 2.1: it MUST)."""
        used = {term for term in _terms(policy) if term}
        stated = {term for each in self._named(policy.profiles) for term in each.terms}
        for each in self.files:
            for term in sorted(used & each.terms - stated):
                yield term, min(each.knowledge.profiles)

    def _named(self, stated: Iterable[str]) -> list[Profile]:
        return [each for each in self.files if not each.knowledge.profiles.isdisjoint(stated)]


NO_PROFILES: Final = Profiles()


def profile(file: str, data: bytes) -> Profile:
    """Return what a file declares.

    Raises:
        NoProfile: nothing, or no name by which policies could declare it.
    """
    try:
        found = profiles(data)
        labels = dict(_labels(nodes_of(data)))
    except OdrlError as exc:
        raise NoProfile(str(exc)) from exc
    if not found.profiles - PROFILES:
        raise NoProfile("it names no `odrl:Profile` by which policies could declare it")
    stated = {*found.operands, *found.actions, *found.broader, *found.wholes}
    own = frozenset(term for term in stated if not NOTHING_MORE.knows(term))
    return Profile(file, sha256_hex(data), found, own, labels)


def declared(policy: Policy) -> tuple[str, ...]:
    """Return the profiles of others that a policy declares, each once."""
    return tuple(dict.fromkeys(item for item in policy.profiles if item not in PROFILES))


@lru_cache(maxsize=64)  # one object, which keeps what it found
def _together(found: tuple[Profile, ...]) -> Knowledge:
    return reduce(joined, (each.knowledge for each in found)) if found else NOTHING_MORE


def _terms(policy: Policy) -> Iterator[str | None]:
    for _, rule, _ in every_rule(policy):
        yield rule.action.id
    for item in conditions_in(policy):
        if isinstance(item, Constraint):
            yield item.left
            yield from map(name, item.right)


def _labels(nodes: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        said = {
            str(value.get("@language", "")): str(value["@value"])
            for key in _LABELS
            for value in node.get(key, ())
            if "@value" in value
        }
        found = next((said[lang] for lang in _LANGUAGES if lang in said), "")
        if found:
            yield str(node["@id"]), found

"""Names in documents, and the contexts that give them a meaning. Nothing is fetched.

A context that is named is one of our files. An inline one gives no term of ODRL another meaning: a
reader who knows the term would be deceived. A word that no context defines is under `UNDEFINED`.
Source: JSON-LD 1.1, sections 4.1, 4.2.3 and 9.15; ODRL Vocabulary 2.2; DSP 2024-1 and 2025-1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.model import ODRL, RDF, XSD
from policies_odrl.vocabulary import loaded

MAX_CONTEXTS: Final = 8  # beside one another; each is worked through, however often it repeats
MAX_TERMS: Final = 500  # of one inline context
UNDEFINED: Final = "https://w3id.org/preau/undefined#"
SPACE: Final = "w3.org/ns/odrl"  # of ODRL, however the rest is spelled
IDS: Final = "https://w3id.org/idsa/core/"
# Prefixes that are read although no context declares them; `check` says that they are not declared.
USUAL: Final = {"xsd": XSD, "rdf": RDF}

_ODRL: Final = "http://www.w3.org/ns/odrl.jsonld"
_DATA: Final = loaded("documents/names.json")
PINNED: Final[Mapping[str, str]] = _DATA["contexts"]  # IRI -> file of ours that means the same
_DEFINITION: Final = frozenset({"@id", "@type", "@container", "@prefix"})
KEYWORDS: Final = frozenset({"@id", "@type", "@value", "@language", "@list", "@set", "@graph"})

_NOT: Final = (  # blanks, delimiters, surrogates and private use, and what is no character
    r"\x00-\x20\x7f-\x9f\s<>\"{}|\\^`\[\]#%"
    r"\ud800-\uf8ff\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U0010ffff"
)
_PART: Final = rf"(?:[^{_NOT}]|%[0-9A-Fa-f]{{2}})*"
_IRI: Final = re.compile(rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?!#|$){_PART}(?:#{_PART})?")
_WEB: Final = re.compile("(?:https?|urn|did):", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
# What documents write before a name of ODRL, or of IDS, which has the same names and more.
_SPACES: Final = {"odrl:": ODRL, ODRL: ODRL, "ids:": IDS, IDS: IDS}


@lru_cache(maxsize=4096)
def is_absolute(name: str) -> bool:
    """Return whether a name is an absolute IRI (RFC 3987) that begins with no usual prefix."""
    found = _IRI.fullmatch(name)
    return found is not None and found["scheme"].lower() not in _DATA["prefixes"]


def is_language(tag: str) -> bool:
    """Return whether a tag is one of BCP 47, by its form."""
    return _LANGUAGE.fullmatch(tag) is not None


def of_odrl(name: str) -> bool:
    """Return whether a name is of ODRL, or was meant to be: misspelled, or of no context."""
    plain = name.casefold()
    meant = plain.endswith(("refinement", "refinements", "constraint", "constraints"))
    return meant or name.startswith((UNDEFINED, "odrl:")) or SPACE in plain


@cache
def odrl_terms() -> frozenset[str]:
    """Return the terms of ODRL by their local names."""
    found = _prefixes(terms(_ODRL))
    return frozenset(name for name, iri in found.items() if iri == "odrl:" + name)


@cache
def naming() -> Mapping[str, str]:
    """Return properties that name a term (`@vocab`) or a node (`@id`), by their local names."""
    usual = {name: it.get("@type") for name, it in terms(_ODRL).items() if isinstance(it, Mapping)}
    named = {name: kind for name, kind in usual.items() if kind in {"@id", "@vocab"}}
    return {**named, **dict.fromkeys(_DATA["of ids"], "@id")}


def meant(key: str, text: str) -> str:
    """Return the name that text stands for in a property of ODRL, if it can mean one thing only.

    That is a term of ODRL or an IRI of the web; nobody knows whom `"Pedro"` names.
    """
    kind = naming().get(key.removeprefix(ODRL)) if key.startswith(ODRL) else None
    term = text.removeprefix("odrl:")
    if kind == "@vocab" and term in odrl_terms():
        return ODRL + term
    return text if kind and _WEB.match(text) and is_absolute(text) else ""


def coercions(keys: Collection[str], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return definitions by which text is a name; many contexts are but a prefix, or `@vocab`."""
    found: dict[str, Any] = {}
    for key in sorted(keys):
        space = next((it for it in _SPACES if key.startswith(it)), own.get("@vocab", ""))
        name = key.removeprefix(space)
        if space in _SPACES and name in naming():
            found[key] = {"@id": _SPACES[space] + name, "@type": naming()[name]}
            if space.endswith(":"):
                found[space[:-1]] = _SPACES[space]
    return found


@cache
def terms(url: str) -> Mapping[str, Any]:
    """Return what a known context defines, with what it imports (JSON-LD 1.1, 4.1.10).

    The definitions beside `@import` win. pyld 3.3 spoils its own cache where one imports another.
    """
    folder = files("policies_odrl").joinpath("documents", "contexts")
    data = folder.joinpath(PINNED[url]).read_text("utf-8")
    found: dict[str, Any] = json.loads(data, object_hook=_merged)["@context"]
    return found


def _merged(value: dict[str, Any]) -> dict[str, Any]:
    imported = value.pop("@import", None)
    return value if imported is None else {**terms(imported), **value}


def _prefixes(context: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, definition in context.items():
        stated = definition.get("@id") if isinstance(definition, Mapping) else definition
        if isinstance(stated, str) and not name.startswith("@"):
            found[name] = stated
    return found


def check(context: Any) -> None:
    """Refuse the contexts of a document or of a node in it that are not read.

    Raises:
        IllFormed: there are too many, or one is not known, or says more than an inline one may.
        LimitExceeded: an inline one is too long.
    """
    listed = context if isinstance(context, list) else [context]
    if len(listed) > MAX_CONTEXTS:
        raise IllFormed("more than {limit} contexts", limit=MAX_CONTEXTS)
    if all(isinstance(item, str) and item in PINNED for item in listed):
        return
    known: dict[str, str] = {}
    for item in listed:
        if isinstance(item, Mapping):
            known |= {**_prefixes(item), "@vocab": str(item.get("@vocab", ""))}
            _check_inline(item, known)
        elif not isinstance(item, str):
            raise IllFormed("a context is a name or an object")
        elif item not in PINNED:
            raise IllFormed("context `{name}` is not one that is known here", name=item[:200])
        else:
            known |= _prefixes(terms(item))


def _check_inline(context: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Check an inline context; `known` are the prefixes that hold in it, and its `@vocab`."""
    if len(context) > MAX_TERMS:
        raise LimitExceeded("an inline context of more than {limit} terms", limit=MAX_TERMS)
    for name, definition in context.items():
        if name in {"@vocab", "@base"}:
            if not isinstance(definition, str) or not is_absolute(_full(definition, known)):
                raise IllFormed("`{name}` of an inline context must be an absolute name", name=name)
        elif not name.startswith("@"):
            parts = definition if isinstance(definition, Mapping) else {"@id": definition}
            _check_term(name, parts, known)
        elif name != "@version":
            raise IllFormed("an inline context may not state `{name}`", name=name)


def _check_term(name: str, parts: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Insist on a plain term, and that ODRL's own terms mean what ODRL says."""
    shown, stated, kind = name[:200], parts.get("@id", name), parts.get("@type")
    unread = "" if isinstance(stated, str) else "@id"
    strange = next((key for key in parts if key not in _DEFINITION), unread)
    if strange or not isinstance(stated, str):
        raise IllFormed(
            "`{name}` is not defined as a plain term: `{strange}`", name=shown, strange=strange
        )
    if stated.startswith("@") and stated not in KEYWORDS:
        raise IllFormed("`{name}` may not stand for `{stated}`", name=shown, stated=stated[:200])
    due = _due(name, known)
    if due and _full(stated, known) != due:
        raise IllFormed("an inline context redefines `{name}`, which is a term of ODRL", name=shown)
    if kind is not None and (not isinstance(kind, str) or kind in {"@json", "@none"}):
        raise IllFormed("`{name}` has a type that is not read here", name=shown)
    if parts.get("@container", "@set") not in ("@set", "@list"):
        raise IllFormed("`{name}` has a container that is not read here", name=shown)
    usual = terms(_ODRL).get(name)
    kinds = {None, "@id", "@vocab", usual.get("@type") if isinstance(usual, Mapping) else None}
    free = name.rpartition(":")[2] in {"rightOperand", "status"}
    if due.startswith(ODRL) and kind not in kinds and not free:
        raise IllFormed("an inline context redefines `{name}` as a value", name=shown)


def _due(name: str, known: Mapping[str, str]) -> str:
    """Return what a term has to stand for; empty where it may stand for anything."""
    if name == "odrl":
        return ODRL
    if name in odrl_terms():
        return ODRL + name
    prefix, colon, rest = name.partition(":")
    if not colon or rest.startswith("//") or not known.get(prefix):
        return name if colon else ""
    return known[prefix] + rest


def _full(name: str, known: Mapping[str, str], depth: int = 0) -> str:
    """Return a name with its prefix, or `@vocab`, written out."""
    prefix, colon, rest = name.partition(":")
    space = known.get(prefix, "")
    if name.startswith("@") or (colon and rest.startswith("//")):
        return name
    if space and space != name and depth < MAX_CONTEXTS:
        return _full(space, known, depth + 1) + rest
    return name if colon else known["@vocab"] + name

"""ODRL policies as bytes: reading and canonical writing, both without loss.

Rules: what is read here is signed, or will be: it is read strictly, and each term must be known.
What is written is read back and compared, descriptions included, before it leaves; a term that the
contexts of the protocol do not define is thereby never lost unnoticed. Reading itself, and what the
terms mean, is `policies_odrl`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import policies_odrl
from connector.errors import Malformed, MessageTooLarge, PolicyInvalid, PreauError
from connector.jsonld.canonical import canonical
from connector.jsonld.kept import LARGEST, kept
from connector.jsonld.profiles import NO_PROFILES, Profiles, declared
from connector.jsonld.template import AT, NAMED, TIME, template
from connector.jsonld.turtle import turtle_bytes
from policies_odrl import LimitExceeded, OdrlError, Policy, PolicyKind
from policies_odrl.documents.sources import Source, nodes_of
from policies_odrl.model import ODRL, XSD, Value
from policies_odrl.reading.compact import shared_by
from policies_odrl.reading.inventory import described, strange
from policies_odrl.vocabulary import DCT, DPV, PREAU

# Prefixes of policies in Turtle.
PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "odrl": ODRL,
        "xsd": XSD,
        "dct": DCT,
        "dpv": DPV,
        "preau": PREAU,
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    }
)


def read_policy(data: bytes | str | Mapping[str, Any], profiles: Profiles = NO_PROFILES) -> Policy:
    """Read a policy from JSON-LD.

    Args:
        data: the document.
        profiles: those of the node.

    Raises:
        Malformed: not JSON-LD under pinned contexts, or a part of it would be lost.
        MessageTooLarge: larger than is read.
        PolicyInvalid: not ODRL of a profile that this node knows.
    """
    if isinstance(data, Mapping):
        return _read_document(data, profiles)
    return _read_text(data.encode() if isinstance(data, str) else data, profiles)


def read_shown(data: bytes | Mapping[str, Any]) -> Policy:
    """Read a policy that is shown to a person and not decided on: what is not known stays in it.

    Raises:
        OdrlError: it is no policy at all.
    """
    try:
        return read_policy(data)
    except PreauError:
        return policies_odrl.load(data if isinstance(data, bytes) else dict(data))


def policy_document(policy: Policy, profiles: Profiles = NO_PROFILES) -> dict[str, Any]:
    """Return the policy as compact JSON-LD, after checking that reading it gives it back.

    Args:
        policy: see `policies_odrl/model.py`.
        profiles: those of the node.

    Raises:
        PolicyInvalid: something of the policy would be lost on the wire.
    """
    name, time = policy.id, policy.timestamp
    try:
        if policy.kind is PolicyKind.AGREEMENT and name and time and not policy.inherits:
            # What contracts on one offer have in common is written once; `insist_same` checks each.
            plain = replace(policy, id=NAMED, timestamp=AT)
            common = _written(plain, described(plain))
            document = {**common, "@id": name, TIME: {**common[TIME], "@value": time}}
        else:
            document = policies_odrl.write(policy)
    except OdrlError as exc:
        raise PolicyInvalid(str(exc)) from exc
    insist_same(_read_document(document, profiles), policy)
    return document


@lru_cache(maxsize=64)
def _written(policy: Policy, _described: object) -> dict[str, Any]:
    """Write a policy; its descriptions, which its equality leaves out, are asked for beside it."""
    return policies_odrl.write(policy)


def policy_bytes(policy: Policy, profiles: Profiles = NO_PROFILES) -> bytes:
    """Return the canonical bytes (RFC 8785) of a policy.

    Args:
        policy: see `policies_odrl/model.py`.
        profiles: those of the node.

    Raises:
        PolicyInvalid: something of the policy would be lost on the wire.
    """
    return canonical(policy_document(policy, profiles))


def read_turtle(data: bytes | str, profiles: Profiles = NO_PROFILES) -> Policy:
    """Read a policy from Turtle.

    Args:
        data: the document.
        profiles: those of the node.

    Raises:
        Malformed: not Turtle that the node map can hold.
        MessageTooLarge: larger than is read.
        PolicyInvalid: not ODRL of a profile that this node knows.
    """
    return _policy(nodes_at_border(data), profiles)


def policy_turtle(policy: Policy, profiles: Profiles = NO_PROFILES) -> bytes:
    """Return the policy as Turtle, after checking that reading it gives it back.

    Args:
        policy: see `policies_odrl/model.py`.
        profiles: those of the node.

    Raises:
        PolicyInvalid: something of the policy would be lost.
    """
    data = turtle_bytes(nodes_at_border(policy_document(policy, profiles)), PREFIXES)
    insist_same(read_turtle(data, profiles), policy)
    return data


def identical(left: Policy, right: Policy) -> bool:
    """Return whether two policies are the same to the letter, descriptions included."""
    return left == right and described(left) == described(right)


def said(policy: Policy) -> frozenset[tuple[str, tuple[str, Value]]]:
    """Return (what is described, (property, value)) of all that decisions ignore in a policy."""
    return frozenset((what, note) for what, notes in described(policy) for note in notes)


def _read_document(document: Mapping[str, Any], profiles: Profiles) -> Policy:
    """Read a policy once; of a contract, once what it has in common with others."""
    common = template(document)
    data = common or _as_text(document)
    if data is None:
        return _read(document, profiles)
    try:
        found = _read_text(data, profiles)
    except PreauError:
        return _read(document, profiles)  # a refusal names the document's own words
    if common is None:
        return found
    return replace(found, id=document["@id"], timestamp=document[TIME]["@value"])


def _as_text(document: Mapping[str, Any]) -> bytes | None:
    """Return a document as text that reads the same; None where there is none, or none is kept."""
    try:
        data = json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        return None
    # JSON has names of text only, and one kind of list.
    return data if len(data) <= LARGEST and json.loads(data) == document else None


@kept(128)
def _read_text(data: bytes, profiles: Profiles) -> Policy:
    return _read(data, profiles)


def _read(data: bytes | Mapping[str, Any], profiles: Profiles) -> Policy:
    return _policy(nodes_at_border(data), profiles)


def nodes_at_border(source: Source) -> list[dict[str, Any]]:
    """Return the node objects of a document, of which nothing may be lost.

    Raises:
        Malformed: neither JSON-LD under known contexts nor Turtle, or a part would be lost.
        MessageTooLarge: larger than is read.
    """
    try:
        return nodes_of(source, strict=True)
    except LimitExceeded as exc:
        raise MessageTooLarge(exc.reason) from exc
    except OdrlError as exc:
        raise Malformed(exc.reason) from exc


def _policy(found: list[dict[str, Any]], profiles: Profiles) -> Policy:
    everything = profiles.together
    try:
        policy = policies_odrl.read(found, everything, strict=True)
    except OdrlError as exc:
        raise PolicyInvalid(str(exc)) from exc
    missing = next((it for it in declared(policy) if it not in everything.profiles), "")
    if missing:
        raise PolicyInvalid(
            f"profile `{missing[:200]}` is not known here",
            hint="get its file from the other party, and name it in `profiles` of preau.toml",
        )
    unknown = next(strange(policy, profiles.known(policy)), "")
    if unknown:
        raise PolicyInvalid(
            f"`{unknown[:200]}` is not known here, or is of no profile that the policy declares"
        )
    if not any(policy.rules()) and not (policy.inherits or policy.replaced_by):
        raise PolicyInvalid("a policy without rules")
    return policy


def insist_same(found: Policy, policy: Policy) -> None:
    """Insist that what was read back is the policy that was written.

    Raises:
        PolicyInvalid: something of it is lost.
    """
    lost = not identical(found, policy)
    if policy.inherits:  # rules to come will share it (IM 2.9), and equality leaves it out
        lost = lost or shared_by(found) != shared_by(policy)
    if lost:
        raise PolicyInvalid("the policy cannot be written without loss")

"""A policy that is being written, in three views that state the same: document, sentences, form.

Rule: whichever view a person changes, the others are made from what is read of it; what cannot be
read changes none of them. Findings are those of `preau policy check`, fixes those of its `--fix`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import policies_odrl
from connector.enforcement.coverage import cover
from connector.errors import ConstraintUnknown, PolicyInvalid
from connector.jsonld.canonical import parse_object
from connector.jsonld.mending import mended
from connector.jsonld.policy import policy_document, read_policy
from connector.ports import Ports
from policies_odrl import Action, Conflict, Finding, OdrlError, Permission, Policy, PolicyKind
from policies_odrl.authoring import Template
from policies_odrl.documents.dialects import translated
from policies_odrl.documents.sources import linked
from policies_odrl.errors import TemplateRefused
from policies_odrl.language.explain import Line, numbered
from policies_odrl.language.voice import References
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PROFILE

MOST: Final = 100_000  # characters; the longest template has 5,000


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy in all views, and what there is to say of it.

    Attributes:
        policy: as it is read.
        document: JSON-LD, in our own writing.
        lines: numbered sentences, each with the place in the document of what it says.
        sentences: all of it, with the addresses that sentences mention.
        findings: the worst first.
        gap: what this node cannot uphold of it; empty where it can all.
    """

    policy: Policy
    document: Mapping[str, Any]
    lines: tuple[Line, ...]
    sentences: tuple[str, ...]
    findings: tuple[Finding, ...]
    gap: str


def blank(ports: Ports, language: str) -> Draft:
    """Return the draft to begin with: an offer under which its target may be read."""
    permission = Permission(action=Action(f"{ODRL}read"))
    made = Policy(
        kind=PolicyKind.OFFER,
        id=ports.ids.new(),
        profiles=(PROFILE,),
        conflict=Conflict.PROHIBIT,
        permissions=(permission,),
    )
    return _draft(ports, made, language)


def filled(
    ports: Ports, found: Template, stated: Mapping[str, str], language: str
) -> dict[str, Any]:
    """Return the offer that a template makes of values, JSON-LD.

    A form sends nothing of boxes of which none is ticked: that is no wish for the usual ones.

    Raises:
        PolicyInvalid: a value is missing or does not fit.
    """
    for each in found.parameters:
        if each.kind == "choices" and each.required and not stated.get(each.name):
            raise PolicyInvalid("choose at least one", where=each.name)
    try:
        return policy_document(policies_odrl.fill(found, {"id": ports.ids.new(), **stated}))
    except OdrlError as exc:
        where = exc.field if isinstance(exc, TemplateRefused) else ""
        raise PolicyInvalid(exc.in_(language), where=where) from exc


def spaces(ports: Ports) -> tuple[str, ...]:
    """Return the IRIs of the spaces for whose members a policy may be."""
    return tuple(each.id for each in ports.settings.spaces if each.id)


def from_document(ports: Ports, document: str | Mapping[str, Any], language: str) -> Draft:
    """Return the draft that a document states.

    Raises:
        Malformed: it is not JSON-LD under pinned contexts, or a part of it would be lost.
        PolicyInvalid: it is no policy of a profile that this node knows.
    """
    stated = parse_object(_bounded(document).encode()) if isinstance(document, str) else document
    return _draft(ports, read_policy(stated, ports.mechanisms.profiles), language)


def from_either(ports: Ports, text: str, language: str) -> Draft:
    """Return the draft of a text that is JSON-LD or sentences.

    Raises:
        PreauError: as `from_document` and `from_sentences`.
    """
    read = from_document if text.lstrip().startswith("{") else from_sentences
    return read(ports, text, language)


def from_sentences(ports: Ports, text: str, language: str) -> Draft:
    """Return the draft that numbered sentences state.

    Raises:
        PolicyInvalid: a sentence is none that the library writes, or one is missing.
    """
    known = ports.mechanisms.profiles.together
    try:
        read = policies_odrl.from_sentences(_bounded(text).replace("\r", ""), language, known)
    except OdrlError as exc:
        raise PolicyInvalid(exc.in_(language)) from exc
    return _draft(ports, read, language)


def with_fixes(ports: Ports, document: str, language: str) -> Draft:
    """Return the draft of a document with the fixes that change no decision.

    Raises:
        PreauError: as `from_document`.
    """
    draft = from_document(ports, document, language)
    better = mended(draft.document, (each for each in draft.findings if each.mechanical))
    return from_document(ports, better, language)


def _draft(ports: Ports, policy: Policy, language: str) -> Draft:
    profiles = ports.mechanisms.profiles
    document = policy_document(policy, profiles)
    known = profiles.known(policy)
    try:
        nodes = translated(linked(document))
        found = policies_odrl.inspect(nodes, known, language)
        references = References()
        lines = numbered(policy, language, references, known)
    except OdrlError as exc:
        raise PolicyInvalid(exc.in_(language)) from exc
    sentences = (*map(str, lines), *references.lines())
    return Draft(policy, document, lines, sentences, found, _gap(ports, policy))


def _gap(ports: Ports, policy: Policy) -> str:
    try:
        cover(policy, ports.mechanisms)
    except ConstraintUnknown as exc:
        return exc.reason
    return ""


def _bounded(text: str) -> str:
    if len(text) > MOST:
        raise PolicyInvalid(
            f"a policy has at most {MOST} characters here",
            hint="`preau policy check` reads larger ones from files",
        )
    return text

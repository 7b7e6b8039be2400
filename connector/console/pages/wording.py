"""Policies in sentences, in the language of the reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from connector.console.parts import Cell, Notice, Part, Sentences, Spoken, Words
from connector.console.rendering import moment, number
from connector.console.visit import Visit
from connector.domain.catalog.dataset import Column
from connector.domain.catalog.dictionary import labelled
from connector.domain.contract.negotiation import Agreement, NegotiationState
from connector.errors import PreauError
from connector.jsonld.policy import read_shown
from connector.language.matching import verbatim
from federated.job import JobState
from policies_odrl import OdrlError, explain
from policies_odrl.language.phrases import word

_TYPES: Final = {
    "category": "category",
    "text": "text",
    "integer": "whole number",
    "number": "number",
    "date": "date",
    "boolean": "yes or no",
}
_JOBS: Final = {
    JobState.SUBMITTED: "submitted",
    JobState.ACCEPTED: "accepted, not begun",
    JobState.RUNNING: "running",
    JobState.COMPLETED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
    JobState.REFUSED: "refused",
}
_NEGOTIATIONS: Final = {
    NegotiationState.REQUESTED: "terms requested",
    NegotiationState.OFFERED: "terms offered",
    NegotiationState.ACCEPTED: "terms accepted",
    NegotiationState.AGREED: "signed by provider",
    NegotiationState.VERIFIED: "signed by consumer",
    NegotiationState.FINALIZED: "finalized",
    NegotiationState.TERMINATED: "terminated",
}


def sentences(title: str, policy: bytes, language: str) -> Part:
    """Return what a policy says, or why it cannot be said.

    Args:
        title: of the part.
        policy: canonical JSON-LD.
        language: of the sentences.
    """
    try:
        return Sentences(title, list(explain(read_shown(policy), language)))
    except (PreauError, OdrlError) as exc:
        return Notice(f"the terms cannot be put into words: {exc}", "wrong")


def meant(column: Column, language: str) -> Cell:
    """Return what a column means, in the language of the reader where the dictionary has it."""
    tag, text = labelled(dict(column.meaning.labels), language, column.description)
    return Spoken(text, tag) if tag else text


def worded(iri: str, language: str) -> str:
    """Return the name of a purpose, legal basis or the like; empty where none is stated."""
    return word(iri, language) if iri else ""


def typed(datatype: str) -> Cell:
    """Return the type of a column in words of ours, or as somebody else calls it."""
    return Words(_TYPES[datatype]) if datatype in _TYPES else datatype


def job_state(state: str) -> Words:
    """Return the state of a job in words of ours."""
    return Words(_JOBS[JobState(state)])


def negotiation_state(state: NegotiationState) -> Words:
    """Return the state of a negotiation in words of ours."""
    return Words(_NEGOTIATIONS[state])


def contracts(known: Iterable[Agreement], visit: Visit) -> list[tuple[str, str]]:
    """Return the choices of contracts: the dataset of each, and who provides it.

    Of several with one provider on one dataset, its ε and when it was concluded as well.
    """
    held = list(known)
    alike = Counter((each.provider, each.dataset_id) for each in held)
    return [
        (each.id, _called(each, visit, alone=alike[each.provider, each.dataset_id] == 1))
        for each in held
    ]


def _called(contract: Agreement, visit: Visit, *, alone: bool) -> str:
    name = f"{contract.dataset_id} ({visit.named(contract.provider) or contract.provider})"
    if alone:
        return verbatim(name)
    epsilon = f", ε = {number(contract.epsilon, visit.language)}" if contract.epsilon else ""
    return verbatim(f"{name}{epsilon}, {moment(contract.concluded_at, visit.language)}")

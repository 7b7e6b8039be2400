"""Policies in sentences, in the language of the reader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connector.console.parts import Cell, Notice, Part, Sentences, Spoken, Words
from connector.console.visit import Visit
from connector.domain.catalog.dataset import Column
from connector.domain.catalog.dictionary import labelled
from connector.domain.contract.negotiation import Agreement
from connector.errors import PreauError
from connector.jsonld.policy import read_shown
from connector.language.matching import verbatim
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


def contracts(known: Iterable[Agreement], visit: Visit) -> list[tuple[str, str]]:
    """Return the choices of contracts: the dataset of each, and who provides it."""
    return [
        (each.id, verbatim(f"{each.dataset_id} ({visit.named(each.provider) or each.provider})"))
        for each in known
    ]

"""Policies in sentences, in the language of the reader."""

from __future__ import annotations

from connector.console.parts import Notice, Part, Sentences
from connector.errors import PreauError
from connector.jsonld.canonical import parse_object
from connector.jsonld.policy import read_policy
from policies_odrl import OdrlError, explain


def sentences(title: str, policy: bytes, language: str) -> Part:
    """Return what a policy says, or why it cannot be said.

    Args:
        title: of the part.
        policy: canonical JSON-LD.
        language: of the sentences.
    """
    try:
        return Sentences(title, list(explain(read_policy(parse_object(policy)), language)))
    except (PreauError, OdrlError) as exc:
        return Notice(f"the terms cannot be put into words: {exc}", "wrong")

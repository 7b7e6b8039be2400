"""Parties, assets and terms by the labels of policy and profiles: `la DEPP [3]`, an address.

A description is of what has the name (RDF): each mention has all of it, and it is told once. A
label is used in its language, where one address only has it and it is like no address.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Final

from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.language.phrases import index, plain, table
from policies_odrl.model import Literal, Notes, Policy, Reference, all_in, each, every_rule
from policies_odrl.reading.inventory import references_of
from policies_odrl.reading.nodes import TERMS

# Words with one blank between them; no dot, which addresses have, and nothing that ends a sentence.
_LABEL: Final = re.compile(r"(?=.{1,80}$)[^\W\d_](?:[\w'&-]| (?=[\w&]))*")
# The parts of a policy in the order in which they are told.
_ORDER: Final = "target assigner assignee common permissions prohibitions obligations"


def described_alike(policy: Policy) -> Policy:
    """Return the policy with all that describes a party or an asset at each mention of it."""
    known: dict[str, Notes] = {}
    for item in _mentions(policy):
        if item.id and item.notes:
            known[item.id] = tuple(dict.fromkeys((*known.get(item.id, ()), *item.notes)))

    def described(item: Reference) -> Reference:
        return replace(item, notes=known.get(item.id, item.notes))

    return each(policy, Reference, described) if known else policy


def _mentions(policy: Policy) -> Iterator[Reference]:
    yield from references_of(policy)
    yield from all_in(policy.common if policy.inherits else (), Reference)
    for _, rule, _ in every_rule(policy):
        yield from references_of(rule)


def described_once(policy: Policy) -> Policy:
    """Return the policy with what describes a party or an asset where that is told first."""
    told: set[str] = set()

    def once(item: Reference) -> Reference:
        if item.id in told:
            return replace(item, notes=())
        told.update(filter(None, [item.id]))
        return item

    if not any(item.notes for item in _mentions(policy)):
        return policy
    order = _ORDER.split()
    return replace(policy, **{it: each(getattr(policy, it), Reference, once) for it in order})


def called(policy: Policy, lang: str, knowledge: Knowledge = NOTHING_MORE) -> dict[str, str]:
    """Return IRI -> the label in a language of parties, assets and terms of profiles, if any."""
    found: dict[str, str] = {}
    stated = ((item.id, _labels(item.notes)) for item in _mentions(policy))
    for iri, given in chain(stated, knowledge.labels.items()):
        name = plain(given.get(lang) or given.get("", ""))
        if iri and _LABEL.fullmatch(name) and not f"{name} ".startswith(_openings(lang)):
            found[iri] = name
    shared = Counter(found.values())
    return {iri: name for iri, name in found.items() if shared[name] == 1}


def _labels(notes: Notes) -> dict[str, str]:
    """Return language -> label of a description, by the first property that states one."""
    texts = [text for it in TERMS["labels"] for name, text in notes if name == it]
    told = [text for text in reversed(texts) if isinstance(text, Literal)]
    return {text.language.partition("-")[0].lower(): text.lexical for text in told}


@cache
def _openings(lang: str) -> tuple[str, ...]:
    """Return the words that open what may stand in the place of a mention."""
    tables = map(table, ("parties", "assets", "objects", "towards", "deadlines"))
    texts = {pair[index(lang)].partition("{")[0] for rows in tables for pair in rows.values()}
    return tuple(f"{text.strip()} " for text in texts if text.strip())

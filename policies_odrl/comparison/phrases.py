"""How two policies differ, in words: the parts of a policy put into the sentences of phrases.json.

What a party wrote appears only as a term or a value of a condition, never as a sentence of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from policies_odrl import text
from policies_odrl.language.explain import sentence
from policies_odrl.language.labels import word
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import (
    Action,
    AssetRef,
    Condition,
    Conflict,
    Iri,
    PartyRef,
    Rule,
    duties_below,
)
from policies_odrl.vocabulary import FUNCTIONS

Said = Condition | Action | AssetRef | PartyRef | Rule
Thing = Said | Iri | Conflict


@cache
def _phrases() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        files("policies_odrl").joinpath("comparison", "phrases.json").read_text("utf-8")
    )
    return found


def phrase(group: str, name: str, lang: str) -> str:
    """Return a sentence with its slots; empty where the group has none of the name.

    Raises:
        ValueError: a language other than `en` and `fr`.
    """
    pair = _phrases()[group].get(name, ("", ""))
    return str(pair[LANGUAGES.index(lang)])


def number(path: str, lang: str) -> str:
    """Return a rule's JSON pointer in words: `permission 2`."""
    kind, _, rest = path.strip("/").partition("/")
    place = rest.partition("/")[0]
    found = phrase("rules", kind, lang)
    return found.format(n=int(place) + 1) if found and place.isdigit() else path


def subject(operand: str, lang: str) -> str:
    """Return what a change speaks of that is no condition; empty for a condition."""
    found = phrase("subjects", operand, lang)
    if not found and operand in FUNCTIONS:
        found = word(operand, lang, "functions")
    return found[:1].upper() + found[1:]


def brief(item: Thing) -> str:
    """Return something in the terms of the policies."""
    match item:
        case Conflict():
            return item.value
        case Iri():
            return text.term(item.value)
        case Rule():
            return text.term(item.action.id)
        case Action():
            return text.term(item.id)
        case AssetRef() | PartyRef():
            return (item.id or item.source)[: text.MAX_SHOWN]
        case _:
            return text.condition(item)


def thing(item: Thing, lang: str) -> str:
    """Return a part of a policy in words."""
    match item:
        case Conflict():
            return phrase("wins", item.value, lang)
        case Iri():
            return brief(item)
        case Rule():
            below = [duty.action for _, duties in duties_below(item) for duty in duties]
            acts = [word(action.id, lang, "actions") for action in (item.action, *below)]
            items = (*item.constraints, *item.action.refinements)
            return _with(" → ".join(acts), items, lang, _about(item, lang))
        case Action():
            return _with(word(item.id, lang, "actions"), item.refinements, lang)
        case AssetRef() | PartyRef():
            return _with(brief(item), item.refinements, lang)
        case _:
            return sentence(item, lang)


def _about(rule: Rule, lang: str) -> list[str]:
    found = [
        phrase("parts", name, lang).format(named=thing(part, lang))
        for name, part in (("about", rule.target), ("by", rule.assignee))
        if part is not None
    ]
    equals = phrase("parts", "is", lang)
    found += [
        f"{word(name, lang, 'functions')}{equals}{thing(party, lang)}"
        for name, party in rule.functions
    ]
    return found


def things(items: Iterable[Thing], lang: str) -> str:
    """Return several parts of policies in words."""
    return in_row((thing(item, lang) for item in items), lang)


def in_row(items: Iterable[str], lang: str) -> str:
    """Return words one after the other."""
    return phrase("parts", "joint", lang).join(items)


def _with(what: str, items: Sequence[Condition], lang: str, about: Sequence[str] = ()) -> str:
    if not (items or about):
        return what
    inner = in_row([*about, *(sentence(item, lang) for item in items)], lang)
    return phrase("parts", "with", lang).format(what=what, conditions=inner)

"""Sentences, in English and French, about how two policies differ: words only, and the parts.

Rules: rules are named by kind and place (`permission 2`), which both sides can look up; what a
party wrote appears only as a term or a value of a condition, never as a sentence of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from policies_odrl import text
from policies_odrl.language.explain import sentence
from policies_odrl.language.labels import word
from policies_odrl.language.phrases import LANGUAGES, Pair
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

Thing = Condition | Action | AssetRef | PartyRef | Rule | Iri | Conflict

COMPARED: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "fits": (
            "The offer, {rule}: {allowed}. Asked for: {asked}. That lies within.",
            "L'offre, {rule} : {allowed}. Demandé : {asked}. Cela en fait partie.",
        ),
        "gap": (
            "The offer, {rule}: {allowed}. Asked for: {asked}. That is not shown to lie within.",
            (
                "L'offre, {rule} : {allowed}. Demandé : {asked}. Rien ne montre que cela en "
                "fasse partie."
            ),
        ),
        "unlimited": (
            "Asked for: {asked}. The offer, {rule}, sets no limit on that.",
            "Demandé : {asked}. L'offre, {rule}, n'y met pas de limite.",
        ),
        "prohibition": (
            "The offer, {rule}, prohibits: {allowed}. What is asked for may run into that.",
            "L'offre, {rule}, interdit : {allowed}. La demande peut s'y heurter.",
        ),
        "obligation": (
            "The offer, {rule}, obliges: {allowed}. The request does not take that on.",
            "L'offre, {rule}, oblige : {allowed}. La demande ne s'y engage pas.",
        ),
        "nothing": ("Nothing is offered for {path}.", "Rien n'est offert pour {path}."),
        "silent": ("nothing is said about it", "il n'en est rien dit"),
    }
)

CHANGES: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "narrowed": (
            "Instead of “{asked}”: “{offered}”{because}.",
            "Au lieu de « {asked} » : « {offered} »{because}.",
        ),
        "raised": (
            "More protection of the data: instead of “{asked}”: “{offered}”{because}.",
            "Plus de protection des données : au lieu de « {asked} » : « {offered} »{because}.",
        ),
        "raised unasked": (
            "More protection of the data: “{offered}”{because}.",
            "Plus de protection des données : « {offered} »{because}.",
        ),
        "added": ("In addition: “{offered}”{because}.", "En plus : « {offered} »{because}."),
        "removed": ("No longer: “{asked}”{because}.", "Ne vaut plus : « {asked} »{because}."),
        "duty": (
            "In return, one must: {offered}{because}.",
            "En contrepartie, il faut : {offered}{because}.",
        ),
        "prohibition": (
            "Prohibited as well: {offered}{because}.",
            "Interdit en plus : {offered}{because}.",
        ),
        "obligation": (
            "Mandatory as well: {offered}{because}.",
            "Obligatoire en plus : {offered}{because}.",
        ),
        "removed duty": (
            "No longer asked in return: {asked}{because}.",
            "N'est plus demandé en contrepartie : {asked}{because}.",
        ),
        "removed prohibition": (
            "No longer prohibited: {asked}{because}.",
            "N'est plus interdit : {asked}{because}.",
        ),
        "removed obligation": (
            "No longer mandatory: {asked}{because}.",
            "N'est plus obligatoire : {asked}{because}.",
        ),
        "narrowed conflict": (
            "If permitted and prohibited at once: instead of “{asked}”: “{offered}”{because}.",
            "Si permis et interdit à la fois : au lieu de « {asked} » : « {offered} »{because}.",
        ),
        "added collection": (
            "Taken for a collection as well: {offered}{because}.",
            "Tenu aussi pour une collection : {offered}{because}.",
        ),
        "removed collection": (
            "No longer taken for a collection: {asked}{because}.",
            "N'est plus tenu pour une collection : {asked}{because}.",
        ),
        "narrowed collection": (
            "Taken for a collection: instead of “{asked}”: “{offered}”{because}.",
            "Tenu pour une collection : au lieu de « {asked} » : « {offered} »{because}.",
        ),
        "dropped": (
            "Not granted: {asked}{because}.",
            "Pas accordé : {asked}{because}.",
        ),
        "narrowed subject": (
            "{subject}: “{offered}” instead of “{asked}”{because}.",
            "{subject} : « {offered} » au lieu de « {asked} »{because}.",
        ),
        "added subject": (
            "{subject}: “{offered}”, which was not asked for{because}.",
            "{subject} : « {offered} », ce qui n'était pas demandé{because}.",
        ),
        "removed subject": (
            "{subject}: no longer “{asked}”{because}.",
            "{subject} : « {asked} » ne vaut plus{because}.",
        ),
        "because": (", because of {source}, {rule}", ", à cause {source}, {rule}"),
        "offer": ("the offer", "de l'offre"),
        "reserve": ("the provider's own limits", "des limites propres au fournisseur"),
    }
)

# What a change speaks of that is no condition, and so does not say so itself.
SUBJECTS: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "target": ("What it is about", "Ce sur quoi cela porte"),
        "assignee": ("Who may do it", "Qui peut le faire"),
        "assigner": ("Who grants it", "Qui l'accorde"),
        "output": ("What comes of it", "Ce qui en résulte"),
        "profile": ("The vocabulary", "Le vocabulaire"),
        "inheritFrom": ("Whose rules are taken over", "De qui les règles sont reprises"),
        "isReplacedBy": ("What replaces it", "Ce qui la remplace"),
    }
)

BLOCKED: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "set": (
            "These cannot hold together, and without any one of them the rest could: {items}.",
            (
                "Ceci ne peut valoir ensemble, et sans l'un quelconque de ces points le reste "
                "pourrait valoir : {items}."
            ),
        ),
        "request": ("asked for, {rule}: {item}", "demandé, {rule} : {item}"),
        "offer": ("offered, {rule}: {item}", "offert, {rule} : {item}"),
        "none": ("Nothing is offered.", "Rien n'est offert."),
        "unclear": (
            "Nobody can say what the request or the offer grants without what is not known here.",
            "Nul ne peut dire ce que la demande ou l'offre accorde sans ce qui est inconnu ici.",
        ),
    }
)

LAYERED: Final[Mapping[str, Pair]] = MappingProxyType(
    {"stated": ("{item} (asked for by: {layers})", "{item} (demandé par : {layers})")}
)

_KINDS: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "permission": ("permission {n}", "permission {n}"),
        "prohibition": ("prohibition {n}", "interdiction {n}"),
        "obligation": ("obligation {n}", "obligation {n}"),
    }
)
_WINS: Final[Mapping[Conflict, Pair]] = MappingProxyType(
    {
        Conflict.PERM: ("the permission wins", "la permission l'emporte"),
        Conflict.PROHIBIT: ("the prohibition wins", "l'interdiction l'emporte"),
        Conflict.INVALID: ("the whole policy is void", "toute la politique est nulle"),
    }
)
_WITH: Final[Pair] = ("{what} ({conditions})", "{what} ({conditions})")
_ABOUT: Final[Pair] = ("about {named}", "portant sur {named}")
_BY: Final[Pair] = ("by {named}", "par {named}")
_IS: Final[Pair] = (": ", " : ")
_JOINT: Final[Pair] = ("; ", " ; ")


def number(path: str, lang: str) -> str:
    """Return a rule's JSON pointer in words: `permission 2`."""
    kind, _, rest = path.strip("/").partition("/")
    place = rest.partition("/")[0]
    if kind not in _KINDS or not place.isdigit():
        return path
    return _KINDS[kind][LANGUAGES.index(lang)].format(n=int(place) + 1)


def subject(operand: str, lang: str) -> str:
    """Return what a change speaks of that is no condition; empty for a condition."""
    if operand in SUBJECTS:
        return SUBJECTS[operand][LANGUAGES.index(lang)]
    if operand not in FUNCTIONS:
        return ""
    name = word(operand, lang, "functions")
    return name[:1].upper() + name[1:]


def thing(item: Thing, lang: str) -> str:
    """Return a part of a policy in words."""
    match item:
        case Conflict():
            return _WINS[item][LANGUAGES.index(lang)]
        case Iri():
            return text.term(item.value)
        case Rule():
            below = [duty.action for _, duties in duties_below(item) for duty in duties]
            named = [word(action.id, lang, "actions") for action in (item.action, *below)]
            about = [
                form[LANGUAGES.index(lang)].format(named=thing(part, lang))
                for form, part in ((_ABOUT, item.target), (_BY, item.assignee))
                if part is not None
            ]
            about += [
                f"{word(name, lang, 'functions')}{_IS[LANGUAGES.index(lang)]}{thing(party, lang)}"
                for name, party in item.functions
            ]
            items = (*item.constraints, *item.action.refinements)
            return _with(" → ".join(named), items, lang, about)
        case Action():
            return _with(word(item.id, lang, "actions"), item.refinements, lang)
        case AssetRef() | PartyRef():
            return _with((item.id or item.source)[: text.MAX_SHOWN], item.refinements, lang)
        case _:
            return sentence(item, lang)


def things(items: Iterable[Thing], lang: str) -> str:
    """Return several parts of policies in words."""
    return joint(lang).join(thing(item, lang) for item in items)


def joint(lang: str) -> str:
    """Return what stands between parts of a list."""
    return _JOINT[LANGUAGES.index(lang)]


def _with(what: str, items: Sequence[Condition], lang: str, about: Sequence[str] = ()) -> str:
    if not (items or about):
        return what
    inner = joint(lang).join([*about, *(sentence(item, lang) for item in items)])
    return _WITH[LANGUAGES.index(lang)].format(what=what, conditions=inner)

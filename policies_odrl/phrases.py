"""The sentences of `explain.py`, in English and French.

Only words: `{0}`, `{1}` … are filled by `explain.py`. Names of terms in French stand in
`labels.json`; English ones are made from the terms themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from policies_odrl.model import ODRL, Operator
from policies_odrl.vocabulary import PREAU

LANGUAGES: Final = ("en", "fr")

# key -> (English, French)
PHRASES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "permission": ("It is permitted to {0}.", "Il est permis de : {0}."),
        "prohibition": ("It is prohibited to {0}.", "Il est interdit de : {0}."),
        "obligation": ("It is mandatory to {0}.", "Il est obligatoire de : {0}."),
        "duty": ("In return, one must {0}.", "En contrepartie, il faut : {0}."),
        "remedy": ("Whoever did so must {0}.", "Qui l'a fait doit : {0}."),
        "consequence": (
            "If that is not done, one must also {0}.",
            "Si cela n'est pas fait, il faut aussi : {0}.",
        ),
        "target": ("It is about {0}.", "Cela porte sur {0}."),
        "assigner": ("It is granted by {0}.", "C'est accordé par {0}."),
        "assignee": ("It is addressed to {0}.", "Cela s'adresse à {0}."),
        "conflict": (
            "Where something is both permitted and prohibited, {0}.",
            "Si une chose est à la fois permise et interdite, {0}.",
        ),
        "perm": ("the permission wins", "la permission l'emporte"),
        "prohibit": ("the prohibition wins", "l'interdiction l'emporte"),
        "invalid": ("the whole policy is void", "toute la politique est nulle"),
        "only-if": ("Condition: {0}.", "Condition : {0}."),
        "refined": ("More precisely: {0}.", "Plus précisément : {0}."),
        "and": ("all of these hold: {0}", "tout ceci est vrai : {0}"),
        "or": ("at least one of these holds: {0}", "au moins l'un de ceux-ci est vrai : {0}"),
        "xone": ("exactly one of these holds: {0}", "un seul de ceux-ci est vrai : {0}"),
        "andSequence": ("these hold one after the other: {0}", "ceci est vrai dans l'ordre : {0}"),
        "else-denied": (
            "Whatever is not permitted here is refused.",
            "Tout ce qui n'est pas permis ici est refusé.",
        ),
        "listing": ("{0} or {1}", "{0} ou {1}"),
        "joining": ("{0} and {1}", "{0} et {1}"),
    }
)

# operator -> (English, French) of `{0}` operand, `{1}` values
OPERATORS: Final[Mapping[Operator, tuple[str, str]]] = MappingProxyType(
    {
        Operator.EQ: ("{0} is exactly {1}", "{0} est exactement {1}"),
        Operator.NEQ: ("{0} is not {1}", "{0} n'est pas {1}"),
        Operator.GT: ("{0} is above {1}", "{0} est au-dessus de {1}"),
        Operator.GTEQ: ("{0} is at least {1}", "{0} est au moins {1}"),
        Operator.LT: ("{0} is below {1}", "{0} est en dessous de {1}"),
        Operator.LTEQ: ("{0} is at most {1}", "{0} est au plus {1}"),
        Operator.IS_A: ("{0} is {1}, or a kind of it", "{0} est « {1} », ou une de ses formes"),
        Operator.HAS_PART: ("{0} contains {1}", "{0} contient {1}"),
        Operator.IS_PART_OF: ("{0} is part of {1}", "{0} fait partie de {1}"),
        Operator.IS_ALL_OF: ("{0} covers {1}", "{0} couvre {1}"),
        Operator.IS_ANY_OF: (
            "{0} is {1}, or a kind of it",
            "{0} est « {1} », ou une de ses formes",
        ),
        Operator.IS_NONE_OF: (
            "{0} is stated and is not {1}, nor a kind of it",
            "{0} est indiqué et n'est ni « {1} », ni une de ses formes",
        ),
    }
)

# (left operand, operator) -> (English, French) where a plainer sentence exists
SPECIAL: Final[Mapping[tuple[str, Operator], tuple[str, str]]] = MappingProxyType(
    {
        (ODRL + "dateTime", Operator.LTEQ): ("until {0} at the latest", "au plus tard le {0}"),
        (ODRL + "dateTime", Operator.LT): ("before {0}", "avant le {0}"),
        (ODRL + "dateTime", Operator.GTEQ): ("from {0} on", "à partir du {0}"),
        (ODRL + "dateTime", Operator.GT): ("after {0}", "après le {0}"),
        (ODRL + "count", Operator.LTEQ): ("at most {0} times", "au plus {0} fois"),
        (PREAU + "membership", Operator.EQ): (
            "only for members of the space {0}",
            "réservé aux membres de l'espace {0}",
        ),
        (PREAU + "epsilon", Operator.LTEQ): (
            "all jobs together spend at most ε = {0} of privacy per person",
            "tous les travaux ensemble dépensent au plus ε = {0} par personne",
        ),
        (PREAU + "delta", Operator.LTEQ): (
            "that limit is stated at δ = {0}",
            "cette limite s'entend à δ = {0}",
        ),
        (PREAU + "unitOfPrivacy", Operator.EQ): (
            "what is protected is the {0}, with all their rows",
            "ce qui est protégé : {0}, avec toutes ses lignes",
        ),
        (PREAU + "rowsPerPerson", Operator.LTEQ): (
            "at most {0} rows of a person are used",
            "au plus {0} lignes par personne sont utilisées",
        ),
        (PREAU + "minimumSites", Operator.GTEQ): (
            "at least {0} sites take part",
            "au moins {0} sites participent",
        ),
    }
)

_OTHER: Final = {
    "Person": ("person", "la personne"),
    "federatedTraining": (
        "train a model where the data is (federated training)",
        "entraîner un modèle là où sont les données (apprentissage fédéré)",
    ),
}
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def phrase(key: str, lang: str, *terms: str) -> str:
    """Return a sentence in a language."""
    return PHRASES[key][LANGUAGES.index(lang)].format(*terms)


def label(group: str, term: str, lang: str) -> str:
    """Return the name of a term: of `actions`, `operands` or `purposes`.

    An IRI that is not a term of ours is returned as it is.
    """
    if term in _OTHER:
        return _OTHER[term][LANGUAGES.index(lang)]
    if lang == "fr":
        known = _french().get(group, {}).get(term)
        if known:
            return known
    return term if ":" in term else _WORD.sub(" ", term).lower()


@cache
def _french() -> Mapping[str, Mapping[str, str]]:
    data: dict[str, dict[str, str]] = json.loads(
        files("policies_odrl").joinpath("labels.json").read_text("utf-8")
    )
    return MappingProxyType({name: table for name, table in data.items() if name != "about"})

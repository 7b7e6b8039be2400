"""The sentences of the controlled language, in English and French: words only.

Each template is used both ways: `sentences.py` and `explain.py` fill the slots in braces, and
`hearing.py` and `from_sentences.py` read them back; the grammar that is printed is made from these
tables too. No two templates that may stand at one place begin alike and go on alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies_odrl.model import Connective, Operator, PolicyKind

LANGUAGES: Final = ("en", "fr")

Pair = tuple[str, str]  # English, French

KINDS: Final[Mapping[PolicyKind, Pair]] = MappingProxyType(
    {
        PolicyKind.SET: ("This is a set of rules.", "Ceci est un ensemble de règles."),
        PolicyKind.OFFER: (
            "This is an offer: it grants nothing until it is agreed.",
            "Ceci est une offre : elle n'accorde rien tant qu'elle n'est pas acceptée.",
        ),
        PolicyKind.AGREEMENT: (
            "This is an agreement: it binds the parties named in it.",
            "Ceci est un accord : il engage les parties qu'il nomme.",
        ),
        PolicyKind.REQUEST: (
            "This is a request for terms: it grants nothing until it is agreed.",
            "Ceci est une demande : elle n'accorde rien tant qu'elle n'est pas acceptée.",
        ),
        PolicyKind.ASSERTION: (
            "This is an assertion: one party states its own terms.",
            "Ceci est une déclaration : une partie énonce ses propres conditions.",
        ),
        PolicyKind.PRIVACY: (
            "This is a privacy policy: it says how personal data is handled.",
            (
                "Ceci est une politique de confidentialité : elle dit comment les données "
                "personnelles sont traitées."
            ),
        ),
        PolicyKind.TICKET: (
            "This is a ticket: whoever holds it may use it.",
            "Ceci est un billet : qui le détient peut s'en servir.",
        ),
    }
)

# Sentences about the whole policy that stand before its rules, in this order.
HEAD: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "id": ("Its identifier is {iri}.", "Son identifiant est {iri}."),
        "profile": (
            "It uses the terms of {profile}.",
            "Le vocabulaire est celui-ci : {profile}.",
        ),
        "inherits": (
            "It takes over every rule of {iri}.",
            "Toutes les règles de {iri} sont reprises ici.",
        ),
        "replaced": (
            "It no longer holds, as it was replaced by {iri}.",
            "Cela ne vaut plus, et est remplacé par {iri}.",
        ),
        "timestamp": ("It was concluded on {moment}.", "L'accord a été conclu le {moment}."),
        "metadata": ("About it, {property}: {value}.", "À son sujet, {property} : {value}."),
        "target": ("It is about {asset}.", "Cela porte sur {asset}."),
        "assigner": ("It is granted by {party}.", "C'est accordé par {party}."),
        "assignee": ("It holds for {party}.", "Cela vaut pour {party}."),
    }
)

# Sentences about what a policy adds to the rules that it takes over from others, in this order.
TAKEN_OVER: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "targets": (
            "Each rule that it takes over is about {asset}, besides what the rule names itself.",
            "Chaque règle reprise porte sur {asset}, en plus de ce qu'elle nomme elle-même.",
        ),
        "assigners": (
            "Each rule that it takes over is granted by {party}, besides whom the rule names.",
            "Chaque règle reprise est accordée par {party}, en plus de qui elle nomme.",
        ),
        "assignees": (
            "Each rule that it takes over holds for {party}, besides whom the rule names.",
            "Chaque règle reprise vaut pour {party}, en plus de qui elle nomme.",
        ),
        "actions": (
            "Each rule that it takes over is about this action as well: {action}.",
            "Chaque règle reprise porte aussi sur cette action : {action}.",
        ),
        "outputs": (
            "Each rule that it takes over produces {asset}, besides what the rule names itself.",
            "Chaque règle reprise produit {asset}, en plus de ce qu'elle nomme elle-même.",
        ),
        "functions": (
            "Each rule that it takes over has this part as well: {function}: {party}.",
            "Chaque règle reprise a aussi ce rôle : {function} : {party}.",
        ),
    }
)

# Sentences about the whole policy that stand after its rules, in this order.
CLOSE: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "unsaid": (
            (
                "Where something is both permitted and prohibited, the whole policy is void, "
                "because it does not say which of the two wins."
            ),
            (
                "Si une chose est à la fois permise et interdite, toute la politique est nulle, "
                "car elle ne dit pas laquelle des deux l'emporte."
            ),
        ),
        "perm": (
            "Where something is both permitted and prohibited, the permission wins.",
            "Si une chose est à la fois permise et interdite, la permission l'emporte.",
        ),
        "prohibit": (
            "Where something is both permitted and prohibited, the prohibition wins.",
            "Si une chose est à la fois permise et interdite, l'interdiction l'emporte.",
        ),
        "invalid": (
            "Where something is both permitted and prohibited, the whole policy is void.",
            "Si une chose est à la fois permise et interdite, toute la politique est nulle.",
        ),
        "zones": (
            "Dates and times without a time zone are read as UTC.",
            "Les dates et heures sans fuseau horaire se lisent en UTC.",
        ),
        "else": (
            "Whatever is not permitted here is refused.",
            "Tout ce qui n'est pas permis ici est refusé.",
        ),
    }
)

# Sentences that open a rule or a duty.
RULES: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "permission": ("It is permitted to {action}{id}.", "Il est permis {de_action}{id}."),
        "prohibition": ("It is prohibited to {action}{id}.", "Il est interdit {de_action}{id}."),
        "obligation": ("It is mandatory to {action}{id}.", "Il est obligatoire {de_action}{id}."),
        "duty": ("In return, one must {action}{id}.", "En contrepartie, il faut {action}{id}."),
        "remedy": ("Whoever did so must {action}{id}.", "Qui l'a fait doit {action}{id}."),
        "consequence": (
            "If that is not done, one must also {action}{id}.",
            "Si cela n'est pas fait, il faut aussi {action}{id}.",
        ),
    }
)

# Sentences below a rule, in this order.
PARTS: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "refined": ("More precisely: {condition}", "Plus précisément : {condition}"),
        "target": HEAD["target"],
        "assigner": HEAD["assigner"],
        "assignee": HEAD["assignee"],
        "only-if": ("Condition: {condition}", "Condition : {condition}"),
        "unread": ("Not understood: {condition}", "Non compris : {condition}"),
        "output": ("It produces {asset}.", "Cela produit {asset}."),
        "function": ("{function}: {party}.", "{function} : {party}."),
    }
)

# Sentences below a party or an asset, and below a condition.
CHOSEN: Final[Pair] = ("Only where: {condition}", "Seulement si : {condition}")
NOTES: Final[Mapping[str, Pair]] = MappingProxyType(
    {
        "note": ("Note, {property}: {value}.", "Remarque, {property} : {value}."),
        "action-note": (
            "Note on the action, {property}: {value}.",
            "Remarque sur l'action, {property} : {value}.",
        ),
        "action-node": (
            "The action stands in the data as {iri}.",
            "L'action figure dans les données comme {iri}.",
        ),
        "datatype": ("The value is meant as {datatype}.", "La valeur s'entend comme {datatype}."),
        "status": ("Reached so far: {value}.", "Atteint jusqu'ici : {value}."),
    }
)

CONNECTIVES: Final[Mapping[Connective, Pair]] = MappingProxyType(
    {
        Connective.AND: ("all of these hold{id}:", "tout ceci est vrai{id} :"),
        Connective.OR: (
            "at least one of these holds{id}:",
            "au moins une de ces conditions est remplie{id} :",
        ),
        Connective.XONE: (
            "exactly one of these holds{id}:",
            "une seule de ces conditions est remplie{id} :",
        ),
        Connective.AND_SEQUENCE: (
            "these hold one after the other{id}:",
            "ces conditions sont remplies l'une après l'autre{id} :",
        ),
    }
)

# What `{id}` and the like turn into.
NAMED_RULE: Final[Pair] = (" (rule {iri})", " (règle {iri})")
NAMED_CONDITION: Final[Pair] = (" (condition {iri})", " (condition {iri})")
PERFORM: Final[Pair] = ("perform {iri}", "accomplir {iri}")
OPERAND: Final[Pair] = ("the {name}", "{name}")
STRANGE_OPERAND: Final[Pair] = ("the value of {iri}", "la valeur de {iri}")
STRANGE_FUNCTION: Final[Pair] = ("In the part of {iri}", "Dans le rôle de {iri}")
STRANGE_UNIT: Final[Pair] = (" (unit {iri})", " (unité {iri})")
REFERRED: Final[Pair] = ("what stands at {iri}", "ce que dit {iri}")
NOTHING: Final[Pair] = ("nothing", "rien")
QUOTED: Final[Pair] = ("“{name}”", "« {name} »")
# Between the last two values: of a list to choose from, of one that all belong to, otherwise.
LISTING: Final[Pair] = (" or ", " et ")
OR: Final[Pair] = (" or ", " ou ")
AND: Final[Pair] = (" and ", " et ")
LANGUAGE: Final[Pair] = ("language {tag}", "langue {tag}")

# (party, asset): (it has an identifier, it is a collection, it has a source) -> template
PARTIES: Final[Mapping[tuple[bool, bool, bool], Pair]] = MappingProxyType(
    {
        (True, False, False): ("{iri}", "{iri}"),
        (True, True, False): ("the members of {iri}", "les membres de {iri}"),
        (True, False, True): ("{iri}, taken from {source}", "{iri}, à prendre dans {source}"),
        (True, True, True): (
            "the members of {iri}, taken from {source}",
            "les membres de {iri}, à prendre dans {source}",
        ),
        (False, False, True): ("those taken from {source}", "ceux que l'on prend dans {source}"),
        (False, True, True): (
            "the group taken from {source}",
            "le groupe que l'on prend dans {source}",
        ),
        (False, False, False): ("somebody not named", "quelqu'un qui n'est pas nommé"),
        (False, True, False): ("a group not named", "un groupe qui n'est pas nommé"),
    }
)
ASSETS: Final[Mapping[tuple[bool, bool, bool], Pair]] = MappingProxyType(
    {
        (True, False, False): ("{iri}", "{iri}"),
        (True, True, False): ("everything in {iri}", "tout ce que contient {iri}"),
        (True, False, True): ("{iri}, taken from {source}", "{iri}, à prendre dans {source}"),
        (True, True, True): (
            "everything in {iri}, taken from {source}",
            "tout ce que contient {iri}, à prendre dans {source}",
        ),
        (False, False, True): ("what is taken from {source}", "ce que l'on prend dans {source}"),
        (False, True, True): (
            "the collection taken from {source}",
            "la collection que l'on prend dans {source}",
        ),
        (False, False, False): ("something not named", "une chose qui n'est pas nommée"),
        (False, True, False): ("a collection not named", "une collection qui n'est pas nommée"),
    }
)

NARROWER: Final[Pair] = (", narrower ones included", ", cas particuliers compris")

# operator -> what is said of a left operand, with one value and with several
OPERATORS: Final[Mapping[Operator, tuple[Pair, Pair]]] = MappingProxyType(
    {
        operator: (one, several or one)
        for operator, one, several in (
            (Operator.EQ, ("is exactly {values}", "est exactement {values}"), None),
            (Operator.NEQ, ("is not {values}", "n'est pas {values}"), None),
            (Operator.GT, ("is more than {values}", "dépasse {values}"), None),
            (Operator.GTEQ, ("is at least {values}", "vaut au moins {values}"), None),
            (Operator.LT, ("is less than {values}", "reste en dessous de {values}"), None),
            (Operator.LTEQ, ("is at most {values}", "vaut au plus {values}"), None),
            (Operator.IS_A, ("falls under {values}", "relève de {values}"), None),
            (Operator.HAS_PART, ("contains {values}", "contient {values}"), None),
            (Operator.IS_PART_OF, ("is part of {values}", "fait partie de {values}"), None),
            (Operator.IS_ALL_OF, ("covers all of {values}", "couvre à la fois {values}"), None),
            (
                Operator.IS_ANY_OF,
                ("is {values}", "est {values}"),
                ("is one of {values}", "figure parmi {values}"),
            ),
            (
                Operator.IS_NONE_OF,
                ("is stated and is not {values}", "est à indiquer et n'est pas {values}"),
                (
                    "is stated and is none of {values}",
                    "est à indiquer et ne figure pas parmi {values}",
                ),
            ),
        )
    }
)

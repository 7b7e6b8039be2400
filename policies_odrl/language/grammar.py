"""The grammar of the controlled language, printed from its tables of sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies_odrl.language import phrases
from policies_odrl.language.conditions import every_form
from policies_odrl.language.labels import names
from policies_odrl.language.phrases import parts, table

_FRAME: Final = (
    "text = sentence, { sentence }, { entry } ;",
    'sentence = number, ". ", ( kind | statement | rule | part | note ) ;',
    'number = ( letters | digits ), { ".", digits | "(", letters, ")" } ;',
    'entry = "[", digits, "] ", ( IRI | JSON string ) ;',
    'iri = [ name, " " ], "[", digits, "]" ;',
    "deed = action, [ party of the action | asset | object ], [ deadline ] ;",
)
# Rule of the grammar -> tables whose rows are its choices.
_TABLES: Final = {
    "kind": ("kinds",),
    "statement": ("head", "taken-over", "close"),
    "rule": ("rules",),
    "part": ("parts",),
    "note": ("notes",),
    "deadline": ("deadlines",),
    "object": ("objects",),
    "party of the action": ("towards",),
    "party": ("parties",),
    "asset": ("assets",),
}
_NAMES: Final = {
    "action name": "actions",
    "operand name": "operands",
    "function name": "functions",
    "property name": "properties",
    "profile name": "profiles",
    "datatype name": "datatypes",
    "unit name": "units",
}
_SLOTS: Final = {"and": "values", "or": "values", "listing": "values", "number": "value"}


def grammar(lang: str) -> str:
    """Return the grammar of the sentences of a language, in the notation of ISO 14977 (EBNF).

    Raises:
        ValueError: a language that there are no sentences in.

    >>> print(grammar("en").splitlines()[0])
    text = sentence, { sentence }, { entry } ;
    """
    at = phrases.index(lang)
    words = {name: pair[at] for name, pair in table("words").items()}
    rules = [
        f"{name} = {_choice(pair[at] for kind in kinds for pair in table(kind).values())} ;"
        for name, kinds in _TABLES.items()
    ]
    openings = (pair[at] for pair in table("connectives").values())
    rules.append(f"condition = {_choice((*every_form(lang), *openings))} ;")
    rules.append(f"action = {_choice(('{action_name}', words['perform']))} ;")
    operand = words["operand"].replace("name", "operand_name")
    rules.append(f"operand = {_choice((operand, words['strange-operand']))} ;")
    for name, group in _NAMES.items():
        listed = "\n  | ".join(f'"{label}"' for label in sorted(names(group, lang)))
        rules.append(f"{name} = {listed} ;")
    return "\n".join((*_FRAME, *rules, *_values(words))) + "\n"


def _choice(templates: Iterable[str]) -> str:
    return "\n  | ".join(_terms(item) for item in dict.fromkeys(templates) if item != "{condition}")


def _terms(template: str) -> str:
    found = []
    for before, slot in parts(template):
        if before:
            found.append(f'"{before}"')
        if slot:
            found.append(_SLOTS.get(slot, slot).replace("_", " "))
    return ", ".join(found)


def _values(words: dict[str, str]) -> tuple[str, str]:
    opening, _, closing = words["quoted"].partition("{name}")
    last = f'"{words["or"]}" | "{words["and"]}"'
    return (
        f'values = value, [ {{ ", ", value }}, ( {last} ), value ] | "{words["nothing"]}" ;',
        (
            f'value = number | moment | duration | iri | "{opening}", name, "{closing}" '
            '| JSON string, [ " (", datatype, ")" ] ;'
        ),
    )

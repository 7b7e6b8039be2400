"""The grammar of the controlled language, printed from its tables of sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies_odrl.language.conditions import every_form
from policies_odrl.language.phrases import index, names, parts, table
from policies_odrl.language.voice import OPTIONAL, TERMS

_FRAME: Final = (
    "text = sentence, { sentence }, { entry } ;",
    'sentence = number, ". ", ( kinds | head | taken over | close | rules | parts | notes ) ;',
    'number = ( letters | digits ), { ".", digits | "(", letters, ")" } ;',
    'entry = "[", digits, "] ", ( IRI | JSON string ) ;',
    'iri = [ name, " " ], "[", digits, "]" ;',
    'deed = action, [ towards | objects | " ", asset ], [ deadlines ] ;',
    "value = number | moment | duration | concept | literals ;",
)
_TABLES: Final = (
    *("kinds", "head", "taken-over", "close", "rules", "parts", "notes", "connectives"),
    *("deadlines", "objects", "towards", "parties", "assets", "literals"),
)
# Slot -> rule that says what it holds, where that has another name.
_RULES: Final = {
    **dict.fromkeys(("and", "or", "listing"), "values"),
    "party": "parties",
    "asset": "assets",
    "number": "value",
    "source": "iri",
    "text": "JSON string",
}


def grammar(lang: str) -> str:
    """Return the grammar of the sentences of a language, in the notation of ISO 14977 (EBNF).

    Raises:
        ValueError: a language that there are no sentences in.

    >>> print(grammar("en").splitlines()[0])
    text = sentence, { sentence }, { entry } ;
    """
    at = index(lang)
    words = {name: pair[at] for name, pair in table("words").items()}
    rules = [_rule(name, (pair[at] for pair in table(name).values())) for name in _TABLES]
    rules.append(_rule("condition", (*every_form(lang), "{connectives}")))
    rules.append(_rule("narrower", (words["narrower"],)))
    for slot, (group, known, strange) in TERMS.items():
        named = [words[known].replace("{name}", f"{{{group}}}")] if known else []
        rules.append(_rule(slot, (*named, words[strange])))
    groups = {group for group, _, _ in TERMS.values()} - {"", "values"}
    rules += [_rule(group, sorted(names(group, lang).terms)) for group in sorted(groups)]
    last = f'"{words["or"]}" | "{words["and"]}"'
    values = f'value, {{ ", ", value }}, [ ( {last} ), value ] | "{words["nothing"]}"'
    return "\n".join((*_FRAME, *rules, f"values = {values} ;")) + "\n"


def _rule(name: str, templates: Iterable[str]) -> str:
    choices = dict.fromkeys(_terms(item) for item in templates)
    return f"{name.replace('-', ' ')} = " + "\n  | ".join(choices) + " ;"


def _terms(template: str) -> str:
    found = []
    for before, slot in parts(template):
        found += [f'"{before}"'] if before else []
        rule = _RULES.get(slot, slot).replace("_", " ")
        found += [f"[ {rule} ]" if slot in OPTIONAL else rule] if slot else []
    return ", ".join(found)

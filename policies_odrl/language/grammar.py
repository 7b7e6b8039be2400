"""The grammar of the controlled language, printed, and the form nearest to a sentence.

Made from the same tables as the sentences themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Final

from policies_odrl.errors import NotUnderstood
from policies_odrl.language import phrases
from policies_odrl.language.labels import labelled, names
from policies_odrl.language.outline import cut
from policies_odrl.language.phrases import LANGUAGES, Pair
from policies_odrl.language.sentences import narrower
from policies_odrl.language.slots import parts, shown
from policies_odrl.language.special import SINGULAR, SPECIAL
from policies_odrl.model import Constraint

_COMPARED: Final = 240  # characters of a sentence that are compared with the forms


def grammar(lang: str) -> str:
    """Return the grammar of the sentences of a language, in the notation of ISO 14977 (EBNF).

    Raises:
        ValueError: a language that there are no sentences in.

    >>> print(grammar("en").splitlines()[0])
    text = sentence, { sentence }, { entry } ;
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no sentences in `{lang}`")
    rules = [*_FRAME, *(f"{name} = {_choice(pairs, lang)} ;" for name, pairs in _tables())]
    groups = ("actions", "operands", "functions", "properties", "profiles", "datatypes", "units")
    for group in groups:
        listed = "\n  | ".join(f'"{name}"' for name in sorted(names(group, lang)))
        rules.append(f"{_SINGULAR[group]} = {listed} ;")
    rules.append(_values(lang))
    return "\n".join(rules) + "\n"


# What stands in a slot, roughly: a quoted name, a mention, a number.
_VALUE: Final = re.compile(r"“[^”]*”|« [^»]* »|\"[^\"]*\"|(?:[\w.\-]{1,40} )?\[\d{1,6}\]|\d[\d.,]*")
_FRAME: Final = (
    "text = sentence, { sentence }, { entry } ;",
    'sentence = number, ". ", ( kind | statement | rule | part | chosen | note | condition ) ;',
    'number = ( letters | digits ), { ".", digits | "(", letters, ")" } ;',
    'entry = "[", digits, "] ", ( IRI | JSON string ) ;',
    'iri = [ name, " " ], "[", digits, "]" ;',
)
_SINGULAR: Final[Mapping[str, str]] = {
    "actions": "action name",
    "operands": "operand name",
    "functions": "function name",
    "properties": "property name",
    "profiles": "profile name",
    "datatypes": "datatype name",
    "units": "unit name",
}


def _tables() -> Iterator[tuple[str, Iterable[Pair]]]:
    yield "kind", phrases.KINDS.values()
    statements = (phrases.HEAD, phrases.TAKEN_OVER, phrases.CLOSE)
    yield "statement", [pair for table in statements for pair in table.values()]
    yield "rule", phrases.RULES.values()
    yield "part", phrases.PARTS.values()
    yield "chosen", (phrases.CHOSEN,)
    yield "note", phrases.NOTES.values()
    yield "condition", (*_leaf_forms(), *phrases.CONNECTIVES.values())
    yield "party", phrases.PARTIES.values()
    yield "asset", phrases.ASSETS.values()
    yield "action", (("{action name}", "{action name}"), phrases.PERFORM)
    yield "operand", (("the {operand name}", "{operand name}"), phrases.STRANGE_OPERAND)


def _leaf_forms() -> Iterator[Pair]:
    for pair in dict.fromkeys((*SPECIAL.values(), *SINGULAR.values())):
        yield (pair[0] + "{id}.", pair[1] + "{id}.")
    for pair in dict.fromkeys(pair for pairs in phrases.OPERATORS.values() for pair in pairs):
        yield (
            "{operand} " + pair[0] + "{narrower}{id}.",
            "{operand} " + pair[1] + "{narrower}{id}.",
        )


def _choice(pairs: Iterable[Pair], lang: str) -> str:
    index = LANGUAGES.index(lang)
    return "\n  | ".join(_terms(pair[index]) for pair in pairs)


def _terms(template: str) -> str:
    found = []
    for before, slot in parts(template):
        if before:
            found.append(f'"{before}"')
        if slot:
            found.append(slot.replace("_", " "))
    return ", ".join(found)


def _values(lang: str) -> str:
    index = LANGUAGES.index(lang)
    opening, _, closing = phrases.QUOTED[index].partition("{name}")
    last = " | ".join(f'"{pair[index]}"' for pair in (phrases.OR, phrases.AND))
    return "\n".join(
        (
            (
                f'values = ( value, [ {{ ", ", value }}, ( {last} ), value ] '
                f'| "{phrases.NOTHING[index]}" ), [ unit ] ;'
            ),
            (
                f'value = number | moment | duration | iri | "{opening}", name, "{closing}" '
                '| JSON string, [ " (", datatype, ")" ] ;'
            ),
        )
    )


def condition_forms(text: str, lang: str) -> tuple[str, ...]:
    """Return the forms that a condition may have, as templates; of its operand, if it names one."""
    index = LANGUAGES.index(lang)
    for name in names("operands", lang):
        operand = phrases.OPERAND[index].format(name=name)
        if text.startswith(f"{operand} "):
            return tuple(_forms_of(labelled("operands", name, lang), operand, index))
    return tuple(pair[index] for pair in (*_leaf_forms(), *phrases.CONNECTIVES.values()))


def _forms_of(left: str, operand: str, index: int) -> Iterator[str]:
    for operator, pairs in phrases.OPERATORS.items():
        wide = narrower(Constraint(left, operator, ()))
        for pair in dict.fromkeys(pairs):
            yield f"{operand} {pair[index]}{phrases.NARROWER[index] if wide else ''}{{id}}."


def nearest(number: str, text: str, forms: Sequence[str], lang: str) -> NotUnderstood:
    """Return the mistake that names a sentence and the form nearest to it."""
    compared = _VALUE.sub("…", text[:_COMPARED])
    ratios = ((SequenceMatcher(None, shown(form), compared).ratio(), form) for form in forms)
    best = max(ratios, key=lambda pair: pair[0])[1]
    reason = f"sentence {number} is not understood: `{cut(text)}`; nearest form: `{shown(best)}`"
    return NotUnderstood(reason + (_unknown_action(text, best, lang) or _unknown_name(text, lang)))


def _unknown_action(text: str, form: str, lang: str) -> str:
    before, slot = parts(form)[0]
    if slot not in {"action", "de_action"} or not text.startswith(before):
        return ""
    verb = text.removeprefix(before).removesuffix(".")[:_COMPARED]
    verb = verb.removeprefix("de ").removeprefix("d'") if slot == "de_action" else verb
    if labelled("actions", verb, lang):
        return ""
    close = get_close_matches(verb, names("actions", lang), 1, 0.0)
    return f"; no action is called `{cut(verb)}`, the nearest is `{close[0]}`"


def _unknown_name(text: str, lang: str) -> str:
    opening, _, closing = phrases.QUOTED[LANGUAGES.index(lang)].partition("{name}")
    for name in re.findall(f"{opening}(.*?){closing}", text[:_COMPARED]):
        if not labelled("values", name, lang):
            close = get_close_matches(name, names("values", lang), 1, 0.0)
            return f"; no term is called `{cut(name)}`, the nearest is `{close[0]}`"
    return ""

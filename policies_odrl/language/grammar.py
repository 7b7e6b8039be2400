"""The grammar of the controlled language, printed from its tables of sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from policies_odrl.language import phrases
from policies_odrl.language.conditions import conditions, operator_form
from policies_odrl.language.labels import names
from policies_odrl.language.phrases import Pair, parts, table
from policies_odrl.model import Operator


def grammar(lang: str) -> str:
    """Return the grammar of the sentences of a language, in the notation of ISO 14977 (EBNF).

    Raises:
        ValueError: a language that there are no sentences in.

    >>> print(grammar("en").splitlines()[0])
    text = sentence, { sentence }, { entry } ;
    """
    index = phrases.index(lang)
    rules = [*_FRAME, *(f"{name} = {_choice(pairs, index)} ;" for name, pairs in _tables())]
    for group, singular in _SINGULAR.items():
        listed = "\n  | ".join(f'"{name}"' for name in sorted(names(group, lang)))
        rules.append(f"{singular} = {listed} ;")
    return "\n".join((*rules, *_values(index))) + "\n"


_FRAME: Final = (
    "text = sentence, { sentence }, { entry } ;",
    'sentence = number, ". ", ( kind | statement | rule | part | note ) ;',
    'number = ( letters | digits ), { ".", digits | "(", letters, ")" } ;',
    'entry = "[", digits, "] ", ( IRI | JSON string ) ;',
    'iri = [ name, " " ], "[", digits, "]" ;',
    "deed = action, [ party of the action | asset | object ], [ deadline ] ;",
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
    yield "kind", table("kinds").values()
    yield "statement", [pair for it in ("head", "taken-over", "close") for pair in _rows(it)]
    yield "rule", _rows("rules")
    yield "part", [pair for pair in _rows("parts") if pair != table("parts")["bare"]]
    yield "note", _rows("notes")
    yield "condition", (*_ended(), *_rows("connectives"))
    yield "deadline", _rows("deadlines")
    yield "object", dict.fromkeys(_rows("objects"))
    yield "party of the action", dict.fromkeys(_rows("towards"))
    yield "party", _rows("parties")
    yield "asset", _rows("assets")
    yield "action", (("{action name}", "{action name}"), table("words")["perform"])
    yield "operand", (("the {operand name}", "{operand name}"), table("words")["strange-operand"])


def _rows(name: str) -> Iterable[Pair]:
    return table(name).values()


def _ended() -> Iterator[Pair]:
    for english, french in condition_rows():
        yield (f"{english}{{named}}.", f"{french}{{named}}.")


def condition_rows() -> Iterator[Pair]:
    """Yield the forms of a condition, without what ends it."""
    yield from dict.fromkeys(conditions().values())
    forms = (operator_form(item, several=several) for item in Operator for several in (False, True))
    for english, french in dict.fromkeys(forms):
        yield (f"{{operand}} {english}{{narrower}}", f"{{operand}} {french}{{narrower}}")


def _choice(pairs: Iterable[Pair], index: int) -> str:
    return "\n  | ".join(_terms(pair[index]) for pair in pairs)


def _terms(template: str) -> str:
    found = []
    for before, slot in parts(template):
        if before:
            found.append(f'"{before}"')
        if slot:
            found.append(slot.replace("_", " "))
    return ", ".join(found)


def _values(index: int) -> tuple[str, str]:
    words = table("words")
    opening, _, closing = words["quoted"][index].partition("{name}")
    last = " | ".join(f'"{words[name][index]}"' for name in ("or", "and"))
    nothing = words["nothing"][index]
    return (
        f'values = ( value, [ {{ ", ", value }}, ( {last} ), value ] | "{nothing}" ), [ unit ] ;',
        (
            f'value = number | moment | duration | iri | "{opening}", name, "{closing}" '
            '| JSON string, [ " (", datatype, ")" ] ;'
        ),
    )

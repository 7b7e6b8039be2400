"""A policy as a form to fill in, and back.

Rules: each party, asset, action and value of a condition that text can hold is a field, in the
order of the sentences and with their numbers; the rest (which rules there are, how conditions are
joined, identifiers) is the form's skeleton and stays as it is. What is filled in is read strictly:
a field that is missing, unknown or holds another kind of value is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from policies_odrl import concepts
from policies_odrl.errors import IllFormed
from policies_odrl.language.explain import numbered
from policies_odrl.language.form import Choice, Field, FieldKind
from policies_odrl.language.labels import word
from policies_odrl.language.rewrite import besides, rewritten
from policies_odrl.language.spelled import spelled
from policies_odrl.model import (
    ODRL,
    XSD,
    Common,
    Conflict,
    Constraint,
    Iri,
    Literal,
    Operator,
    Policy,
    Value,
)
from policies_odrl.values import scalar
from policies_odrl.vocabulary import DPV, INCLUDED_IN, LEVELS, OPERANDS, Kind, purposes

CONFLICT: Final = "/odrl:conflict"

_KINDS: Final[Mapping[Kind, FieldKind]] = {
    Kind.NUMBER: FieldKind.NUMBER,
    Kind.COUNT: FieldKind.COUNT,
    Kind.INSTANT: FieldKind.DATE,
    Kind.DURATION: FieldKind.DURATION,
}
_STRATEGIES: Final = (
    Choice("perm", "la permission l'emporte", "the permission wins"),
    Choice("prohibit", "l'interdiction l'emporte", "the prohibition wins"),
    Choice("invalid", "toute la politique est nulle", "the whole policy is void"),
)


@dataclass(frozen=True, slots=True)
class Form:
    """A policy to fill in.

    Attributes:
        fields: in the order of the sentences.
        values: name of a field -> what stands in it; several values one a line.
        skeleton: the policy without what the fields hold.
    """

    fields: tuple[Field, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    skeleton: Policy | None = None

    def filled(self, name: str, value: str) -> Form:
        """Return the form with one field filled in anew."""
        return replace(self, values={**self.values, name: value})


def form_of(policy: Policy) -> Form:
    """Return the policy as a form, filled in.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> read = Permission(action=Action("http://www.w3.org/ns/odrl/2/read"))
    >>> form = form_of(Policy(kind=PolicyKind.SET, permissions=(read,)))
    >>> [(item.name, item.label("fr")) for item in form.fields][0]
    ('/permission/0/action', "1 : l'action")
    """
    whole = spelled(policy)
    maker = _Maker(whole)
    skeleton = rewritten(whole, maker.constraint, maker.name)
    if whole.conflict is not None or (whole.permissions and whole.prohibitions):
        maker.conflict(whole.conflict)
    fields = tuple(item for _, item in sorted(maker.fields.items()))
    return Form(fields, maker.values, replace(skeleton, conflict=None))


def from_form(form: Form) -> Policy:
    """Return the policy that a form makes.

    Raises:
        IllFormed: a field is missing, is not of the form, or holds what it does not take.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> read = Permission(action=Action("http://www.w3.org/ns/odrl/2/read"))
    >>> form = form_of(Policy(kind=PolicyKind.SET, permissions=(read,)))
    >>> changed = form.filled("/permission/0/action", "http://www.w3.org/ns/odrl/2/print")
    >>> from_form(changed).permissions[0].action.id
    'http://www.w3.org/ns/odrl/2/print'
    """
    if form.skeleton is None:
        raise IllFormed("a form without its skeleton makes no policy")
    fields = {item.name: item for item in form.fields}
    strange = sorted(set(form.values) - set(fields))
    if strange:
        raise IllFormed("no such field", node=strange[0])
    lines = {name: _lines(item, form.values.get(name, "")) for name, item in fields.items()}

    def constraint(path: str, item: Constraint) -> Constraint:
        if path not in fields:
            return item
        kind = _operand_kind(item)
        read = (_value(fields[path], kind, line) for line in lines[path])
        return replace(item, right=tuple(value for value in read if value is not None))

    def name(path: str, iri: str) -> str:
        return lines[path][0] if path in fields else iri

    stated = lines.get(CONFLICT, [])
    conflict = Conflict(stated[0]) if stated else None
    return replace(rewritten(form.skeleton, constraint, name), conflict=conflict)


def _lines(item: Field, text: str) -> list[str]:
    several = item.kind in {FieldKind.CHOICES, FieldKind.LINES}
    lines = text.split("\n") if several else [text]
    found = [line for line in lines if line]
    if item.required and not found:
        raise IllFormed("this must be filled in", node=item.name)
    allowed = {choice.value for choice in item.choices}
    for line in found:
        if (allowed and line not in allowed) or _value(item, Kind.IDENTITY, line) is None:
            raise IllFormed(f"`{line[:80]}` is not what this takes", node=item.name)
    return found


def _value(item: Field, kind: Kind, line: str) -> Value | None:
    """Return what a line of a field says; None when it is not of the field's kind."""
    read = _READERS.get(item.kind)
    if read is not None:
        return read(line)
    if kind in _KINDS:
        return _READERS[_KINDS[kind]](line)
    return _iri(line) or Literal(line)


def _iri(line: str) -> Value | None:
    return Iri(line) if _ABSOLUTE.fullmatch(line) else None


def _literal(kind: Kind, *datatypes: str) -> Callable[[str], Value | None]:
    def read(line: str) -> Value | None:
        for datatype in datatypes:
            value = Literal(line, XSD + datatype)
            if scalar(kind, value) is not None and line == line.strip():
                return value
        return None

    return read


def _count(line: str) -> Value | None:
    return Literal(line, XSD + "decimal") if _WHOLE.fullmatch(line) else None


def _text(line: str) -> Value | None:
    return Literal(line) if "\n" not in line and not _ABSOLUTE.fullmatch(line) else None


_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_WHOLE: Final = re.compile(r"0|[1-9]\d{0,14}", re.ASCII)
_READERS: Final[Mapping[FieldKind, Callable[[str], Value | None]]] = {
    FieldKind.NUMBER: _literal(Kind.NUMBER, "decimal"),
    FieldKind.COUNT: _count,
    FieldKind.DATE: _literal(Kind.INSTANT, "date", "dateTime"),
    FieldKind.DURATION: _literal(Kind.DURATION, "duration"),
    FieldKind.IRI: _iri,
    FieldKind.TEXT: _text,
    FieldKind.CHOICE: Iri,
    FieldKind.CHOICES: Iri,
}


def _operand_kind(item: Constraint) -> Kind:
    operand = OPERANDS.get(item.left)
    return operand.kind if operand else Kind.IDENTITY


class _Maker:
    """Takes the fields out of a policy."""

    __slots__ = ("_places", "_said", "_seen", "_shared", "fields", "values")

    def __init__(self, policy: Policy) -> None:
        english, french = numbered(policy, "en"), numbered(policy, "fr")
        self._places = {line.path: (at, line.number) for at, line in enumerate(english)}
        self._said = {
            line.path: (line.text, other.text) for line, other in zip(english, french, strict=True)
        }
        self._seen = Counter(line.path for line in english)
        # A rule that is changed here would keep what its policy states for all rules as well.
        self._shared = bool(policy.inherits) and besides(policy) != Common()
        self.fields: dict[tuple[int, str], Field] = {}
        self.values: dict[str, str] = {}

    def constraint(self, path: str, item: Constraint) -> Constraint:
        if path not in self._places or (self._shared and "/constraint/" not in path):
            return item  # what no sentence says is in the rules, which say it
        kind = _operand_kind(item)
        text = "\n".join(v.value if isinstance(v, Iri) else v.lexical for v in item.right)
        made = next(
            (
                made
                for made in _candidates(path, item, kind)
                if _back(made, kind, text) == item.right
            ),
            None,
        )
        if made is None or not item.right:
            return item
        names = (word(item.left, "en", "operands"), word(item.left, "fr", "operands"))
        self._add(made, path, names, text)
        return replace(item, right=())

    def name(self, path: str, iri: str) -> str:
        if self._shared:
            return iri
        action = path.endswith("/action")
        line = path.removesuffix("/action")
        if not iri or self._seen[line] != 1 or not (_ABSOLUTE.fullmatch(iri)):
            return iri
        if action and iri in INCLUDED_IN:
            made = Field(path, "", "", FieldKind.CHOICE, _choices("actions", INCLUDED_IN))
        else:
            made = Field(path, "", "", FieldKind.IRI)
        role = "action" if action else path.rpartition("/")[2].removeprefix("odrl:")
        self._add(made, line, _ROLES.get(role, (role, role)), iri)
        return ""

    def conflict(self, strategy: Conflict | None) -> None:
        made = Field(CONFLICT, "", "", FieldKind.CHOICE, _STRATEGIES, required=False)
        self._add(made, CONFLICT, _ROLES["conflict"], strategy.value if strategy else "")

    def _add(self, made: Field, line: str, names: tuple[str, str], text: str) -> None:
        place, number = self._places[line]
        english, french = self._said[line]
        self.fields[place, made.name] = replace(
            made,
            label_en=f"{number}: {names[0]}",
            label_fr=f"{number} : {names[1]}",
            default=text,
            help_en=english,
            help_fr=french,
        )
        self.values[made.name] = text


_ROLES: Final[Mapping[str, tuple[str, str]]] = {
    "action": ("action", "l'action"),
    "target": ("what it is about", "ce dont il s'agit"),
    "assigner": ("who grants it", "qui l'accorde"),
    "assignee": ("whom it holds for", "pour qui cela vaut"),
    "output": ("what it produces", "ce que cela produit"),
    "conflict": ("when permitted and prohibited at once", "si permis et interdit à la fois"),
}


def _candidates(path: str, item: Constraint, kind: Kind) -> Iterator[Field]:
    choices = _of_operand(item.left, kind)
    if len(item.right) > 1:
        if choices:
            yield Field(path, "", "", FieldKind.CHOICES, choices, unit=item.unit)
        yield Field(path, "", "", FieldKind.LINES, unit=item.unit)
        return
    if choices:
        several = item.operator in {Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF}
        yield Field(path, "", "", FieldKind.CHOICES if several else FieldKind.CHOICE, choices)
    if kind in _KINDS:
        yield Field(path, "", "", _KINDS[kind], unit=item.unit)
        yield Field(path, "", "", FieldKind.NUMBER, unit=item.unit)
        return
    yield Field(path, "", "", FieldKind.IRI)
    yield Field(path, "", "", FieldKind.TEXT)


def _back(made: Field, kind: Kind, text: str) -> tuple[Value | None, ...] | None:
    try:
        return tuple(_value(made, kind, line) for line in _lines(made, text))
    except IllFormed:
        return None


def _of_operand(left: str, kind: Kind) -> tuple[Choice, ...]:
    if kind is Kind.LEVEL:
        return _choices("values", LEVELS.get(left, ()))
    name = left.removeprefix(DPV)
    if left == ODRL + "purpose":
        return _choices("values", purposes())
    if name == "hasLegalBasis":
        return _choices("values", concepts.legal_bases())
    return _choices("values", concepts.measures()) if name in _MEASURES else ()


_MEASURES: Final = frozenset(
    {"hasTechnicalOrganisationalMeasure", "hasTechnicalMeasure", "hasOrganisationalMeasure"}
)


def _choices(group: str, terms: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(term, word(term, "fr", group), word(term, "en", group)) for term in terms)

"""An ODRL 2.2 policy as frozen values, named as in the ODRL Information Model 2.2.

Compact policies are already expanded, except that target, assigner and assignee of the whole policy
stay on the policy, where the Dataspace Protocol puts them, and hold for each rule that names none
itself. Order is kept as read, and means nothing but in `andSequence`. IRIs are absolute; an empty
one is a blank node or states nothing. Descriptions (`notes`) have no part in equality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import is_
from typing import Any, Final, TypeVar

from policies_odrl.frozen import frozen

ODRL: Final = "http://www.w3.org/ns/odrl/2/"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDF_JSON: Final = RDF + "JSON"  # what is kept as it was
RDF_TYPE: Final = RDF + "type"
RDF_VALUE: Final = RDF + "value"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
XSD_STRING: Final = XSD + "string"

_T = TypeVar("_T")
_Part = TypeVar("_Part")


class PolicyKind(StrEnum):
    """Policy classes (IM 2.1; Assertion, Privacy, Request and Ticket are in the Vocabulary)."""

    SET = "Set"
    OFFER = "Offer"
    AGREEMENT = "Agreement"
    REQUEST = "Request"
    ASSERTION = "Assertion"
    PRIVACY = "Privacy"
    TICKET = "Ticket"


class Operator(StrEnum):
    """The twelve constraint operators (Vocabulary, Constraint Operators)."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTEQ = "gteq"
    LT = "lt"
    LTEQ = "lteq"
    IS_A = "isA"
    HAS_PART = "hasPart"
    IS_PART_OF = "isPartOf"
    IS_ALL_OF = "isAllOf"
    IS_ANY_OF = "isAnyOf"
    IS_NONE_OF = "isNoneOf"

    __hash__ = str.__hash__  # that of an enumeration is by name, and slower


class Connective(StrEnum):
    """Operands of a logical constraint (IM 2.5.2)."""

    AND = "and"
    OR = "or"
    XONE = "xone"
    AND_SEQUENCE = "andSequence"


class Conflict(StrEnum):
    """Conflict strategies (IM 2.10). The default is `invalid`: the whole policy is void."""

    PERM = "perm"
    PROHIBIT = "prohibit"
    INVALID = "invalid"


@frozen
class Iri:
    """A value that names something."""

    value: str


@frozen
class Literal:
    """A typed value, lexical form kept as read; a language tag (BCP 47) only with strings."""

    lexical: str
    datatype: str = XSD_STRING
    language: str = ""


Value = Iri | Literal

# (property IRI, value) of labels and descriptions; `rdf:type` for classes of other vocabularies.
Notes = tuple[tuple[str, Value], ...]


@frozen
class Constraint:
    """`left operator right` (IM 2.5.1)."""

    left: str
    operator: Operator
    right: tuple[Value, ...]  # more than one only with set operators
    unit: str = ""
    datatype: str = ""  # declared for the right operand
    reference: tuple[str, ...] = ()  # IRIs of `rightOperandReference`; then `right` is empty
    status: Value | None = None  # generated so far for the left operand
    id: str = ""
    notes: Notes = field(default=(), compare=False)

    def __hash__(self) -> int:  # constraints are looked up often, and seldom differ in the rest
        return hash((self.left, self.operator, self.right))


@frozen
class LogicalConstraint:
    """Constraints joined by one connective (IM 2.5.2); order counts in `andSequence` only."""

    connective: Connective
    operands: tuple[Condition, ...]
    id: str = ""
    notes: Notes = field(default=(), compare=False)


Condition = Constraint | LogicalConstraint


@frozen
class Action:
    """What may, must or must not be done (IM 2.4)."""

    id: str
    refinements: tuple[Condition, ...] = ()
    node: str = field(default="", compare=False)  # IRI of what names the action by `rdf:value`
    notes: Notes = field(default=(), compare=False)


@frozen
class Reference:
    """An asset or a party, or a collection of such; its notes say what it is part of."""

    id: str = ""  # empty for a collection that only its `source` names
    collection: bool = False  # whether it is an AssetCollection or a PartyCollection
    source: str = ""  # the collection that refinements select members from
    refinements: tuple[Condition, ...] = ()
    notes: Notes = field(default=(), compare=False)


class AssetRef(Reference):
    """An asset or asset collection (IM 2.2)."""

    __slots__ = ()


class PartyRef(Reference):
    """A party or party collection (IM 2.3)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What permissions, prohibitions and duties share (IM 2.6).

    Attributes:
        unread: what a document says of it, or of its action, asset and parties, that was not
            understood, each as a constraint that nobody can decide. It may narrow the rule or widen
            it, so that a permission never grants, a duty is never done, and a prohibition that is
            about a request is never ruled out.
        origin: IRI of the rule with several actions, assets or parties that this one was expanded
            from (IM 2.7); such rules have no IRI of their own.
    """

    action: Action
    target: AssetRef | None = None  # None: the policy's, or none; likewise the two parties
    assigner: PartyRef | None = None
    assignee: PartyRef | None = None
    constraints: tuple[Condition, ...] = ()  # all must hold
    output: AssetRef | None = None  # made by the action
    functions: tuple[tuple[str, PartyRef], ...] = ()  # others: (function IRI, party)
    unread: tuple[Constraint, ...] = ()
    id: str = ""
    origin: str = field(default="", compare=False)
    notes: Notes = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty(Rule):
    """An action that must be done: obligation, duty of a permission, remedy or consequence."""

    consequences: tuple[Duty, ...] = ()  # further duties when it is not done (IM 2.6.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission(Rule):
    """An action that may be done (IM 2.6.1)."""

    duties: tuple[Duty, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prohibition(Rule):
    """An action that must not be done (IM 2.6.2)."""

    remedies: tuple[Duty, ...] = ()  # what must be done when it was done nevertheless


@frozen
class Common:
    """What a policy stated for all its rules (IM 2.7.1), which hold it; read where one inherits."""

    targets: tuple[AssetRef, ...] = ()
    assigners: tuple[PartyRef, ...] = ()
    assignees: tuple[PartyRef, ...] = ()
    actions: tuple[Action, ...] = ()
    outputs: tuple[AssetRef, ...] = ()
    functions: tuple[tuple[str, PartyRef], ...] = ()
    unread: tuple[Constraint, ...] = ()  # see `Rule`


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy (IM 2.1); `common` is not part of its equality, as IM 2.7.1 removes it."""

    kind: PolicyKind
    id: str = ""  # `uid`; empty for one that is not named yet
    permissions: tuple[Permission, ...] = ()
    prohibitions: tuple[Prohibition, ...] = ()
    obligations: tuple[Duty, ...] = ()
    profiles: tuple[str, ...] = ()
    conflict: Conflict | None = None  # None: the default, `Conflict.INVALID`
    target: AssetRef | None = None  # of every rule that names none; likewise the two parties
    assigner: PartyRef | None = None
    assignee: PartyRef | None = None
    inherits: tuple[str, ...] = ()  # parents (IM 2.9)
    replaced_by: str = ""
    timestamp: str = ""  # when an agreement was concluded, xsd:dateTime
    metadata: Notes = ()  # Dublin Core terms about the policy (IM 2.8), and labels
    common: Common = field(default=Common(), compare=False)

    def target_of(self, rule: Rule) -> AssetRef | None:
        """Return the asset that a rule of this policy is about."""
        return rule.target or self.target

    def assigner_of(self, rule: Rule) -> PartyRef | None:
        """Return the party that a rule of this policy is issued by."""
        return rule.assigner or self.assigner

    def assignee_of(self, rule: Rule) -> PartyRef | None:
        """Return the party that a rule of this policy is addressed to."""
        return rule.assignee or self.assignee

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """Yield (JSON pointer, rule) of permissions, prohibitions and obligations, in order."""
        for name in ("permission", "prohibition", "obligation"):
            for index, rule in enumerate(getattr(self, f"{name}s")):
                yield f"/{name}/{index}", rule


# Class of a rule -> (property name, attribute) of the duties below it.
BELOW: Final[Mapping[type[Rule], tuple[str, str]]] = {
    Permission: ("duty", "duties"),
    Prohibition: ("odrl:remedy", "remedies"),
    Duty: ("odrl:consequence", "consequences"),
}


def duties_below(rule: Rule) -> tuple[tuple[str, tuple[Duty, ...]], ...]:
    """Return (property name, duties) that hang below a rule; nothing where there are none."""
    name, attribute = BELOW.get(type(rule), ("", ""))
    duties = getattr(rule, attribute) if name else ()
    return ((name, duties),) if duties else ()


def every_rule(policy: Policy) -> Iterator[tuple[str, Rule, Rule]]:
    """Yield (JSON pointer, rule, the rule it hangs below, or itself) of rules and duties."""

    def with_duties(path: str, rule: Rule, owner: Rule) -> Iterator[tuple[str, Rule, Rule]]:
        yield path, rule, owner
        for name, duties in duties_below(rule):
            for index, duty in enumerate(duties):
                yield from with_duties(f"{path}/{name}/{index}", duty, rule)

    for path, rule in policy.rules():
        yield from with_duties(path, rule, rule)


def each(part: _T, kind: type[_Part], change: Callable[[_Part], _Part]) -> _T:
    """Return a policy, or a part of one, with every part of a class in it changed."""
    made: Any = part
    if isinstance(part, kind):
        made = change(part)
    elif isinstance(part, tuple):
        items = tuple([each(item, kind, change) for item in part])
        made = part if all(map(is_, items, part)) else items
    elif names := getattr(part, "__dataclass_fields__", ()):
        old = [(name, getattr(part, name)) for name in names]
        new = {name: found for name, it in old if (found := each(it, kind, change)) is not it}
        made = replace(made, **new) if new else part
    result: _T = made
    return result


def all_in(part: Any, kind: type[_Part]) -> Iterator[_Part]:
    """Yield every part of a class of a policy, or of a part or several parts of one."""
    if isinstance(part, kind):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from all_in(item, kind)
    elif part is not None and not isinstance(part, str):  # of which there are most
        for name in getattr(part, "__dataclass_fields__", ()):
            yield from all_in(getattr(part, name), kind)


def below(item: LogicalConstraint, path: str) -> str:
    """Return the JSON pointer of the array that holds the operands of a logical constraint."""
    ordered = "/@list" if item.connective is Connective.AND_SEQUENCE else ""
    return f"{path}/{item.connective.value}{ordered}"


def conditions(items: tuple[Condition, ...], path: str) -> Iterator[tuple[str, Condition]]:
    """Yield (JSON pointer, condition) of conditions and all below them, parents first."""
    for index, item in enumerate(items):
        where = f"{path}/{index}"
        yield where, item
        if isinstance(item, LogicalConstraint):
            yield from conditions(item.operands, below(item, where))


UNSIGNED: Final = frozenset({PolicyKind.OFFER, PolicyKind.REQUEST})  # bind nobody yet
# Terms of data spaces whose contract definitions name a policy's assets (EDC, Catena-X).
_SPACES: Final = ("https://w3id.org/edc/", "https://w3id.org/catenax/")


def incomplete(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield (JSON pointer, code of the finding) of what keeps a policy of its class from binding.

    The check reports it as an error, and evaluation does not decide by it (IM 2.1, 2.6.1 to 2.6.3;
    Vocabulary, Ticket). What an offer or a request leaves open, its agreement fills in.
    """
    agreed, rules = policy.kind is PolicyKind.AGREEMENT, tuple(policy.rules())
    if not (rules or policy.inherits or policy.replaced_by):
        yield "", "no-rule"
    ticket = policy.kind is PolicyKind.TICKET
    if ticket and (policy.assignee or any(it.assignee for _, it in rules)):
        yield "", "ticket-with-assignee"
    if agreed or not _filled_in(policy):
        yield from _unnamed(policy, rules)
    for path, rule in rules if agreed else ():
        if policy.assigner_of(rule) is None:
            yield path, "missing-assigner"
        if policy.assignee_of(rule) is None:
            yield path, "missing-assignee"


def _unnamed(policy: Policy, rules: tuple[tuple[str, Rule], ...]) -> Iterator[tuple[str, str]]:
    code = "missing-target" if policy.kind is PolicyKind.AGREEMENT else "rule-without-target"
    for path, rule in rules if policy.target is None else ():
        if rule.target is None and not isinstance(rule, Duty):
            yield path, code
    if not policy.id:
        yield "", "no-identifier"


def _filled_in(policy: Policy) -> bool:
    if policy.kind in UNSIGNED:
        return True
    whole = policy.id and (policy.target or all(rule.target for _, rule in policy.rules()))
    return not whole and any(it.left.startswith(_SPACES) for it in all_in(policy, Constraint))

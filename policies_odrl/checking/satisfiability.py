"""Can the conditions of one rule hold, and does each of them limit anything?

Rules: an error or a note only where it is proved (`regions.py`, `proof.py`): what cannot hold with
any value, what holds with every value, what follows from the rest. Natural limits of operands (a
percentage ends at 100; the first use counts as one) are taken into account. Work is bounded by the
number of conditions and by steps that one check shares; what was left out is said.
Source: ODRL Vocabulary 2.2, left operands; IM 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from policies_odrl import text
from policies_odrl.checking.findings import Change, Finding, Say, Step
from policies_odrl.comparison.forms import condition_form, flat
from policies_odrl.comparison.proof import Proof, disjoint
from policies_odrl.comparison.regions import POSITIVE, contradictory, implied
from policies_odrl.concepts import concepts, wider_concepts
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    ODRL,
    XSD,
    Condition,
    Connective,
    Constraint,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    Rule,
    Value,
    below,
    conditions,
)
from policies_odrl.values import name
from policies_odrl.vocabulary import LEVELS, PREAU, Kind

MAX_COMPARED: Final = 64  # conditions of one rule that are compared with all others
MAX_JOINED: Final = 256  # conditions of one rule, nested ones too, that are looked at together
MAX_STEPS: Final = 200_000  # conditions looked at in one check
MAX_PROOF: Final = 50_000  # the same in the proofs of one rule

# Left operand -> what every value of it satisfies.
_Limits = tuple[tuple[Operator, Value], ...]


def _from(least: str, most: str = "", *, kind: str = "decimal") -> _Limits:
    low = (Operator.GTEQ, Literal(least, XSD + kind))
    return (low, (Operator.LTEQ, Literal(most, XSD + kind))) if most else (low,)


_NATURAL: Final[Mapping[str, _Limits]] = {
    ODRL + "count": _from("1"),  # prior uses and the one asked for
    ODRL + "percentage": _from("0", "100"),
    PREAU + "delta": _from("0", "1"),
    PREAU + "tCloseness": _from("0", "1"),
    **{
        ODRL + name: _from("0")
        for name in ("absoluteSize", "payAmount", "relativeSize", "resolution")
    },
    **{
        PREAU + name: _from("0")
        for name in ("epsilon", "minimumCellCount", "minimumSites", "rowsPerPerson")
    },
    **{PREAU + name: _from("1") for name in ("kAnonymity", "lDiversity")},
    **{
        left: _from("PT0S", kind="duration")
        for left in (
            *(ODRL + name for name in ("delayPeriod", "elapsedTime", "meteredTime")),
            PREAU + "retention",
        )
    },
    **{
        left: ((Operator.GTEQ, Iri(steps[0])), (Operator.LTEQ, Iri(steps[-1])))
        for left, steps in LEVELS.items()
    },
}
_OPPOSITE: Final = {
    Operator.EQ: Operator.NEQ,
    Operator.NEQ: Operator.EQ,
    Operator.LT: Operator.GTEQ,
    Operator.GTEQ: Operator.LT,
    Operator.GT: Operator.LTEQ,
    Operator.LTEQ: Operator.GT,
    Operator.IS_ANY_OF: Operator.IS_NONE_OF,
    Operator.IS_NONE_OF: Operator.IS_ANY_OF,
}
_ALTERNATIVES: Final = frozenset({Connective.OR, Connective.XONE})


class Satisfiability:
    """Looks at the conditions of rules, within a bound that one check shares."""

    __slots__ = ("_knowledge", "_left", "_say")

    def __init__(self, say: Say, knowledge: Knowledge) -> None:
        self._say = say
        self._knowledge = knowledge
        self._left = MAX_STEPS

    def of_rule(
        self, path: str, rule: Rule, stated: Sequence[tuple[str, Condition]]
    ) -> Iterator[Finding]:
        """Yield what is wrong with the conditions of a rule.

        Args:
            path: JSON pointer of the rule.
            rule: the rule.
            stated: its conditions with their JSON pointers, those within others too.
        """
        if self.exhausted:
            return
        items = [*flat(rule.constraints), *flat(rule.action.refinements)]
        if len(stated) > MAX_JOINED:
            yield self._say(path, "too-many-conditions", str(MAX_JOINED))
            return
        single = [found for where, item in stated for found in self._alone(where, item)]
        yield from single
        if any(item.code == "never-true" for item in single):
            return
        if self._impossible(items):
            yield self._unsatisfiable(path, items)
            return
        yield from self._no_common_value(path, items)
        yield from self._dead(stated, items)
        yield from self._redundant(f"{path}/constraint", rule.constraints)
        yield from self._redundant(f"{path}/action/odrl:refinement", rule.action.refinements)

    @property
    def exhausted(self) -> bool:
        """Whether something was left out because the bound was reached."""
        return self._left < 0

    # -- one condition ----------------------------------------------------------------------

    def _alone(self, path: str, item: Condition) -> Iterator[Finding]:
        never = "dead-alternative" if "/or/" in path or "/xone/" in path else "never-true"
        if isinstance(item, Constraint):
            natural = _natural(item)
            self._left -= len(natural)
            if natural and contradictory([item, *natural], self._knowledge):
                yield self._say(path, never, text.condition(item))
            elif natural and implied(item, natural, self._knowledge):
                yield self._say(path, "always-true", text.condition(item))
            return
        if len(item.operands) == 1:
            step = Step(Change.MOVE, path, source=f"{below(item, path)}/0")
            ordered = item.connective is Connective.AND_SEQUENCE  # may well ask for more
            edit = () if ordered else (step,)
            yield self._say(path, "needless-connective", item.connective.value, edit=edit)
        if item.connective is not Connective.AND_SEQUENCE and self._impossible([item]):
            yield self._say(path, never, text.condition(item))
        elif item.connective in _ALTERNATIVES and _covers_all(item, self._knowledge):
            yield self._say(path, "always-true", text.condition(item))

    def _dead(
        self, stated: Sequence[tuple[str, Condition]], items: Sequence[Condition]
    ) -> Iterator[Finding]:
        """Yield alternatives that could hold, but not with the other conditions of the rule."""
        atoms = [item for item in items if isinstance(item, Constraint)]
        tops = {id(item) for item in items if isinstance(item, LogicalConstraint)}
        for where, item in stated if atoms else ():
            if isinstance(item, LogicalConstraint) and id(item) in tops:
                for index, part in enumerate(item.operands):
                    if self._impossible([*atoms, part]) and not self._impossible([part]):
                        path = f"{below(item, where)}/{index}"
                        yield self._say(path, "dead-alternative", text.condition(part))

    # -- conditions together ----------------------------------------------------------------

    def _impossible(self, items: Sequence[Condition]) -> bool:
        """Return whether it is proved that nothing satisfies all conditions."""
        known = list(flat(items))
        self._left -= 1 + len(known)
        if self.exhausted:
            return False
        atoms = [item for item in known if isinstance(item, Constraint)]
        if disjoint(known, self._knowledge) or any(self._excluded(item, atoms) for item in atoms):
            return True
        limited = ((item, _natural(item)) for item in atoms)
        if any(
            natural and contradictory([item, *natural], self._knowledge)
            for item, natural in limited
        ):
            return True
        return any(
            self._no_alternative(item, atoms)
            for item in known
            if isinstance(item, LogicalConstraint) and item.connective in _ALTERNATIVES
        )

    def _excluded(self, item: Constraint, atoms: Sequence[Constraint]) -> bool:
        """Return whether all that one list allows is ruled out by another."""
        operand = self._knowledge.operand(item.left)
        if item.operator is not Operator.IS_NONE_OF or operand is None or operand.evidence:
            return False
        wanted = Constraint(item.left, Operator.IS_ANY_OF, item.right, unit=item.unit)
        mine = [other for other in atoms if other.left == item.left and other.operator in POSITIVE]
        return bool(mine) and implied(wanted, mine, self._knowledge)

    def _no_alternative(self, item: LogicalConstraint, atoms: Sequence[Constraint]) -> bool:
        if item.connective is Connective.XONE and len(item.operands) > 1:
            forms = {condition_form(part) for part in item.operands}
            if len(forms) == 1:  # all hold or none does, never exactly one
                return True
        return all(self._impossible([*atoms, part]) for part in item.operands)

    def _unsatisfiable(self, path: str, items: Sequence[Condition]) -> Finding:
        for index, item in enumerate(items):
            for other in items[:index]:
                if self._impossible([other, item]):
                    shown = f"{text.condition(other)}; {text.condition(item)}"
                    return self._say(path, "unsatisfiable", shown)
        shown = "; ".join(text.condition(item) for item in items)
        return self._say(path, "unsatisfiable", shown)

    def _no_common_value(self, path: str, items: Sequence[Condition]) -> Iterator[Finding]:
        lists: dict[str, Constraint] = {}
        for item in items:
            if isinstance(item, Constraint) and item.operator in POSITIVE and not item.reference:
                other = lists.setdefault(item.left, item)
                if other is not item and self._apart(other, item):
                    left, right = text.condition(other), text.condition(item)
                    yield self._say(path, "no-common-value", left, right)

    def _apart(self, left: Constraint, right: Constraint) -> bool:
        operand = self._knowledge.operand(left.left)
        if operand is None or operand.evidence:
            return False
        ours = {name(value) or "" for value in left.right}
        theirs = {name(value) or "" for value in right.right}
        if operand.kind is Kind.IDENTITY:
            plain = Operator.IS_A not in {left.operator, right.operator}
            return plain and not ours & theirs
        known = operand.kind is Kind.CONCEPT and ours | theirs <= concepts().keys()
        return known and not any(
            wider_concepts(item) & ours and wider_concepts(item) & theirs for item in concepts()
        )

    def _redundant(self, path: str, items: Sequence[Condition]) -> Iterator[Finding]:
        """Yield what follows from the rest; what was named already no longer counts as given."""
        total = sum(1 for _ in conditions(tuple(items), ""))
        self._left -= total**2
        if self._left < 0 or len(items) > MAX_COMPARED:
            return
        prover = Proof(MAX_PROOF // max(1, total), self._knowledge)
        kept = list(enumerate(items))
        found: list[Finding] = []
        for index, item in reversed(kept[:]):
            rest = [other for place, other in kept if place != index]
            if rest and prover.follows(item, rest):
                kept = [pair for pair in kept if pair[0] != index]
                where = f"{path}/{index}"
                edit = (Step(Change.REMOVE, where),)
                found.append(self._say(where, "redundant", text.condition(item), edit=edit))
        yield from reversed(found)


def _natural(item: Constraint) -> list[Constraint]:
    return [
        Constraint(item.left, operator, (value,), unit=item.unit)
        for operator, value in _NATURAL.get(item.left, ())
    ]


def _covers_all(item: LogicalConstraint, knowledge: Knowledge) -> bool:
    """Return whether two alternatives leave nothing out, and in `xone` do not overlap."""
    atoms = [part for part in item.operands if isinstance(part, Constraint) and not part.reference]
    if len(item.operands) > MAX_COMPARED:
        return False
    for index, part in enumerate(atoms):
        opposite = _OPPOSITE.get(part.operator)
        if opposite is None or (len(part.right) > 1 and part.operator is not Operator.IS_NONE_OF):
            continue
        rest = Constraint(part.left, opposite, part.right, unit=part.unit)
        for other in (*atoms[:index], *atoms[index + 1 :]):
            if other.left == part.left and implied(other, [rest], knowledge):
                alone = len(item.operands) == 2 and disjoint([part, other], knowledge)  # noqa: PLR2004 - a pair
                return item.connective is Connective.OR or alone
    return False

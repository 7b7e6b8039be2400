"""Can the conditions of one rule hold, and does each of them limit anything?

An error or a note only where it is proved: what cannot hold with any value that the operand can
have, what holds with every one, what follows from the rest. Work is bounded by the number of
conditions and by steps that one check shares; what was left out is said.
Source: ODRL Vocabulary 2.2, left operands; IM 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.boxes import Box, Goal, Proof
from policies_odrl.algebra.forms import flat
from policies_odrl.algebra.questions import always
from policies_odrl.checking.findings import Change, Finding, Say, Step
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Condition,
    Connective,
    Constraint,
    LogicalConstraint,
    Operator,
    Rule,
    below,
    conditions,
)

MAX_COMPARED: Final = 64  # conditions of one rule that are compared with all others
MAX_JOINED: Final = 256  # conditions of one rule, nested ones too, that are looked at together
MAX_STEPS: Final = 200_000  # conditions looked at in one check
MAX_PROOF: Final = 50_000  # the same in the proofs of one rule

_ALTERNATIVES: Final = frozenset({Connective.OR, Connective.XONE})
_LISTS: Final = frozenset({Operator.IS_A, Operator.IS_ANY_OF})


class Satisfiability:
    """Looks at the conditions of rules, within a bound that one check shares."""

    __slots__ = ("_proof", "_say")

    def __init__(self, say: Say, knowledge: Knowledge) -> None:
        self._say = say
        self._proof = Proof(MAX_STEPS, knowledge)

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
        lists = list(self._no_common_value(path, items))
        if not lists and self._impossible(items):
            yield self._unsatisfiable(path, items)
            return
        yield from lists
        yield from self._dead(stated, items)
        yield from self._redundant(f"{path}/constraint", rule.constraints)
        yield from self._redundant(f"{path}/action/odrl:refinement", rule.action.refinements)

    @property
    def exhausted(self) -> bool:
        """Whether something was left out because the bound was reached."""
        return self._proof.exhausted

    # -- one condition ----------------------------------------------------------------------

    def _alone(self, path: str, item: Condition) -> Iterator[Finding]:
        never = "dead-alternative" if "/or/" in path or "/xone/" in path else "never-true"
        if isinstance(item, Constraint):
            if self._impossible([item]):
                yield self._say(path, never, text.condition(item))
            elif always(item, self._proof.reading):
                yield self._say(path, "always-true", text.condition(item))
            return
        if len(item.operands) == 1:
            step = Step(Change.MOVE, path, source=f"{below(item, path)}/0")
            ordered = item.connective is Connective.AND_SEQUENCE  # may well ask for more
            edit = () if ordered else (step,)
            yield self._say(path, "needless-connective", item.connective.value, edit=edit)
        if item.connective is not Connective.AND_SEQUENCE and self._impossible([item]):
            yield self._say(path, never, text.condition(item))
        elif item.connective in _ALTERNATIVES and self._impossible([Goal(item, holds=False)]):
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

    def _impossible(self, items: Sequence[Condition | Goal]) -> bool:
        """Return whether it is proved that nothing satisfies all conditions."""
        return self._proof.pay(1 + len(items)) and self._proof.void(Box(items))

    def _unsatisfiable(self, path: str, items: Sequence[Condition]) -> Finding:
        for index, item in enumerate(items):
            for other in items[:index]:
                if self._impossible([other, item]):
                    shown = f"{text.condition(other)}; {text.condition(item)}"
                    return self._say(path, "unsatisfiable", shown)
        shown = "; ".join(text.condition(item) for item in items)
        return self._say(path, "unsatisfiable", shown)

    def _no_common_value(self, path: str, items: Sequence[Condition]) -> Iterator[Finding]:
        """Yield lists of one operand that have nothing in common, on what is known of names.

        An author may know more, so that it is no error.
        """
        lists: dict[str, Constraint] = {}
        for item in items:
            if isinstance(item, Constraint) and item.operator in _LISTS:
                other = lists.setdefault(item.left, item)
                if other is not item and self._impossible([other, item]):
                    left, right = text.condition(other), text.condition(item)
                    yield self._say(path, "no-common-value", left, right)

    def _redundant(self, path: str, items: Sequence[Condition]) -> Iterator[Finding]:
        """Yield what follows from the rest; what was named already no longer counts as given."""
        total = sum(1 for _ in conditions(tuple(items), ""))
        if not self._proof.pay(total**2) or len(items) > MAX_COMPARED:
            return
        prover = Proof(MAX_PROOF // max(1, total), self._proof.knowledge)
        kept = list(enumerate(items))
        bounds = [_operands(item) for item in items]
        found: list[Finding] = []
        for index, item in reversed(kept[:]):
            rest = [
                other
                for place, other in kept
                if place != index and not bounds[place].isdisjoint(bounds[index])
            ]
            if rest and prover.follows(item, rest):
                kept = [pair for pair in kept if pair[0] != index]
                where = f"{path}/{index}"
                edit = (Step(Change.REMOVE, where),)
                found.append(self._say(where, "redundant", text.condition(item), edit=edit))
        yield from reversed(found)


def _operands(item: Condition) -> frozenset[str]:
    parts = (part for _, part in conditions((item,), ""))
    return frozenset(part.left for part in parts if isinstance(part, Constraint))

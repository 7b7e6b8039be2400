"""Can the conditions of one rule hold, and does each of them limit anything?

Told only where it is proved. Work is bounded, and what was left out is said.
Source: ODRL Vocabulary 2.2, left operands; IM 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policies_odrl import model, text
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.claims import Goal, always
from policies_odrl.algebra.forms import flat, operands_of
from policies_odrl.checking.findings import Change, Report, Step
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint, Operator

MAX_COMPARED: Final = 64  # conditions of one rule that are compared with all others
MAX_JOINED: Final = 256  # conditions of one rule, nested ones too, that are looked at together
MAX_STEPS: Final = 200_000  # conditions looked at in one check
MAX_PROOF: Final = 50_000  # the same in the proofs of one rule

_LISTS: Final = frozenset({Operator.IS_A, Operator.IS_ANY_OF})
_Stated = Sequence[tuple[str, Condition]]


class Satisfiability:
    """Looks at the conditions of rules, within a bound that one check shares."""

    def __init__(self, report: Report) -> None:
        self._note = report.note
        self._proof = Proof(MAX_STEPS, report.knowledge)

    @property
    def exhausted(self) -> bool:
        """Whether something was left out because the bound was reached."""
        return self._proof.exhausted

    def of_rule(self, path: str, rule: model.Rule, stated: _Stated) -> None:
        """Note what is wrong with the conditions of a rule, `stated` with those within others."""
        if self.exhausted:
            return
        if len(stated) > MAX_JOINED:
            self._note(path, "too-many-conditions", str(MAX_JOINED))
            return
        items = [*flat(rule.constraints), *flat(rule.action.refinements)]
        void = [where for where, item in stated if self._never(where, item)]
        if void:
            return
        if not self._no_common_value(path, items) and self._impossible(items):
            pairs = ([other, item] for at, item in enumerate(items) for other in items[:at])
            culprits = next((pair for pair in pairs if self._impossible(pair)), items)
            self._note(path, "unsatisfiable", "; ".join(map(text.condition, culprits)))
            return
        self._dead(stated, items)
        self._redundant(f"{path}/constraint", rule.constraints)
        self._redundant(f"{path}/action/odrl:refinement", rule.action.refinements)

    def _impossible(self, items: Sequence[Condition | Goal]) -> bool:
        """Return whether it is proved that nothing satisfies all conditions."""
        return self._proof.pay(1 + len(items)) and self._proof.void(Box(items))

    def _never(self, path: str, item: Condition) -> bool:
        """Note what is wrong with one condition alone, and return whether it voids the rule."""
        joined = item.connective if isinstance(item, LogicalConstraint) else None
        ordered = joined is Connective.AND_SEQUENCE  # it may well ask for more
        if isinstance(item, LogicalConstraint) and len(item.operands) == 1:
            step = Step(Change.MOVE, path, source=f"{model.below(item, path)}/0")
            self._note(
                path, "needless-connective", item.connective.value, edit=() if ordered else (step,)
            )
        if not ordered and self._impossible([item]):
            dead = "/or/" in path or "/xone/" in path
            self._note(path, "dead-alternative" if dead else "never-true", text.condition(item))
            return not dead
        if isinstance(item, Constraint):
            vain = always(item, self._proof.reading)
        else:
            choice = joined in {Connective.OR, Connective.XONE}
            vain = choice and self._impossible([Goal(item, holds=False)])
        if vain:
            self._note(path, "always-true", text.condition(item))
        return False

    def _dead(self, stated: _Stated, items: Sequence[Condition]) -> None:
        """Note alternatives that could hold, but not with the other conditions of the rule."""
        atoms = [item for item in items if isinstance(item, Constraint)]
        tops = {id(item) for item in items if isinstance(item, LogicalConstraint)}
        for where, item in stated if atoms else ():
            if isinstance(item, LogicalConstraint) and id(item) in tops:
                for index, part in enumerate(item.operands):
                    if self._impossible([*atoms, part]) and not self._impossible([part]):
                        path = f"{model.below(item, where)}/{index}"
                        self._note(path, "dead-alternative", text.condition(part))

    def _no_common_value(self, path: str, items: Sequence[Condition]) -> bool:
        """Note lists of one operand that have nothing in common, on what is known of names.

        An author may know more, so that it is no error.
        """
        lists: dict[str, Constraint] = {}
        found = False
        for item in items:
            if isinstance(item, Constraint) and item.operator in _LISTS:
                other = lists.setdefault(item.left, item)
                if other is not item and self._impossible([other, item]):
                    found = True
                    self._note(path, "no-common-value", *map(text.condition, (other, item)))
        return found

    def _redundant(self, path: str, items: Sequence[Condition]) -> None:
        """Note what follows from the rest; what was named already no longer counts as given."""
        total = sum(1 for _ in model.conditions(tuple(items), ""))
        if not self._proof.pay(total**2) or len(items) > MAX_COMPARED:
            return
        prover = Proof(MAX_PROOF // max(1, total), self._proof.knowledge)
        kept = dict(enumerate(items))
        operands = [operands_of(item) for item in items]
        for index, item in reversed(list(kept.items())):
            rest = [it for at, it in kept.items() if at != index and operands[at] & operands[index]]
            if rest and prover.follows(item, rest):
                del kept[index]
        for index, item in enumerate(items):
            if index not in kept:
                edit = (Step(Change.REMOVE, f"{path}/{index}"),)
                self._note(f"{path}/{index}", "redundant", text.condition(item), edit=edit)

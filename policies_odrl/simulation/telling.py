"""A simulation in words: the answer, why or why not, what is not known, what would have to change.

Rules: sentences of the policy are named by their numbers, so that the two texts are read side by
side; a value given is shown beside the condition that it does not meet; only the changes of the
simulation are told, which were all tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.decision import ConditionResult, DutyResult, Premise
from policies_odrl.evaluation.deontic import DutyState, Effect
from policies_odrl.language.conditions import Speech
from policies_odrl.language.explain import numbered, sentence
from policies_odrl.language.phrases import fill, table, word
from policies_odrl.logic import Truth
from policies_odrl.model import XSD, AssetRef, Constraint, Duty, Iri, Literal, incomplete
from policies_odrl.simulation.changes import Aspect, Change, nearest
from policies_odrl.simulation.simulate import Simulation
from policies_odrl.vocabulary import OPERANDS

MAX_TOLD: Final = 3  # permissions that are told about when none grants


def tell(simulation: Simulation, lang: str = "en") -> tuple[str, ...]:
    """Return a simulation in sentences, in English or in French.

    Raises:
        ValueError: another language.
    """
    return tuple(Teller(simulation, lang).lines())


class Teller:
    """A simulation in the words of one language; another one is a `ValueError`."""

    def __init__(self, simulation: Simulation, lang: str) -> None:
        self._simulation = simulation
        self._lang = lang
        lines = numbered(simulation.policy, lang)
        self._numbers = {line.path: line.number for line in lines if line.path}
        self._speech = Speech(lang)

    def lines(self) -> Iterator[str]:
        """Yield the answer, what is not known, and what would have to change."""
        found = self._simulation
        if found.tentative:
            yield self._say("tentative")
        yield from self._answer()
        for name in found.unknown:
            yield self._say("not-known", value=self._unknown(name))
        for index, changes in enumerate(found.changes):
            yield self._say("or-if" if index else "if")
            yield from (f"- {self.change(change)}" for change in changes)

    def number(self, path: str) -> str:
        """Return the number of a sentence; what a rule leaves to the policy is said there."""
        whole = "/" + "/".join(path.split("/")[3:])
        above = path.rpartition("/")[0]
        return self._numbers.get(path) or self._numbers.get(whole) or self.number(above)

    def _say(self, key: str, **slots: str) -> str:
        return fill(table("simulation")[key], self._lang, **slots)

    # -- the answer -------------------------------------------------------------------------

    def _answer(self) -> Iterator[str]:
        decision = self._simulation.decision
        if not decision.granted:
            yield self._say("refused")
            yield from self.obstacles()
            return
        for result in decision.rules:
            if result.effect is Effect.GRANTS:
                yield self._say("granted", number=self.number(result.path))
        for duty in decision.due:
            wanted = self._speech.asked(duty.duty)
            yield self._say("due", number=self.number(duty.path), wanted=wanted)

    def obstacles(self) -> Iterator[str]:
        """Yield what keeps the request from being granted; nothing when it is."""
        decision = self._simulation.decision
        if decision.granted:
            return
        if decision.void:
            yield self._say("void")
        if not decision.rules:
            yield self._unusable()
        for result in decision.rules:
            if result.effect is Effect.BLOCKS:
                key = "blocks" if result.applies is Truth.TRUE else "may-block"
                yield self._say(key, number=self.number(result.path))
        if any(item.effect is Effect.GRANTS for item in decision.rules):
            return
        for result in nearest(decision)[:MAX_TOLD]:
            yield from map(self._failure, result.failures())
            yield from (self._undone(duty) for duty in result.duties if duty.overdue)

    def _unusable(self) -> str:
        policy = self._simulation.policy
        why = {
            "replaced": [policy.replaced_by] if policy.replaced_by else [],
            "inherits": policy.inherits,
            "incomplete": dict.fromkeys(code for _, code in incomplete(policy)),
            "profile": policy.profiles if self._simulation.decision.because else (),
        }
        key = next((key for key, values in why.items() if values), "nothing")
        return self._say(key, value=", ".join(why.get(key, ())))

    def _failure(self, failure: ConditionResult) -> str:
        given = ", ".join(self._fact(value) for value in failure.values) or self._say("none")
        number = self.number(failure.path)
        if isinstance(failure.item, Premise):
            wanted = self._ruled(failure.item)
            return self._say(failure.item.name, number=number, wanted=wanted, given=given)
        key = "false" if failure.truth is Truth.FALSE else "unknown"
        wanted = sentence(failure.item, self._lang)
        return self._say(key, number=number, wanted=wanted, given=given)

    def _undone(self, duty: DutyResult) -> str:
        wanted = self._speech.asked(duty.duty)
        key = "duty-unclear" if duty.state is DutyState.UNDETERMINED else "duty"
        return self._say(key, number=self.number(duty.path), wanted=wanted)

    def _ruled(self, premise: Premise) -> str:
        if premise.ruled is None:
            return self._say("anybody")
        if isinstance(premise.ruled, str):
            return self._speech.action(premise.ruled)
        return self._speech.slots["asset" if isinstance(premise.ruled, AssetRef) else "party"].say(
            premise.ruled
        )

    def _unknown(self, name: str) -> str:
        if name in {"assignee", "target"}:
            return self._say("who" if name == "assignee" else "what")
        return self._speech.operand(name) if name in OPERANDS else word(name, self._lang)

    def _fact(self, value: Fact) -> str:
        if isinstance(value, datetime):
            value = Literal(text.instant(value), XSD + "dateTime")
        elif isinstance(value, Decimal | int | float):
            value = Literal(str(value), XSD + "decimal")
        if isinstance(value, Iri | Literal):
            return self._speech.value(value)
        shown = text.value(value)
        action = self._speech.action(str(value)) if isinstance(value, str) else ""
        return action if word(str(value), self._lang, "actions") == action else shown

    # -- changes ----------------------------------------------------------------------------

    def change(self, change: Change) -> str:
        """Return a change in words."""
        slots = {"number": self.number(change.path), "value": change.subject}
        key, item = f"other-{change.aspect.value}", change.item
        if isinstance(item, Constraint):
            key = key if not change.wanted else change.aspect.value
            slots["wanted"] = sentence(item, self._lang)
        if change.aspect in {Aspect.VALUE, Aspect.TIME}:
            values = change.values if change.at is None else (change.at,)
            slots["value"] = ", ".join(self._fact(value) for value in values)
            key = key if item else "any-time"  # for a duty it only has to be known
        elif change.aspect is Aspect.ACTION:
            slots["value"] = self._speech.action(change.subject)
        elif isinstance(item, Duty):
            key, slots["value"] = "act", self._speech.asked(item)
        elif change.aspect in {Aspect.MEMBER, Aspect.STRANGER}:
            key = change.aspect.value + ("-target" if change.path.endswith("/target") else "")
        return self._say(key, **slots)

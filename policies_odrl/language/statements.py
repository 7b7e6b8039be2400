"""What a policy states, member by member, and the sentence of each: `members.json`, both ways.

Numbers of sentences are those of `explain.py`, words those of `voice.py` and `conditions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from policies_odrl import model
from policies_odrl.language import phrases
from policies_odrl.values import naive
from policies_odrl.vocabulary import OPERANDS, Kind

_PAIRS: Final = {"note": ("property", "value"), "function": ("function", "party")}


class Row(NamedTuple):
    """A member of a part of a policy, and its sentence: a row of `members.json`."""

    kind: str
    name: str
    member: str
    path: str
    slot: str
    many: bool

    @property
    def pair(self) -> phrases.Pair:
        """The sentence in both languages."""
        return phrases.table(self.kind)[self.name]

    def has_digits(self, *, top: bool) -> bool:
        """Return whether its number ends in digits: rules do, and what is no part of a choice."""
        return self.kind == "rules" if top else self.name != "bare"

    def slots(self, value: Any) -> dict[str, Any]:
        """Return what the slots of the sentence hold."""
        if self.slot in _PAIRS:
            return dict(zip(_PAIRS[self.slot], value, strict=True))
        if self.slot == "rule":
            return {"deed": value, "id": value.id}
        return {self.slot: value.id if self.slot == "action" else value}

    def value(self, slots: Mapping[str, Any]) -> Any:
        """Return the value that slots hold, without what is said below the sentence."""
        if self.slot in _PAIRS:
            return tuple(slots[slot] for slot in _PAIRS[self.slot])
        if self.slot == "action":
            return model.Action(slots["action"])
        if self.slot:
            return slots[self.slot]
        return {"kind": model.PolicyKind, "conflict": model.Conflict}.get(self.member, str)(
            self.name
        )


@cache
def rows(part: str) -> tuple[Row, ...]:
    """Return the members of a class of the model; none where it has no sentences below it."""
    found: list[Row] = []
    for item in phrases.stated("members").get(part, ()):
        if isinstance(item, str):
            found += rows(item)
        else:
            kind, name = item["say"].split()
            of, at, slot = (item.get(key, "") for key in ("of", "at", "slot"))
            found.append(Row(kind, name, of, at, slot, "one" not in item))
    return tuple(found)


def stated(part: Any, path: str, members: tuple[Row, ...]) -> Iterator[tuple[Row, str, Any]]:
    """Yield (row, JSON pointer, value) of each sentence of a part of a policy."""
    for row in members:
        found = attrgetter(row.member)(part) if row.member else row.name
        if not row.slot:
            if found == row.name and (row.member or _implied(row.name, part)):
                yield row, row.path, found
            continue
        for index, value in enumerate(found if row.many else (found,)):
            if value:
                name = value[0] if row.slot == "function" else ""
                name = model.below(part, "") if row.name == "bare" else name
                yield row, path + row.path.replace("*", str(index)).replace("?", name), value


def _implied(name: str, policy: model.Policy) -> bool:
    """Return whether a policy has a sentence that none of its members states."""
    if name == "unsaid":
        return policy.conflict is None and bool(policy.permissions and policy.prohibitions)
    instants = (
        item
        for item in model.constraints_in(policy)
        if item.left in OPERANDS and OPERANDS[item.left].kind is Kind.INSTANT
    )
    return name != "zones" or any(naive(value) for item in instants for value in item.right)

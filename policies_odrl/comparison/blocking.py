"""Why two permissions have nothing in common: a smallest set of statements that exclude each other.

The set is irreducible: without any one of its parts the others leave something in common. It is
found by leaving parts out one at a time, which is linear in the number of parts. Of several offered
permissions the one with the smallest set is named.
Source: Bonatti, Olmedilla & Peer 2006 (why not).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import flat
from policies_odrl.comparison.meet import together
from policies_odrl.comparison.phrases import Said, brief, in_row, number, phrase, thing
from policies_odrl.comparison.rendering import rendered
from policies_odrl.comparison.rules import agree, asked_for, common_actions
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    Action,
    AssetRef,
    Constraint,
    LogicalConstraint,
    PartyRef,
    Permission,
    Policy,
)

MAX_PAIRS: Final = 256  # pairs of permissions of which it is said why they exclude each other


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a conflicting set.

    Attributes:
        side: `request` or `offer`.
        rule: JSON pointer of its permission.
        name: `action`, `target`, `assignee`, `output`, `condition` or `prohibition`.
        item: what is stated.
    """

    side: str
    rule: str
    name: str
    item: Said

    @property
    def line(self) -> str:
        """The statement in the terms of the policies."""
        named = "" if self.name == "condition" else f"{self.name} "
        return f"{self.side} {self.rule}: {named}{brief(self.item)}"

    def said(self, lang: str = "en") -> str:
        """Return the statement in words.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        rule, item = number(self.rule, lang), thing(self.item, lang)
        return phrase("blocked", self.side, lang).format(rule=rule, item=item)


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a permission cannot be granted in any narrower form.

    Attributes:
        path: JSON pointer of the permission asked for.
        parts: the minimal conflicting set; empty where nothing is offered at all.
        missing: what is not known, so that nobody can say what a side grants; empty otherwise.
    """

    path: str
    parts: tuple[Part, ...]
    missing: str = ""

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        if self.missing:
            return f"{self.path}: nobody can say {self.missing}"
        inner = "; ".join(part.line for part in self.parts)
        return f"{self.path}: cannot hold together: {inner}" if inner else f"{self.path}: no offer"

    def said(self, lang: str = "en") -> str:
        """Return the conflict as a sentence.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        if not self.parts:
            return phrase("blocked", "unclear" if self.missing else "none", lang)
        items = in_row((part.said(lang) for part in self.parts), lang)
        return phrase("blocked", "set", lang).format(items=items)


def blocking(
    offer: Policy, request: Policy, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Blocked, ...]:
    """Return, for each permission asked for that has nothing in common with an offer, why.

    Args:
        offer: what is offered.
        request: what is asked for.
        knowledge: terms and hierarchies beyond the built-in ones.

    >>> from policies_odrl.model import ODRL, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> [part.line for part in blocking(may("print"), may("read"))[0].parts]
    ['request /permission/0: action read', 'offer /permission/0: action print']
    """
    prover = Proof(knowledge=knowledge)
    offered = [list(_parts("offer", path, rule)) for path, rule in asked_for(offer)]
    found = []
    for path, wanted in asked_for(request):
        asked = list(_parts("request", path, wanted))
        pairs = [[*asked, *parts] for parts in offered]
        if not any(possible(prover, parts) for parts in pairs):
            sets = (
                irreducible(parts, lambda items: possible(prover, items))
                for parts in pairs[:MAX_PAIRS]
            )
            found.append(Blocked(path, min(sets, key=len, default=())))
    return tuple(found)


def possible(prover: Proof, parts: Sequence[Part]) -> bool:
    """Return whether statements leave something in common, or at least may."""
    about: dict[str, list[Said]] = {}
    for part in parts:
        about.setdefault(part.name, []).append(part.item)
    conditions = [
        rendered(item)
        for item in about.pop("condition", ())
        if isinstance(item, Constraint | LogicalConstraint)
    ]
    return all(
        _agree(prover, one, two) for items in about.values() for one, two in pairwise(items)
    ) and together(conditions, prover)


def _agree(prover: Proof, one: Said, two: Said) -> bool:
    match one, two:
        case Action(), Action():
            return bool(common_actions(one.id, two.id, prover.knowledge))
        case AssetRef() | PartyRef(), AssetRef() | PartyRef():
            return agree(prover, one, two)
    return True


def irreducible(parts: Sequence[Part], holds: Callable[[Sequence[Part]], bool]) -> tuple[Part, ...]:
    """Return a smallest part of statements that cannot hold together, in their order."""
    kept = list(parts)
    for part in parts:
        rest = [item for item in kept if item is not part]
        if not holds(rest):
            kept = rest
    return tuple(kept)


def _parts(side: str, path: str, rule: Permission) -> Iterator[Part]:
    yield Part(side, path, "action", Action(rule.action.id))
    for name in ("target", "assignee", "output"):
        reference: AssetRef | PartyRef | None = getattr(rule, name)
        if reference is not None:
            yield Part(side, path, name, reference)
    for item in (*flat(rule.constraints), *flat(rule.action.refinements)):
        yield Part(side, path, "condition", item)

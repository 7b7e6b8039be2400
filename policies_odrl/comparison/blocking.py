"""Why two permissions have nothing in common: a smallest set of statements that exclude each other.

Rules: the set is irreducible: without any one of its parts the others leave something in common.
It is found by leaving parts out one at a time, which is linear in the number of parts, because what
excludes something goes on excluding it beside further statements. Of several offered permissions
the one with the smallest set is named. Source: Bonatti, Olmedilla & Peer 2006 (why not).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat
from policies_odrl.comparison.change_phrases import BLOCKED, joint, number, thing
from policies_odrl.comparison.compared import Said, brief
from policies_odrl.comparison.fit import Reference, reference_within
from policies_odrl.comparison.meeting import common_actions, concepts_met
from policies_odrl.comparison.rendering import rendered
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import (
    Action,
    AssetRef,
    Condition,
    Constraint,
    LogicalConstraint,
    PartyRef,
    Permission,
    Policy,
)
from policies_odrl.reading.inventory import Reference as Named

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
        pair = BLOCKED[self.side]
        return pair[LANGUAGES.index(lang)].format(
            rule=number(self.rule, lang), item=thing(self.item, lang)
        )


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
        index = LANGUAGES.index(lang)
        if not self.parts:
            return BLOCKED["unclear" if self.missing else "none"][index]
        items = joint(lang).join(part.said(lang) for part in self.parts)
        return BLOCKED["set"][index].format(items=items)


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
    found = []
    for index, wanted in enumerate(request.permissions):
        path = f"/permission/{index}"
        sets = _sets(prover, offer, request, path, wanted)
        if sets is not None:
            found.append(Blocked(path, min(sets, key=_count, default=())))
    return tuple(found)


def possible(prover: Proof, parts: Sequence[Part]) -> bool:
    """Return whether statements leave something in common, or at least may."""
    conditions: list[Condition] = []
    whole: dict[str, list[Said]] = {}
    for part in parts:
        if isinstance(part.item, Constraint | LogicalConstraint):
            conditions.append(rendered(part.item))
        else:
            whole.setdefault(part.name, []).append(part.item)
    if not all(_together(prover, items) for items in whole.values()):
        return False
    kept = concepts_met(conditions, prover.knowledge)
    return kept is not None and not prover.apart(Box(kept))


def irreducible(parts: Sequence[Part], holds: Callable[[Sequence[Part]], bool]) -> tuple[Part, ...]:
    """Return a smallest part of statements that cannot hold together, in their order."""
    kept = list(parts)
    for part in parts:
        rest = [item for item in kept if item is not part]
        if not holds(rest):
            kept = rest
    return tuple(kept)


def _sets(
    prover: Proof, offer: Policy, request: Policy, path: str, wanted: Permission
) -> list[tuple[Part, ...]] | None:
    """Return a conflicting set per offered permission; None where one may have something common.

    All are looked at, of the first ones it is said why.
    """
    asked = list(_parts("request", path, request, wanted))
    found: list[tuple[Part, ...]] = []
    for index, rule in enumerate(offer.permissions):
        parts = [*asked, *_parts("offer", f"/permission/{index}", offer, rule)]
        if possible(prover, parts):
            return None
        if index < MAX_PAIRS:
            found.append(irreducible(parts, lambda items: possible(prover, items)))
    return found


def _parts(side: str, path: str, policy: Policy, rule: Permission) -> Iterator[Part]:
    yield Part(side, path, "action", Action(rule.action.id))
    named: tuple[tuple[str, Named | None], ...] = (
        ("target", policy.target_of(rule)),
        ("assignee", policy.assignee_of(rule)),
        ("output", rule.output),
    )
    for name, reference in named:
        if reference is not None:
            yield Part(side, path, name, reference)
    for item in (*flat(rule.constraints), *flat(rule.action.refinements)):
        yield Part(side, path, "condition", item)


def _together(prover: Proof, items: list[Said]) -> bool:
    actions = [item.id for item in items if isinstance(item, Action)]
    named = [item for item in items if isinstance(item, AssetRef | PartyRef)]
    if len(actions) > 1:
        return bool(common_actions(actions[0], actions[1], prover.knowledge))
    return len(named) < 2 or _agree(prover, named[0], named[1])  # noqa: PLR2004 - a pair


def _agree(prover: Proof, left: Reference, right: Reference) -> bool:
    return reference_within(prover, left, right) or reference_within(prover, right, left)


def _count(parts: tuple[Part, ...]) -> int:
    return len(parts)

"""Layers of conditions: authority, charter, offer and negotiated terms; the strictest wins.

What is granted is the meet of all layers, so that a further layer never grants more, and the terms
of a signed template cannot be weakened by what comes after it. No layer at all grants nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import condition_form, flat, opaque, rule_form
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.compared import Compared
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.phrases import Said, brief, phrase, thing
from policies_odrl.comparison.rules import subject, unfolded
from policies_odrl.comparison.whole import whole_of
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import Action, Condition, Policy, PolicyKind, Prohibition, Rule
from policies_odrl.vocabulary import same_action

# The layers of a data space, from the outermost.
AUTHORITY: Final = "authority"
CHARTER: Final = "charter"
OFFER: Final = "offer"
TERMS: Final = "terms"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        name: who states it, in one word.
        policy: what it allows; inheritance must be resolved.
    """

    name: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Stated:
    """A part of the merged policy and the layers that ask for it.

    Attributes:
        path: JSON pointer into the merged policy.
        item: the part.
        layers: names, in the order of the layers.
    """

    path: str
    item: Said
    layers: tuple[str, ...]

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        return f"{self.path}: {brief(self.item)} ({', '.join(self.layers)})"

    def said(self, lang: str = "en") -> str:
        """Return the part and its layers as a sentence.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        layers = ", ".join(self.layers)
        return phrase("layered", "stated", lang).format(item=thing(self.item, lang), layers=layers)


@dataclass(frozen=True, slots=True)
class Layered:
    """Several layers as one policy.

    Attributes:
        policy: what all layers grant; without permissions when that is nothing.
        stated: each part with the layers that ask for it, in order of the policy.
        overruled: (name of a layer, what of it goes beyond the layers before it and so has no
            effect).
        empty_at: name of the layer with which nothing was left; empty otherwise.
    """

    policy: Policy
    stated: tuple[Stated, ...] = ()
    overruled: tuple[tuple[str, Compared], ...] = ()
    empty_at: str = ""

    def __bool__(self) -> bool:
        return bool(self.policy.permissions)


def layer(*layers: Layer, knowledge: Knowledge = NOTHING_MORE) -> Layered:
    """Return what several layers grant together.

    Args:
        layers: from the outermost; the order decides the words, not what is granted.
        knowledge: terms and hierarchies beyond the built-in ones.

    Raises:
        LimitExceeded: too many permissions to be compared.

    >>> from policies_odrl.model import ODRL, Permission
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> merged = layer(Layer(AUTHORITY, may("use")), Layer(OFFER, may("read")))
    >>> [item.line for item in merged.stated]
    ['/permission/0/action: read (offer)']
    >>> bool(layer(Layer(AUTHORITY, may("print")), Layer(OFFER, may("read"))))
    False
    """
    if not layers:
        return Layered(Policy(kind=PolicyKind.OFFER))
    layers = tuple(replace(item, policy=opaque(item.policy)) for item in layers)
    whole = layers[0].policy
    overruled: list[tuple[str, Compared]] = []
    for index, item in enumerate(layers):
        if index:
            gaps = judge(Proof(knowledge=knowledge), whole, item.policy)[1]
            overruled.extend((item.name, gap) for gap in gaps)
        found = meet(whole, item.policy, knowledge)
        if found is None:  # it grants nothing, but still prohibits and obliges
            nothing = whole_of((), [it.policy for it in layers], None, knowledge)
            return Layered(nothing, empty_at=item.name)
        whole = found
    return Layered(whole, tuple(_origins(whole, layers)), tuple(overruled))


def _origins(whole: Policy, layers: Sequence[Layer]) -> Iterator[Stated]:
    for index, rule in enumerate(whole.permissions):
        path = f"/permission/{index}"
        bare = Action(rule.action.id)
        yield Stated(f"{path}/action", bare, _acting(bare, layers))
        for place, items in (
            (f"{path}/action/odrl:refinement", rule.action.refinements),
            (f"{path}/constraint", rule.constraints),
        ):
            for number, item in enumerate(items):
                yield Stated(f"{place}/{number}", item, _asking(item, layers))
        for number, duty in enumerate(rule.duties):
            yield Stated(f"{path}/duty/{number}", duty, _ruling(duty, layers))
    about = unfolded(whole)
    for index, ban in enumerate(whole.prohibitions):
        asking = _ruling(about.prohibitions[index], layers) or _gathering(ban, layers)
        yield Stated(f"/prohibition/{index}", ban, asking)
    for index, obligation in enumerate(whole.obligations):
        asking = _ruling(about.obligations[index], layers)
        yield Stated(f"/obligation/{index}", obligation, asking)


def _acting(action: Action, layers: Sequence[Layer]) -> tuple[str, ...]:
    return tuple(
        item.name
        for item in layers
        if any(same_action(rule.action.id) == action.id for rule in item.policy.permissions)
    )


def _asking(condition: Condition, layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return the layers that state a condition; else those whose lists it was met from."""
    form, about = condition_form(condition), subject(condition)
    same, near = [], []
    for item in layers:
        own = [
            part
            for rule in item.policy.permissions
            for part in flat((*rule.constraints, *rule.action.refinements))
        ]
        if any(condition_form(part) == form for part in own):
            same.append(item.name)
        if any(subject(part) == about for part in own):
            near.append(item.name)
    return tuple(same or near)


def _gathering(ban: Prohibition, layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return the layers that call a collection what a prohibition keeps in mind as one."""
    names = {item.id for item in (ban.target, ban.assignee) if item is not None}
    return tuple(item.name for item in layers if names & collections_of(item.policy))


def _ruling(rule: Rule, layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return the layers that state a rule about the same; not those where permissions win."""
    form = rule_form(rule)
    return tuple(
        item.name
        for item, policy in ((item, unfolded(item.policy)) for item in layers)
        if any(
            rule_form(own) == form
            for own in (
                *policy.prohibitions,
                *policy.obligations,
                *(duty for permission in policy.permissions for duty in permission.duties),
            )
        )
    )

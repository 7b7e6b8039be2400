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
from policies_odrl.model import Action, Policy, PolicyKind
from policies_odrl.vocabulary import same_action

# The layers of a data space, from the outermost.
AUTHORITY: Final = "authority"
CHARTER: Final = "charter"
OFFER: Final = "offer"
TERMS: Final = "terms"
_Word = tuple[str, object]  # what sort of part, and its form


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
    said = [(item.name, frozenset(_words(item.policy))) for item in layers]

    def stated(path: str, item: Said, *words: _Word) -> Stated:
        """Name the layers that say the first of some words which any layer says."""
        naming = (tuple(name for name, own in said if word in own) for word in words)
        return Stated(path, item, next(filter(None, naming), ()))

    for index, rule in enumerate(whole.permissions):
        path = f"/permission/{index}"
        bare = Action(rule.action.id)
        yield stated(f"{path}/action", bare, ("action", bare.id))
        for place, items in (
            (f"{path}/action/odrl:refinement", rule.action.refinements),
            (f"{path}/constraint", rule.constraints),
        ):
            for number, item in enumerate(items):  # a list may have been met from several
                words = ("condition", condition_form(item)), ("subject", subject(item))
                yield stated(f"{place}/{number}", item, *words)
        for number, duty in enumerate(rule.duties):
            yield stated(f"{path}/duty/{number}", duty, ("rule", rule_form(duty)))
    about = unfolded(whole)
    for index, ban in enumerate(about.prohibitions):  # one may only keep a collection in mind
        named = [("collection", it.id) for it in (ban.target, ban.assignee) if it is not None]
        given = whole.prohibitions[index]
        yield stated(f"/prohibition/{index}", given, ("rule", rule_form(ban)), *named)
    for index, obligation in enumerate(about.obligations):
        given_duty = whole.obligations[index]
        yield stated(f"/obligation/{index}", given_duty, ("rule", rule_form(obligation)))


def _words(policy: Policy) -> Iterator[_Word]:
    """Yield what a layer asks for; not the prohibitions where permissions win."""
    for rule in policy.permissions:
        yield "action", same_action(rule.action.id)
        for item in flat((*rule.constraints, *rule.action.refinements)):
            yield "condition", condition_form(item)
            yield "subject", subject(item)
    yield from (("collection", name) for name in collections_of(policy))
    plain = unfolded(policy)
    duties = (duty for rule in plain.permissions for duty in rule.duties)
    for ruled in (*plain.prohibitions, *plain.obligations, *duties):
        yield "rule", rule_form(ruled)

"""Which rules of a policy can apply to a request: found by action, target and assignee.

Rules: a rule that names one asset, one party or neither is found by name; one that names a
collection, selects by refinements, or has no action is always found; nothing that a whole
evaluation would find to be other than False is left out. Work grows with the rules that can apply,
not with the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from policies_odrl.model import AssetRef, PartyRef, Policy, PolicyKind, Rule
from policies_odrl.vocabulary import same_action

R = TypeVar("R", bound=Rule)

ANY: Final = ""  # in a key: whatever is asked for


@dataclass(frozen=True, slots=True)
class Place(Generic[R]):
    """A rule and where it stands.

    Attributes:
        path: JSON pointer into the written policy.
        rule: the rule.
        plain: whether it is about what its key says, and nothing else has to be looked at for that.
    """

    path: str
    rule: R
    plain: bool


class Index(Generic[R]):
    """Rules of one kind, by what they are about."""

    def __init__(self, policy: Policy, rules: Sequence[tuple[str, R]]) -> None:
        self._found: dict[tuple[str, str, str], list[Place[R]]] = {}
        order: dict[str, int] = {}
        for position, (path, rule) in enumerate(rules):
            order[path] = position
            key, plain = _key(policy, rule)
            self._found.setdefault(key, []).append(Place(path, rule, plain))
        self._order = order
        self.actions: frozenset[str] = frozenset(action for action, _, _ in self._found)
        self.names_targets = any(target for _, target, _ in self._found)
        self.names_parties = any(party for _, _, party in self._found)

    def of(
        self, actions: Iterable[str], targets: Iterable[str], parties: Iterable[str]
    ) -> tuple[Place[R], ...]:
        """Return the rules about one of the actions, targets and parties, in order of the policy.

        Args:
            actions: current IRIs.
            targets: IRIs.
            parties: IRIs.
        """
        keys = [
            (action, target, party)
            for action in (*actions, ANY)
            for target in (*targets, ANY)
            for party in (*parties, ANY)
        ]
        found = [place for key in dict.fromkeys(keys) for place in self._found.get(key, ())]
        return tuple(sorted(found, key=lambda place: self._order[place.path]))


def _key(policy: Policy, rule: Rule) -> tuple[tuple[str, str, str], bool]:
    target, one_target = _named(policy.target_of(rule))
    assignee = policy.assignee_of(rule)
    party, one_party = _named(assignee)
    binds_nobody = assignee is None and policy.kind is PolicyKind.AGREEMENT
    action = same_action(rule.action.id) if rule.action.id else ANY
    understood = not rule.unread and action != ANY
    plain = one_target and one_party and not binds_nobody and understood
    return (action, target, party), plain


def _named(item: AssetRef | PartyRef | None) -> tuple[str, bool]:
    """Return by which name a reference is found, and whether that is all there is to it."""
    if item is None:
        return ANY, True
    if item.collection or item.source or item.refinements or not item.id:
        return ANY, False
    return item.id, True

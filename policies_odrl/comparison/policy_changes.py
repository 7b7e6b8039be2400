"""What differs between two policies as wholes: prohibitions, obligations, strategy, what is read.

Rules: bans and obligations are compared with all that they are about, so that the same text about
another thing is another rule; a strategy is a change only where something is prohibited (IM 2.10);
what keeps a policy from being evaluated (unknown profile, parent, successor) is a change too; so is
what is taken for a collection where something is prohibited, because it may hold that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies_odrl.algebra.forms import rule_form
from policies_odrl.comparison.folding import unfolded
from policies_odrl.comparison.term_change import ChangeKind, TermChange, moved
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Conflict, Iri, Policy, Rule
from policies_odrl.vocabulary import PROFILES


def rest_changes(asked: Policy, offered: Policy, source: str = "offer") -> Iterator[TermChange]:
    """Yield the prohibitions and obligations that an offer adds, whatever they are about."""
    mine, other = unfolded(asked), unfolded(offered)
    groups: tuple[tuple[ChangeKind, Sequence[Rule], Sequence[Rule]], ...] = (
        (ChangeKind.PROHIBITION, mine.prohibitions, other.prohibitions),
        (ChangeKind.OBLIGATION, mine.obligations, other.obligations),
    )
    for kind, own, theirs in groups:
        added = new_rules(theirs, own)
        for index, rule in enumerate(theirs):
            if rule in added:
                path = f"/{kind.value}/{index}"
                yield TermChange(kind, "", kind.value, (), (rule,), source, path)


def lost_rules(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield the prohibitions and obligations of a request that an offer leaves out."""
    mine, other = unfolded(asked), unfolded(offered)
    for ban in new_rules(mine.prohibitions, other.prohibitions):
        path = f"/prohibition/{mine.prohibitions.index(ban)}"
        yield TermChange(ChangeKind.REMOVED, path, "prohibition", (ban,))
    for duty in new_rules(mine.obligations, other.obligations):
        path = f"/obligation/{mine.obligations.index(duty)}"
        yield TermChange(ChangeKind.REMOVED, path, "obligation", (duty,))


def strategy_changes(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield that prohibitions weigh otherwise than asked for (IM 2.10).

    Nothing is asked for where no strategy is stated and nothing prohibited.
    """
    mine, theirs = (it.conflict or Conflict.INVALID for it in (asked, offered))
    silent = asked.conflict is None and not asked.prohibitions
    if mine is not theirs and unfolded(offered).prohibitions and not silent:
        yield TermChange(ChangeKind.NARROWED, "", "conflict", (mine,), (theirs,))


def readings(asked: Policy, offered: Policy, knowledge: Knowledge) -> Iterator[TermChange]:
    """Yield what makes that a policy is read otherwise, or cannot be, as evaluation does."""
    known = PROFILES | knowledge.profiles
    yield from collection_changes(asked, offered)
    for name, mine, theirs in (
        ("profile", frozenset(asked.profiles) - known, frozenset(offered.profiles) - known),
        ("inheritFrom", frozenset(asked.inherits), frozenset(offered.inherits)),
        ("isReplacedBy", frozenset([asked.replaced_by]), frozenset([offered.replaced_by])),
    ):
        yield from _read_otherwise(name, mine, theirs)


def collection_changes(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield that other things are taken for collections, where both policies prohibit something."""
    mine, theirs = unfolded(asked), unfolded(offered)
    if mine.prohibitions and theirs.prohibitions:
        yield from _read_otherwise("collection", collections_of(mine), collections_of(theirs))


def _read_otherwise(
    name: str, mine: frozenset[str], theirs: frozenset[str]
) -> Iterator[TermChange]:
    before, after = (tuple(Iri(it) for it in sorted(found) if it) for found in (mine, theirs))
    if before != after:
        yield TermChange(moved(before, after), "", name, before, after)


def new_rules(rules: Sequence[Rule], known: Sequence[Rule]) -> list[Rule]:
    """Return the rules that are none of those known."""
    forms = {rule_form(rule) for rule in known}
    return [rule for rule in rules if rule_form(rule) not in forms]

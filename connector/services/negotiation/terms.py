"""What a policy means in a negotiation: its figures, its coverage, and how a wish relates to it.

Rules: only terms that this node can check, enforce or audit are offered, accepted or contracted;
what a consumer asks for is met by the provider's own rendering of the narrower terms, inside the
offer or inside the private reserve; everything else gets the greatest terms under both, or a
refusal that names each attribute that does not fit. Pure but for reading; the cap over all
contracts of a dataset is `services/privacy/budget.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import policies_odrl
from connector.domain import instant
from connector.domain.catalog.dataset import Offer
from connector.domain.contract.negotiation import Negotiation, Role
from connector.domain.decision import Refusal
from connector.domain.layer import LayerKind
from connector.enforcement import compile as compiling
from connector.enforcement.compile import Outline
from connector.enforcement.coverage import PROFILE_PATH
from connector.enforcement.ground import Ground
from connector.enforcement.layers import Stated, bare, unmet
from connector.enforcement.mechanism import Mechanisms
from connector.errors import (
    ContractExpired,
    Malformed,
    MembershipRequired,
    PolicyInvalid,
    PreauError,
)
from connector.jsonld.canonical import canonical
from connector.jsonld.policy import read_policy, said
from connector.jsonld.profiles import NO_PROFILES, Profiles, declared
from connector.protocol.codec import MAX_LINE, MAX_LINES
from connector.protocol.messages import CoverageLine
from federated.privacy.rule import Accounting, Rule, fixed
from policies_odrl import AssetRef, PartyRef, Policy, PolicyKind
from policies_odrl.checking.findings import Severity
from policies_odrl.comparison.counter import CounterOffer
from policies_odrl.comparison.differences import Compared
from policies_odrl.comparison.wording import foreign
from policies_odrl.reading.inventory import size

T = TypeVar("T")

# Largest terms that are judged. Judging compares conditions with one another, so that its cost is
# more than proportional to their number; offers of use are far below.
MAX_RULES: Final = 16
MAX_CONDITIONS: Final = 64
MAX_BYTES: Final = 32 * 1024  # as a peer wrote them
MAX_VALUES: Final = 256  # right operands of all conditions together
# Warnings that are not published all the same: others may not understand what is decided here.
_PRIVATE: Final = frozenset({"undeclared-profile"})

# Stand in for what only an agreement fills in, where an offer is asked what it would mean.
_ANY_ASSET = AssetRef("urn:preau:any-dataset")
_ANY_PARTY = PartyRef("urn:preau:any-party")
# Of a policy, what its plan may follow from.
_COMPARED: Final = attrgetter(
    *(each.name for each in fields(Policy) if each.name not in ("kind", "id", "timestamp"))
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a wish relates to an offer.

    Attributes:
        as_offered: the offer itself may be contracted.
        policy: narrower terms to offer, in the provider's words; None when there are none.
        reasons: why those differ from the wish, or why nothing fits; empty when the wish is met.
        weakens: which layers in force the wish does not keep to; they stand in `reasons` too.
        report: what narrower terms come to on the rows, signed; or why they are not offered. None
            where that was not asked.
    """

    as_offered: bool = False
    policy: Policy | None = None
    reasons: tuple[str, ...] = ()
    weakens: tuple[str, ...] = ()
    report: str | Refusal | None = None


@dataclass(frozen=True, slots=True)
class Considered(Generic[T]):
    """What was found before a write transaction, so that nothing is judged inside it.

    The transaction asks again by the state that it sees: only an answer to that very question
    counts, and where the state became another meanwhile the question is judged anew.

    Attributes:
        question: all that the answer follows from.
        answer: what was found.
    """

    question: tuple[object, ...]
    answer: T


def answered(known: Considered[T] | None, question: tuple[object, ...]) -> T | None:
    """Return what was found for a question; None when it was not asked."""
    return known.answer if known is not None and known.question == question else None


def outline(policy: Policy, mechanisms: Mechanisms) -> Outline:
    """Return what an offer or agreement asks of a node, with its figures.

    Name and time of an agreement change nothing of it: all contracts on one offer have one.

    Raises:
        ConstraintUnknown: a part that no mechanism of this node could uphold.
        PolicyInvalid: a figure is missing or cannot be read.
    """
    return _outlined(_Terms(policy), mechanisms)


class _Terms:
    """A policy but for name and time; those that share their rules are compared without a look.

    Contracts on one offer do: `connector/jsonld/policy.py` reads what they have in common once.
    """

    __slots__ = ("policy",)

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __hash__(self) -> int:
        rules = self.policy
        return hash((id(rules.permissions), id(rules.prohibitions), id(rules.obligations)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Terms):
            return NotImplemented
        return bool(_COMPARED(self.policy) == _COMPARED(other.policy))


@lru_cache(maxsize=256)
def _outlined(terms: _Terms, mechanisms: Mechanisms) -> Outline:
    return _outline(_anyhow(terms.policy), mechanisms)


@lru_cache(maxsize=256)
def _outline(policy: Policy, mechanisms: Mechanisms) -> Outline:
    return compiling.outline(policy, mechanisms)


def _anyhow(policy: Policy) -> Policy:
    """Return a policy as an agreement without name and time, between anybody if none is named."""
    return replace(
        policy,
        kind=PolicyKind.AGREEMENT,
        id="",
        timestamp="",
        target=policy.target or _ANY_ASSET,
        assigner=policy.assigner or _ANY_PARTY,
        assignee=policy.assignee or _ANY_PARTY,
    )


def planned(agreed: Policy, ground: Ground, mechanisms: Mechanisms) -> Mapping[str, Any]:
    """Return the plan of an agreement about a dataset, as it is signed.

    Raises:
        PreauError: as `outline`, or the dataset has not what the policy speaks of.
    """
    return _planned(_Terms(agreed), ground, mechanisms)


@lru_cache(maxsize=256)
def _planned(terms: _Terms, ground: Ground, mechanisms: Mechanisms) -> Mapping[str, Any]:
    return compiling.compile_agreement(_anyhow(terms.policy), mechanisms, ground).as_json()


def accounting(rule: Rule, policy: Policy, mechanisms: Mechanisms) -> Accounting | None:
    """Return how privacy is accounted for under a policy; None where none of it is spent.

    Raises:
        PreauError: as `outline`.
    """
    figures = outline(policy, mechanisms).figures
    if not figures.epsilon:
        return None
    return fixed(rule, figures.epsilon, figures.delta)


def as_agreement(
    policy: Policy, name: str, dataset_id: str, parties: tuple[str, str], at: datetime
) -> Policy:
    """Return an offer as an agreement; nothing else of it changes.

    Args:
        policy: the offer.
        name: IRI of the agreement.
        dataset_id: what it is about.
        parties: DIDs of provider and consumer.
        at: when it is concluded, UTC.
    """
    provider, consumer = parties
    return replace(
        policy,
        kind=PolicyKind.AGREEMENT,
        id=name,
        target=AssetRef(dataset_id),
        assigner=PartyRef(provider),
        assignee=PartyRef(consumer),
        timestamp=instant.text(at),
    )


def coverage(policy: Policy, mechanisms: Mechanisms) -> tuple[CoverageLine, ...]:
    """Return how each action and constraint is upheld.

    Raises:
        ConstraintUnknown: one that this node can neither check, enforce nor audit.
        PolicyInvalid: as `outline`.
    """
    return tuple(CoverageLine(**line.as_json()) for line in outline(policy, mechanisms).coverage)


def coverage_bytes(lines: Iterable[CoverageLine]) -> bytes:
    """Return a table as an offer keeps it.

    A release that words a line otherwise brings a revision of the schema that empties what is
    kept, so that it is found anew: consumers compare it with what they find.
    """
    return canonical([line.to_body() for line in lines])


def coverage_shown(offer: Offer, mechanisms: Mechanisms) -> tuple[CoverageLine, ...]:
    """Return how each part of an own offer is upheld, as it keeps it, or else as is found now.

    Profiles may be of another version than when it was published. An offer may be older than the
    rules of this node: it is contracted no more, and its empty table hides no other offer.
    """
    kept = _kept(offer)
    if kept and not kept[0].path.startswith(PROFILE_PATH):
        return kept
    try:
        return coverage_now(offer, mechanisms)
    except PreauError:
        return ()


def coverage_now(offer: Offer, mechanisms: Mechanisms) -> tuple[CoverageLine, ...]:
    """Return how each part of an own offer is upheld now, with the layers that it keeps.

    Raises:
        PreauError: as `coverage`.
    """
    layers = {line.path: line.layer for line in _kept(offer)}
    found = coverage(read_policy(offer.policy, mechanisms.profiles), mechanisms)
    return tuple(replace(line, layer=layers.get(line.path, LayerKind.OFFER)) for line in found)


def _kept(offer: Offer) -> tuple[CoverageLine, ...]:
    """Return the table that an offer keeps; nothing where it cannot be read, and is found anew."""
    try:
        found = json.loads(offer.coverage or b"[]")
        return tuple(map(CoverageLine.from_body, found)) if isinstance(found, list) else ()
    except (ValueError, Malformed):
        return ()


def other_version(policy: Policy, shown: Sequence[CoverageLine], mechanisms: Mechanisms) -> str:
    """Return the first profile of a policy whose bytes here are not those shown or signed.

    Raises:
        PreauError: as `outline`.
    """
    names = declared(policy)
    own = coverage(policy, mechanisms)[: len(names)] if names else ()  # they come first
    known = {replace(line, layer="") for line in shown[: len(names)]}
    return next((name for name, line in zip(names, own, strict=True) if line not in known), "")


def check_sound(policy: Policy, mechanisms: Mechanisms) -> None:
    """Check that a policy is well formed and can do what it says.

    Raises:
        PolicyInvalid: the reason names the first fault and its fix.
        ConstraintUnknown: a part that this node can neither check, enforce nor audit.
    """
    check_size(policy)
    for name, profile in mechanisms.profiles.undeclared(policy):
        raise PolicyInvalid(
            f"`{name}` is a term of profile `{profile}`, which the policy does not declare",
            hint=f'state `"profile": "{profile}"` in the policy',
        )
    for found in policies_odrl.validate(policy, knowledge=mechanisms.profiles.known(policy)):
        if found.severity is Severity.ERROR or found.code in _PRIVATE:
            where = f" at `{found.path}`" if found.path else ""
            raise PolicyInvalid(f"{found.sentence}{where}", hint=found.fix)
    outline(policy, mechanisms)


def check_size(policy: Policy) -> None:
    """Check that terms are small enough to be judged.

    Raises:
        PolicyInvalid: more than `MAX_RULES`, `MAX_CONDITIONS` or `MAX_VALUES`.
    """
    found = size(policy)
    most = (MAX_RULES, MAX_CONDITIONS, MAX_VALUES)
    if any(count > limit for count, limit in zip(found, most, strict=True)):
        raise PolicyInvalid(
            "the policy has {} rules, {} conditions and {} values, ".format(*found)
            + "at most {}, {} and {} are evaluated".format(*most)
        )


def read_small(data: bytes, profiles: Profiles) -> Policy:
    """Read a peer's terms that are small enough to be judged.

    Raises:
        Malformed: not JSON-LD that can be read without loss.
        PolicyInvalid: larger than `MAX_BYTES`, not a policy that this node knows, or `check_size`.
    """
    if len(data) > MAX_BYTES:
        raise PolicyInvalid(f"the policy has {len(data)} bytes, at most {MAX_BYTES} are evaluated")
    policy = read_policy(data, profiles)
    check_size(policy)
    return policy


def check_readable(policy: bytes, mechanisms: Mechanisms) -> None:
    """Check that this node understands all of a peer's terms before it accepts them.

    Raises:
        Malformed: not JSON-LD that can be read without loss.
        PolicyInvalid: not a policy that this node knows.
        ConstraintUnknown: a part that nobody could uphold.
    """
    outline(read_small(policy, mechanisms.profiles), mechanisms)


def same(left: Policy, right: Policy) -> bool:
    """Whether two policies set the same terms, whoever and whatever they name as a whole."""
    return policies_odrl.same_meaning(bare(left), bare(right))


def fits(asked: bytes, shown: bytes, offered: bytes, mechanisms: Mechanisms) -> bool:
    """Whether an offer means what was asked for, says nothing new, and this node understands it.

    Labels, descriptions and metadata decide nothing, yet a person reads them: an offer that holds
    one more than what was asked for or shown before waits for the operator.

    Args:
        asked: terms that the consumer asked for.
        shown: the provider's offer before this one; may be empty.
        offered: the offer.
        mechanisms: of this node.

    Raises:
        Malformed: the offer cannot be read without loss.
        PolicyInvalid: it is not a policy that this node knows, or is too large to be judged.
    """
    profiles = mechanisms.profiles
    policy, wish = read_small(offered, profiles), read_policy(asked, profiles)
    known = said(read_policy(shown, profiles)) if shown else ()
    new = said(policy).difference(said(wish), known)
    if new or not same(wish, policy):
        return False
    try:
        outline(policy, mechanisms)
    except PreauError:
        return False
    return True


def judge(
    offer: Offer,
    wish: bytes,
    dataset_id: str,
    mechanisms: Mechanisms,
    layers: Sequence[Stated] = (),
) -> Verdict:
    """Return how the terms that a consumer asks for relate to an offer of ours.

    Args:
        offer: ours.
        wish: canonical JSON-LD as received; empty means "as offered".
        dataset_id: what the negotiation is about.
        mechanisms: of this node.
        layers: in force for the dataset; the offer lies within them.

    Raises:
        Malformed: the wish cannot be read without loss, or is about another dataset.
        PolicyInvalid: it is not a policy that this node knows, or is too large to be judged.
    """
    if wish in (b"", offer.policy):
        return Verdict(as_offered=True)
    profiles = mechanisms.profiles
    offered, asked = bare(read_policy(offer.policy, profiles)), read_small(wish, profiles)
    if asked.target is not None and asked.target.id != dataset_id:
        raise Malformed("the terms asked for are about another dataset")
    asked = bare(asked)
    if policies_odrl.same_meaning(offered, asked):
        return Verdict(as_offered=True)
    reserve = bare(read_policy(offer.reserve, profiles)) if offer.reserve else None
    found = _narrowed(offered, asked, reserve, mechanisms)
    if not found.reasons:
        return found
    weakens = tuple(one_line(str(each)) for each in unmet(layers, asked, profiles))
    reasons = dict.fromkeys((*weakens, *found.reasons))
    return replace(found, reasons=tuple(reasons)[:MAX_LINES], weakens=weakens)


def changes(asked: bytes, offered: bytes, profiles: Profiles = NO_PROFILES) -> tuple[Compared, ...]:
    """Return what an offer changes of what was asked for, as this node finds by comparing them.

    Nothing of it is taken from what the other party says about its offer. Empty only where nothing
    was asked for or offered, or nothing changes.

    Raises:
        Malformed: one of the two cannot be read without loss.
        PolicyInvalid: one is not a policy that this node knows, or is too large to be judged.
    """
    return _changed(asked, offered, profiles) if asked and offered and asked != offered else ()


def tabled(found: Negotiation, profiles: Profiles = NO_PROFILES) -> tuple[Compared, ...]:
    """Return what the provider's terms on the table change of those that were asked for.

    None of what a consumer has just asked for. Raises as `changes`.
    """
    if found.policy_by is not Role.PROVIDER:
        return ()
    return changes(found.asked, found.policy, profiles)


@lru_cache(maxsize=128)
def _changed(asked: bytes, offered: bytes, profiles: Profiles) -> tuple[Compared, ...]:
    mine, theirs = (bare(read_small(each, profiles)) for each in (asked, offered))
    return policies_odrl.term_changes(mine, theirs, profiles.known(mine, theirs))


def refusal_now(
    policy: Policy, space: str, now: datetime, mechanisms: Mechanisms
) -> Refusal | None:
    """Return why an offer may not be contracted at this moment, or None.

    Args:
        policy: the offer.
        space: the space whose membership the caller has shown.
        now: UTC.
        mechanisms: of this node.

    Raises:
        PolicyInvalid: the offer has no figures; it could not have been published.
    """
    found = outline(policy, mechanisms)
    if found.valid_until is not None and now >= found.valid_until:
        end = instant.text(found.valid_until)
        return Refusal(ContractExpired.code, (f"the offer ended at {end}",))
    others = [name for name in found.memberships if name != space]
    if others:
        return Refusal(MembershipRequired.code, (f"membership of `{others[0]}` was not shown",))
    return None


def _narrowed(
    offered: Policy, asked: Policy, reserve: Policy | None, mechanisms: Mechanisms
) -> Verdict:
    """Return narrower terms in our own words; what only the consumer's could say is refused."""
    own = (offered, reserve) if reserve else (offered,)
    lines: list[str] = []
    knowledge = mechanisms.profiles.known(*own)  # what only the wish declares is none of ours
    for private in dict.fromkeys((reserve, None)):
        found = policies_odrl.counter_offer(offered, asked, private, knowledge)
        words = (
            foreign(found.policy, *own, terms=knowledge.broader) if found.policy is not None else ()
        )
        unmet = _not_upheld(found.policy, mechanisms) if found.policy is not None else ()
        if found.policy is not None and not words and not unmet:
            return Verdict(policy=found.policy, reasons=() if found.agreed else _reasons(found))
        lines[:0] = words
        if not found.reserve:  # what is not offered would tell of the reserve for nothing
            lines.extend((*unmet, *_reasons(found)))
    reasons = tuple(dict.fromkeys(one_line(line) for line in lines))
    return Verdict(reasons=reasons[:MAX_LINES] or ("the terms asked for cannot be upheld here",))


def _reasons(found: CounterOffer) -> tuple[str, ...]:
    """Return what changes and why, as the consumer may see it: the reserve stays private."""
    public = (
        replace(item, because="", rule="") if item.because == "reserve" else item
        for item in found.changes
    )
    lines = [item.line for item in public if found.policy is not None]
    return tuple(one_line(line) for line in (*lines, *(item.line for item in found.blocked)))


def one_line(text: str) -> str:
    """Return text as one line that a message may carry, whatever a party's terms hold.

    A line that was cut ends with an ellipsis, so that nobody takes it for the whole.
    """
    line = "".join(sign if sign.isprintable() else "?" for sign in text)
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}\N{HORIZONTAL ELLIPSIS}"


def _not_upheld(policy: Policy, mechanisms: Mechanisms) -> tuple[str, ...]:
    """Return why this node could not uphold terms, or why nobody could ever use them."""
    try:
        check_sound(policy, mechanisms)
    except PreauError as exc:
        return (exc.reason,)
    return ()

"""What a consumer states when it asks a site to add to a sum, and whether a plan allows it; pure.

Rules: a site is asked twice. First it joins a session: it answers with a key of its own, signed.
Then, for each round, it is told all sites of the sum with their keys, and answers with its masked
vector. All sites of a round are told the very same, whose digest is in every mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector.enforcement.steps.members import names
from connector.enforcement.steps.summing import Sum
from connector.errors import SumRefused
from connector.jsonld.canonical import canonical, sha256_hex
from federated.aggregation import LEAST_SITES, MOST_SITES, triangle
from federated.reading import Member

MOST_TERMS: Final = 40
_FARTHEST: Final = 500.0  # log odds: e to the power of it is a number
KEY_TYPE: Final = "preau-sum-key+jws"
_HEX: Final = r"[0-9a-f]{64}"
_SESSION: Final = r"urn:uuid:[0-9a-f-]{36}"
_MOST_SIGNATURE: Final = 1024


@dataclass(frozen=True, slots=True)
class Joined:
    """A site of a sum.

    Attributes:
        site: DID.
        dataset: IRI of what it adds.
        key: of this session, X25519, hex.
        signature: of the site over `key_bytes`, detached JWS.
    """

    site: str
    dataset: str
    key: str
    signature: str

    def body(self) -> dict[str, str]:
        """Return its members."""
        return {
            "site": self.site,
            "dataset": self.dataset,
            "key": self.key,
            "signature": self.signature,
        }

    @classmethod
    def read(cls, member: Member) -> Joined:
        """Return the site that these members say.

        Raises:
            Exception: a member is missing, unknown or wrong, as `member` raises it.
        """
        part = member.fields("site", "dataset", "key", "signature")
        return cls(
            part["site"].text(),
            part["dataset"].text(),
            part["key"].text(pattern=_HEX),
            part["signature"].text(most=_MOST_SIGNATURE),
        )


@dataclass(frozen=True, slots=True)
class SumRequest:
    """A round of sums that is asked for, or a session that is to be joined.

    A row x has 1, a 0/1 of each further value of each category, and of each number its place
    (x - middle) / half in its public range, cut to [-1, 1]. With an outcome y of numbers, cut
    alike, the vector is  Σ (x,y)(x,y)ᵀ. With an event it is  n,  Σ x (y - p),  Σ x xᵀ p (1 - p)
    at  p = 1/(1 + exp(-x β)).

    Attributes:
        session: `urn:uuid:…`, new for each fit.
        members: all sites of the sum; none where it is joined.
        levels: category -> its values, of which the first is the reference.
        numbers: columns of numbers.
        outcome: column of numbers; empty with an event.
        event: (column, value) that is 1; empty texts without.
        at: β, one for each term; none without an event.
    """

    session: str
    members: tuple[Joined, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    outcome: str = ""
    event: tuple[str, str] = ("", "")
    at: tuple[float, ...] = ()

    @property
    def terms(self) -> int:
        """How many terms a row has."""
        return 1 + sum(len(values) - 1 for values in self.levels.values()) + len(self.numbers)

    @property
    def entries(self) -> int:
        """How many numbers a vector has."""
        if self.outcome:
            return len(triangle(self.terms + 1))
        return 1 + self.terms + len(triangle(self.terms))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is of."""
        return (*self.levels, *self.numbers, *filter(None, (self.outcome, self.event[0])))

    @property
    def context(self) -> str:
        """SHA-256 (hex) of all that the round is about."""
        return sha256_hex(canonical(self.body()))

    @property
    def model(self) -> str:
        """SHA-256 (hex) of what is fitted, whatever the order of its terms."""
        columns = [*sorted(self.levels), *sorted(self.numbers)]
        return sha256_hex(canonical([columns, self.outcome, *self.event]))

    @property
    def point(self) -> str:
        """SHA-256 (hex) of where it is asked."""
        levels = {name: list(values) for name, values in self.levels.items()}
        return sha256_hex(canonical([levels, list(self.numbers), list(self.at)]))

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {
            "session": self.session,
            "members": [each.body() for each in self.members],
            "levels": {name: list(values) for name, values in self.levels.items()},
            "order": list(self.levels),
            "numbers": list(self.numbers),
            "outcome": self.outcome,
            "event": list(self.event),
            "at": list(self.at),
        }

    @classmethod
    def read(cls, member: Member) -> SumRequest:
        """Return the request that these members state.

        Raises:
            Exception: a member is missing, unknown or wrong, as `member` raises it.
        """
        regression = ("levels", "order", "numbers", "outcome", "event", "at")
        part = member.fields("session", "members", *regression)
        levels = part["levels"].entries(most=MOST_TERMS)
        order = names(part["order"])
        if sorted(order) != sorted(levels):
            part["order"].refuse("must name the categories")
        event = part["event"].items(least=2, most=2)
        found = cls(
            session=part["session"].text(pattern=_SESSION),
            members=tuple(map(Joined.read, part["members"].items(most=MOST_SITES))),
            levels={name: _values(levels[name]) for name in order},
            numbers=names(part["numbers"]),
            outcome=part["outcome"].content(),
            event=(event[0].content(), event[1].content()),
            at=tuple(_coefficient(each) for each in part["at"].items(most=MOST_TERMS)),
        )
        if found.terms > MOST_TERMS:
            member.refuse(f"has more than {MOST_TERMS} terms")
        return found


def key_bytes(session: str, consumer: str, site: str, dataset: str, key: str) -> bytes:
    """Return the bytes that a site signs of its key of a session."""
    stated = {"session": session, "consumer": consumer, "site": site, "dataset": dataset}
    return canonical({"version": 1, **stated, "key": key})


def check(request: SumRequest, step: Sum | None, site: str, consumer: str) -> None:
    """Check that a plan allows a site to add to a sum, or to join a session.

    Args:
        request: what is asked for.
        step: of the plan; None where it has none.
        site: DID of who is asked.
        consumer: DID of who asks.

    Raises:
        SumRefused: it does not; the reason says what.
    """
    if step is None:
        raise SumRefused("this use of the contract has no sums over sites")
    for each in request.columns:
        if each not in step.columns:
            raise SumRefused(f"the plan has no public range and no values of `{each}`")
    _check_terms(request, step)
    if request.members:
        check_round(request, step, site, consumer)


def _check_terms(request: SumRequest, step: Sum) -> None:
    if bool(request.outcome) is any(request.event) or len(set(request.columns)) != len(
        request.columns
    ):
        raise SumRefused("a regression has one outcome, and names no column twice")
    for name, values in request.levels.items():
        if sorted(values) != sorted(step.categories.get(name, ())):
            raise SumRefused(
                f"the request must name all values of `{name}` that the plan lists, and no others"
            )
    if any(each not in step.ranges for each in (*request.numbers, request.outcome) if each):
        raise SumRefused("a term of numbers, or an outcome, has no public range in the plan")
    column, value = request.event
    if column and value not in step.categories.get(column, ()):
        raise SumRefused(f"`{value}` is not a value of `{column}` in the plan")
    if sum(map(abs, request.at)) > _FARTHEST:
        raise SumRefused("the coefficients of the request are too large")


def check_round(request: SumRequest, step: Sum, site: str, consumer: str) -> None:
    """Check that a plan allows a site to add to a sum over these sites.

    Raises:
        SumRefused: it does not; the reason says what.
    """
    if len(request.at) != (0 if request.outcome else request.terms):
        raise SumRefused("a logistic regression needs one coefficient for each term")
    least, sites = max(step.minimum_sites, LEAST_SITES), [each.site for each in request.members]
    if len(sites) < least:
        raise SumRefused(f"a sum needs at least {least} sites, and {len(sites)} are named")
    if sites != sorted(set(sites)):
        raise SumRefused("the sites of a sum must be named once each, in order")
    if len({each.key for each in request.members}) != len(sites):
        raise SumRefused("two sites of a sum have the same key")
    if site not in sites or consumer in sites:
        raise SumRefused("a sum must name the site that is asked, but not the consumer")
    if strangers := [each for each in sites if each not in (site, *step.sites)]:
        raise SumRefused(
            f"the contract does not name `{strangers[0]}` among the sites (`preau:sites`)"
        )


def _values(member: Member) -> tuple[str, ...]:
    return tuple(each.content() for each in member.items(least=2, most=MOST_TERMS))


def _coefficient(member: Member) -> float:
    return member.number()

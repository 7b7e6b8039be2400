"""Regressions of sums over sites: who is there joins, then each round asks all of them.

Rules: what a plan does not allow is refused before a site is asked; a site that does not join is
named, and the sums are over the others, of whom each contract must name all; once a round has left,
the sums are over these sites or nobody. A masked vector tells nothing without all others.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from connector.errors import PreauError, StatisticUnfit, SumRefused, WorldFault, from_code
from connector.management.views.contracts.agreements import AgreementDetailView
from connector.management.views.contracts.uses import UseView

if TYPE_CHECKING:
    from connector.enforcement.steps.sum_request import SumRequest
    from connector.enforcement.steps.summing import Sum
    from federated.statistics import Asked, Result, Terms

FEDERATED_SUMS: Final = "https://w3id.org/preau/odrl/v1#federatedSums"
Post = Callable[[str, Mapping[str, Any], Mapping[str, str]], UseView]  # path, body, query
T = TypeVar("T")
U = TypeVar("U")

_PREPARING: Final = "preparing"
_READY: Final = "ready"
_AT_ONCE: Final = 16
_PAUSE: Final = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Part:
    """One site of a sum.

    Attributes:
        agreement: the contract.
        step: what its plan lets sums be.
    """

    agreement: AgreementDetailView
    step: Sum


@dataclass(frozen=True, slots=True)
class Told:
    """What a site answered to one request.

    Attributes:
        state: `ready`, or why there is nothing: `waiting`, `preparing`, `refused`, `failed` …
        code: of a refusal or failure.
        reason: of it, or of a wait.
        rows: of what is ready.
    """

    state: str
    code: str = ""
    reason: str = ""
    rows: tuple[Mapping[str, Any], ...] = ()


class Fit:
    """A regression of sums over the providers of some contracts."""

    def __init__(
        self,
        post: Post,
        asked: Asked,
        agreements: Sequence[AgreementDetailView],
        stated: Mapping[str, Sequence[str]],
        seconds: float,
    ) -> None:
        """Compare it with the plans; nothing is asked of a site.

        Args:
            post: posts to the node's management API.
            asked: the regression.
            agreements: contracts, one of each site.
            stated: operand to values, in place of what the contracts demand.
            seconds: for which a site that prepares, or does not answer, is waited for.

        Raises:
            SumRefused: a plan does not allow it.
            StatisticUnfit: it makes no sense over these contracts.
        """
        self._post, self._stated, self._seconds = post, stated, seconds
        self.parts = [Part(each, _step(each)) for each in agreements]
        providers = [each.provider for each in agreements]
        if len(set(providers)) != len(providers):
            raise StatisticUnfit(
                "two contracts are with the same site: a sum needs different sites"
            )
        self._asked = asked
        self._terms, self._blank = _request(asked, [each.step for each in self.parts])
        for each in self.parts:
            _check(self._blank, each)

    def run(self) -> tuple[Result, dict[str, Told]]:
        """Return the regression, and by provider what became of each site.

        Raises:
            SumRefused: too few sites are there, or a contract does not name one of them.
            PreauError: a site that had joined does not answer a round; the class says why.
            StatisticUnfit: the sums do not give it.
        """
        joins = _each(self._joined, self.parts)
        found = {it.agreement.provider: one for it, one in zip(self.parts, joins, strict=True)}
        there = [it for it in self.parts if found[it.agreement.provider].state == _READY]
        request = replace(self._blank, members=_members(there, found))
        self._check_there(there, found, request)
        sites = [each.site for each in request.members]

        def sums(at: Sequence[float]) -> Sequence[float]:
            return self._round(there, replace(request, at=tuple(at)))

        from federated.statistics import regress  # noqa: PLC0415 - loads NumPy and Arrow

        least = min(each.step.minimum for each in there)
        result = _own(
            lambda: regress(self._asked.kind, self._terms, sums, self._asked.level, sites, least)
        )
        return result, found

    def _check_there(
        self, there: Sequence[Part], found: Mapping[str, Told], request: SumRequest
    ) -> None:
        try:
            for each in there or self.parts[:1]:
                _check(request, each, joined=True)
        except SumRefused as exc:
            missing = [f"{site}: {it.code} {it.reason}".strip() for site, it in found.items()]
            gone = [
                it for it, one in zip(missing, found.values(), strict=True) if one.state != _READY
            ]
            if not gone:
                raise SumRefused(exc.reason, hint="no site was asked for a round") from exc
            raise SumRefused(f"without {'; '.join(gone)}", hint=exc.reason) from exc

    def _joined(self, part: Part) -> Told:
        try:
            return self._use(part, self._blank)
        except PreauError as exc:
            return Told("refused", exc.code, exc.reason)

    def _round(self, there: Sequence[Part], request: SumRequest) -> list[float]:
        from federated.aggregation import decoded, total, unspelled  # noqa: PLC0415 - start-up

        told = _each(lambda it: self._use(it, request), there)
        for part, each in zip(there, told, strict=True):
            if each.state != _READY:
                reason = f"{part.agreement.provider}: {each.reason or each.state}"
                raise from_code(each.code or StatisticUnfit.code, reason, _AGAIN)
            if len(each.rows) != request.entries:
                raise StatisticUnfit(
                    f"{part.agreement.provider} did not answer with a vector of the round"
                )
        return _own(
            lambda: decoded(
                total([[unspelled(str(row.get("sum"))) for row in each.rows] for each in told])
            )
        )

    def _use(self, part: Part, request: SumRequest) -> Told:
        """Ask a site, again while it prepares; one that does not answer is asked the same again."""
        body = {
            "agreement": part.agreement.id,
            "request": uuid.uuid4().urn,
            "action": FEDERATED_SUMS,
            "sums": request.body(),
            "stated": {left: list(values) for left, values in self._stated.items()},
        }
        joins, until = not request.members, time.monotonic() + self._seconds
        while True:
            try:
                found = self._post("/uses", body, {})
                while found.state == _PREPARING and time.monotonic() < until:
                    time.sleep(_PAUSE)
                    found = self._post("/use/again", {}, {"id": found.request})
                return Told(found.state, found.code, "; ".join(found.reasons), tuple(found.rows))
            except WorldFault as exc:
                if joins or time.monotonic() >= until:
                    raise type(exc)(
                        f"{part.agreement.provider}: {exc.reason}", hint=_AGAIN
                    ) from exc
                time.sleep(_PAUSE)


_AGAIN: Final = "sums of these data need all of these sites: fit again once all of them answer"


def _step(agreement: AgreementDetailView) -> Sum:
    """Return what a contract lets sums over sites be.

    Raises:
        SumRefused: it permits none.
    """
    from connector.enforcement import plan  # noqa: PLC0415 - start-up of the command stays fast
    from connector.enforcement.steps import registry  # noqa: PLC0415 - same
    from federated.reading import Member  # noqa: PLC0415 - same

    use = plan.read(Member(agreement.plan, _refusal)).of(FEDERATED_SUMS) if agreement.plan else None
    found = registry.table(use.steps).sum if use else None
    if found is None:
        raise SumRefused(
            f"the contract `{agreement.id}` permits no sums over sites (`preau:federatedSums`)",
            hint="without that term regressions have noise: leave `--sums` out, and state a budget",
        )
    return found


def _request(asked: Asked, steps: Sequence[Sum]) -> tuple[Terms, SumRequest]:
    """Return the terms of a regression, and what a site is asked to join with.

    Raises:
        StatisticUnfit: it is none, or the sites do not state the same of a column.
    """
    from connector.enforcement.steps.sum_request import SumRequest  # noqa: PLC0415 - start-up
    from federated.statistics import Terms, request  # noqa: PLC0415 - loads NumPy and Arrow
    from federated.statistics.sums import KINDS  # noqa: PLC0415 - same

    if asked.kind not in KINDS:
        raise StatisticUnfit(f"sums over sites give {' and '.join(KINDS)}, not `{asked.kind}`")
    _own(lambda: request(asked))
    levels = {}
    for name in asked.by:
        values = _common([each.categories.get(name) for each in steps], name, "values")
        order = [str(each) for each in asked.order.get(name, values)]
        if sorted(order) != sorted(values):
            raise StatisticUnfit(
                f"the order of `{name}` must name all of its values: {', '.join(values)}"
            )
        levels[name] = tuple(order)
    ends = {
        name: _common([each.ranges.get(name) for each in steps], name, "public range")
        for name in (*asked.on, *asked.of)
    }
    numbers = {name: ends[name] for name in asked.on}
    made = Terms(levels, numbers, *(ends[name] for name in asked.of))
    blank = SumRequest(
        session=uuid.uuid4().urn,
        levels=levels,
        numbers=asked.on,
        outcome=next(iter(asked.of), ""),
        event=asked.event,
    )
    return made, blank


def _common(stated: Sequence[T | None], name: str, what: str) -> T:
    if stated[0] is None or any(each != stated[0] for each in stated):
        raise StatisticUnfit(f"the contracts do not state the same {what} of `{name}`")
    return stated[0]


def _check(request: SumRequest, part: Part, *, joined: bool = False) -> None:
    from connector.enforcement.steps import sum_request  # noqa: PLC0415 - start-up

    at = (0.0,) * request.terms if joined and not request.outcome else ()
    agreement = part.agreement
    try:
        check = sum_request.check_round if joined else sum_request.check
        check(replace(request, at=at), part.step, agreement.provider, agreement.consumer)
    except SumRefused as exc:
        reason = f"{agreement.provider}: {exc.reason}"
        raise SumRefused(reason, hint="nothing was asked of any site") from exc


def _members(there: Sequence[Part], found: Mapping[str, Told]) -> tuple[Any, ...]:
    from connector.enforcement.steps.sum_request import Joined  # noqa: PLC0415 - start-up
    from federated.reading import Member  # noqa: PLC0415 - same

    said = [found[each.agreement.provider].rows for each in there]
    joined = [Joined.read(Member(dict(rows[0]) if rows else None, _refusal)) for rows in said]
    return tuple(sorted(joined, key=lambda each: each.site))


def _each(act: Callable[[Part], U], parts: Sequence[Part]) -> list[U]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(act, parts))


def _own(made: Callable[[], T]) -> T:
    """Return what the library makes; its refusals are ours."""
    from federated.errors import StatisticUnfit as Unfit  # noqa: PLC0415 - start-up

    try:
        return made()
    except Unfit as exc:
        raise StatisticUnfit(exc.reason) from exc


def _refusal(pointer: str, fault: str) -> PreauError:
    return StatisticUnfit(f"sum {pointer or '/'}: {fault}")

"""Statistics over several sites: every contract's provider is asked at once, by one table each.

Rules: a table that any of the signed plans does not allow is refused before a site is asked, hence
before anything is spent; a site that refuses, waits or does not answer is named, and the statistic
is of the others. Leaves judging to the sites, and the mathematics to `federated.statistics`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from connector.errors import (
    ApprovalAwaited,
    NotFound,
    PreauError,
    StatisticUnfit,
    WorldFault,
    from_code,
)
from connector.management.views.contracts.agreements import AgreementDetailView
from connector.management.views.contracts.uses import UseView
from connector.sdk.calls import Calls

if TYPE_CHECKING:
    from connector.enforcement.steps.request import TableRequest
    from connector.enforcement.steps.spending import Spending
    from connector.enforcement.steps.table import TableSteps
    from federated.statistics import Answer, Asked, Result

AGGREGATE: Final = "http://www.w3.org/ns/odrl/2/aggregate"
NO_CELLS: Final[Mapping[str, Any]] = {
    "dimensions": [],
    "measures": [{"function": "count", "column": ""}],
    "filters": [],
    "totals": False,
    "epsilon": 0.0,
    "delta": 0.0,
}
T = TypeVar("T")

_PREPARING: Final = "preparing"
_WAITS: Final = ("waiting", _PREPARING)
_AT_ONCE: Final = 16
_PAUSE: Final = 1.0  # seconds, between the provider's own waits
_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What became of a site's part.

    Attributes:
        provider: DID.
        agreement: the contract.
        request: our id of the request, to be given in place of the contract to ask for the same
            again; empty where it was not sent, for all that is known, or was refused for good.
        state: `ready`, or why it has no part: `waiting`, `preparing`, `refused`, `failed` …
        code: of a refusal or failure.
        reason: of a refusal or failure, or of a wait.
        epsilon: ε that the site charged; 0 without noise.
        delta: δ, alike.
    """

    provider: str
    agreement: str
    request: str
    state: str
    code: str = ""
    reason: str = ""
    epsilon: float = 0.0
    delta: float = 0.0


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic, and what became of each site.

    Attributes:
        result: table with intervals, of the sites that are ready.
        sites: in the order of the contracts.
    """

    result: Result
    sites: tuple[Site, ...]

    @property
    def missing(self) -> tuple[Site, ...]:
        """The sites that it is not of."""
        return tuple(each for each in self.sites if each.state != "ready")

    @property
    def waits(self) -> bool:
        """Whether those that are missing only wait."""
        return all(each.state in _WAITS for each in self.missing)


@dataclass(frozen=True, slots=True)
class _Part:
    """One site to ask, or to ask again."""

    agreement: AgreementDetailView
    steps: TableSteps
    request: str
    again: UseView | None = None
    answers: list[UseView] = field(default_factory=list)


class StatisticCalls(Calls):
    """What a client can do with statistics."""

    def stats(
        self,
        asked: Asked,
        agreements: Sequence[str],
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        epsilon: float = 0.0,
        delta: float = 0.0,
        stated: Mapping[str, Sequence[str]] | None = None,
        seconds: float = _SECONDS,
        sums: bool = False,
    ) -> Statistic:
        """Return a statistic over the providers of some contracts.

        Args:
            asked: the statistic (`federated.statistics`).
            agreements: contracts; or, to ask for the same again, the requests of an earlier call.
            filters: which rows count, as of `query`.
            epsilon: ε that each site charges where its cells have noise.
            delta: δ, alike; 0 for Laplace noise.
            stated: operand to values, in place of what the contracts demand.
            seconds: for which tables that are being prepared are waited for.
            sums: whether a regression is of exact sums over at least three sites, under masks,
                which is not DP: where the contracts permit `preau:federatedSums`.

        Raises:
            SumRefused: a contract permits no sums over sites, or not over those that are there.
            StatisticUnfit: the statistic makes no sense, or the answers do not give it.
            TableRefused: a plan does not allow its table; nothing was asked of any site.
            ApprovalAwaited: every site waits, for a person or until its table is ready.
            PreauError: no site is ready; the class says why the first that refuses does.
        """
        if sums:
            if epsilon or delta:
                raise StatisticUnfit("exact sums over sites have no noise, and spend no epsilon")
            return self._sums(_ordered(asked, filters), agreements, stated or {}, seconds)
        from federated.statistics import request  # noqa: PLC0415 - loads NumPy and Arrow

        cells = _own(lambda: {**NO_CELLS, **request(asked), "filters": list(filters)})
        cells |= {"epsilon": epsilon, "delta": delta}
        table, parts = _table(cells), [self._part(each) for each in agreements]
        _check(table, parts, asked.event)
        until = time.monotonic() + seconds

        def told(part: _Part) -> Site:
            try:
                return self._site(part, cells, stated or {}, until)
            except PreauError as exc:
                sent = part.request if isinstance(exc, WorldFault) else ""
                return _missing(part, sent, code=exc.code, reason=exc.reason)

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            sites = tuple(threads.map(told, parts))
        ready = [part for part, site in zip(parts, sites, strict=True) if site.state == "ready"]
        if not ready:
            raise _nobody(sites)
        return Statistic(_own(lambda: _combined(asked, table, ready), _again(sites)), sites)

    def _sums(
        self,
        asked: Asked,
        agreements: Sequence[str],
        stated: Mapping[str, Sequence[str]],
        seconds: float,
    ) -> Statistic:
        from connector.sdk.sums import Fit  # noqa: PLC0415 - start-up of the command stays fast

        def post(path: str, body: Mapping[str, Any], query: Mapping[str, str]) -> UseView:
            return self._post(UseView, path, body, query)

        found = [self._get(AgreementDetailView, "/agreement", {"id": each}) for each in agreements]
        result, told = Fit(post, asked, found, stated, seconds).run()
        sites = []
        for each in found:
            one = told[each.provider]
            sites.append(
                Site(
                    provider=each.provider,
                    agreement=each.id,
                    request="",
                    state=one.state,
                    code=one.code,
                    reason=one.reason,
                )
            )
        return Statistic(result, tuple(sites))

    def _part(self, given: str) -> _Part:
        again = None
        try:
            agreement = self._get(AgreementDetailView, "/agreement", {"id": given})
        except NotFound:
            again = self._post(UseView, "/use/again", {}, {"id": given})
            agreement = self._get(AgreementDetailView, "/agreement", {"id": again.agreement})
        request = again.request if again else uuid.uuid4().urn  # ours, so that it is asked once
        return _Part(agreement, _steps(agreement), request, again)

    def _site(
        self,
        part: _Part,
        cells: Mapping[str, Any],
        stated: Mapping[str, Sequence[str]],
        until: float,
    ) -> Site:
        body = {
            "agreement": part.agreement.id,
            "request": part.request,
            "action": AGGREGATE,
            "cells": cells,
            "stated": {left: list(values) for left, values in stated.items()},
        }
        found = part.again or self._post(UseView, "/uses", body)
        while found.state == _PREPARING and time.monotonic() < until:
            time.sleep(_PAUSE)
            found = self._post(UseView, "/use/again", {}, {"id": found.request})
        reason = "; ".join(found.reasons)
        if found.state != "ready":
            sent = "" if found.state == "refused" else found.request
            return _missing(part, sent, state=found.state, code=found.code, reason=reason)
        if found.content is not None and len(found.rows) != found.content.rows:
            reason = "the table is too large to come with the answer: ask for fewer cells"
            return _missing(part, found.request, code=StatisticUnfit.code, reason=reason)
        part.answers.append(found)
        noise = found.noise
        return Site(
            provider=part.agreement.provider,
            agreement=part.agreement.id,
            request=found.request,
            state=found.state,
            epsilon=noise.epsilon if noise else 0.0,
            delta=noise.delta if noise else 0.0,
        )


def _ordered(asked: Asked, filters: Sequence[Mapping[str, Any]]) -> Asked:
    """Return a regression with the order of values that filters state.

    Raises:
        StatisticUnfit: a filter chooses rows: sums of chosen rows would tell those apart.
    """
    if any(each["is"] != "anyOf" for each in filters):
        raise StatisticUnfit("sums over sites are of all rows that the contract lets be used")
    return replace(asked, order={**asked.order, **{it["column"]: it["values"] for it in filters}})


def _steps(agreement: AgreementDetailView) -> TableSteps:
    """Return what a contract lets its tables be.

    Raises:
        StatisticUnfit: it permits none.
    """
    from connector.enforcement import plan  # noqa: PLC0415 - start-up of the command stays fast
    from connector.enforcement.steps import registry  # noqa: PLC0415 - same
    from federated.reading import Member  # noqa: PLC0415 - same

    use = plan.read(Member(agreement.plan, _refusal)).of(AGGREGATE) if agreement.plan else None
    if use is None:
        raise StatisticUnfit(f"the contract `{agreement.id}` permits no tables (`odrl:aggregate`)")
    return registry.table(use.steps)


def _table(cells: Mapping[str, Any]) -> TableRequest:
    from connector.enforcement.steps.request import TableRequest  # noqa: PLC0415 - same
    from federated.reading import Member  # noqa: PLC0415 - same

    return TableRequest.read(Member(dict(cells), _refusal))


def _check(table: TableRequest, parts: Sequence[_Part], event: tuple[str, str]) -> None:
    """Check that each plan allows the table, and that no rows would count twice.

    Raises:
        StatisticUnfit: two contracts are about one dataset, a request is of another table, or a
            site that spends ε counts no such event.
        TableRefused: a plan does not.
    """
    from connector.enforcement.steps.request import check  # noqa: PLC0415 - same
    from connector.enforcement.steps.spending import spending  # noqa: PLC0415 - same

    about = [(each.agreement.provider, each.agreement.dataset) for each in parts]
    if len(set(about)) != len(about):
        raise StatisticUnfit("two contracts are about one dataset: its rows would count twice")
    for each in parts:
        if each.again and not (each.again.cells and _table(each.again.cells).holds(table)):
            raise StatisticUnfit(
                f"the request `{each.request}` is for another table than this statistic needs",
                hint="repeat the options of that request, or name the contract instead",
            )
        try:
            if each.steps.noise:
                _check_event(spending(table, each.steps), event)
            else:
                check(table, each.steps)
        except PreauError as exc:
            reason = f"{each.agreement.provider}: {exc.reason}"
            raise type(exc)(reason, hint="nothing was asked of any site") from exc


def _check_event(spent: Spending, event: tuple[str, str]) -> None:
    """Check that an event is among the values that a site would spend ε on.

    Raises:
        StatisticUnfit: it is not.
    """
    from federated.statistics.answer import spelled  # noqa: PLC0415 - loads NumPy and Arrow

    values = dict(zip(spent.request.dimensions, spent.domain, strict=True)).get(event[0], ())
    counted = [spelled(each) for each in values]
    if counted and event[1] not in counted:
        reason = (
            f"`{event[1]}` is not a value of `{event[0]}`; values that were counted: "
            f"{', '.join(counted)}"
        )
        raise StatisticUnfit(reason)


def _combined(asked: Asked, table: TableRequest, ready: Iterable[_Part]) -> Result:
    from federated.statistics import combine  # noqa: PLC0415 - loads NumPy and Arrow

    return combine(asked, [_answer(part, table) for part in ready])


def _answer(part: _Part, table: TableRequest) -> Answer:
    from connector.enforcement.steps.request import public_ranges  # noqa: PLC0415 - start-up
    from federated.statistics import Answer  # noqa: PLC0415 - loads NumPy and Arrow

    (found,) = part.answers
    limits, noise = part.steps.aggregate, found.noise
    return Answer(
        site=part.agreement.provider,
        rows=found.rows,
        deviations=noise.deviations if noise else {},
        gaussian=bool(noise and noise.delta),
        ranges=public_ranges(table, part.steps),
        minimum=limits.minimum if limits else 1,
    )


def _own(made: Callable[[], T], hint: str = "") -> T:
    """Return what the library makes; its refusals are ours."""
    from federated.errors import StatisticUnfit as Unfit  # noqa: PLC0415 - start-up

    try:
        return made()
    except Unfit as exc:
        raise StatisticUnfit(exc.reason, hint=hint) from exc


def _missing(
    part: _Part, request: str = "", *, state: str = "refused", code: str = "", reason: str = ""
) -> Site:
    return Site(
        provider=part.agreement.provider,
        agreement=part.agreement.id,
        request=request,
        state=state,
        code=code,
        reason=reason,
    )


def _nobody(sites: Sequence[Site]) -> PreauError:
    said = "; ".join(f"{it.provider}: {it.reason or it.state}" for it in sites)
    waits = all(each.state in _WAITS for each in sites)
    code = ApprovalAwaited.code if waits else next((it.code for it in sites if it.code), "")
    return from_code(code or StatisticUnfit.code, f"no site is ready: {said}", hint=_again(sites))


def _again(sites: Sequence[Site]) -> str:
    if not any(it.request for it in sites):
        return ""
    return f"to ask for the same again, name {' '.join(it.request or it.agreement for it in sites)}"


def _refusal(pointer: str, fault: str) -> PreauError:
    return StatisticUnfit(f"table {pointer or '/'}: {fault}")

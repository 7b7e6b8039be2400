"""Routes: uses of contracts of which this node is the consumer."""

import json
from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.enforcement.steps.request import TableRequest
from connector.enforcement.steps.spending import Spending
from connector.enforcement.steps.sum_request import SumRequest
from connector.errors import Malformed, PreauError
from connector.management.here import Here
from connector.management.views.contracts.uses import (
    Attestation,
    ContentView,
    NoiseView,
    ReferralGiven,
    ReferralView,
    Translation,
    UseView,
    UseWanted,
)
from connector.services.use import asking, attesting, referring, translating
from connector.services.use.asking import Answered, Wanted
from federated.reading import Member

router: Final = APIRouter(tags=["uses"])


@router.post("/uses")
def ask(here: Here, given: UseWanted) -> UseView:
    """Ask a provider for rows or a table under a contract; a small table comes with the answer."""
    wanted = Wanted(
        action=given.action,
        columns=tuple(given.columns),
        cells=None if given.cells is None else TableRequest.read(Member(given.cells, _refusal)),
        sums=None if given.sums is None else SumRequest.read(Member(given.sums, _refusal)),
        format=given.format,
        stated={left: tuple(values) for left, values in given.stated.items()},
        request_id=given.request,
    )
    return _view(asking.ask(here.ports, given.agreement, wanted))


@router.post("/use/again")
def again(
    here: Here,
    identifier: Annotated[str, Query(alias="id", description="our id of the request")],
) -> UseView:
    """Send a request again, the same bytes, and show what has become of it."""
    return _view(asking.again(here.ports, identifier))


@router.post("/agreement/translate")
def translate(
    here: Here,
    identifier: Annotated[str, Query(alias="id", description="id of the agreement")],
    given: Translation,
) -> dict[str, str]:
    """Translate pseudonyms to those under another contract, as provider of both."""
    return dict(translating.translate(here.ports, identifier, given.to, given.pseudonyms))


@router.post("/agreement/attest")
def attest(
    here: Here,
    identifier: Annotated[str, Query(alias="id", description="id of the agreement")],
    given: Attestation,
) -> dict[str, list[str]]:
    """Attest a fact of a contract that we provide under, or take it back; show what is attested."""
    found = attesting.attest(here.ports, identifier, given.operand, given.value, holds=given.holds)
    return {left: list(values) for left, values in found.items()}


@router.post("/referral/present")
def present(here: Here, given: ReferralGiven) -> ReferralView:
    """Present a referral of ours to its third party, where that is a node."""
    return ReferralView(**asdict(referring.present(here.ports, given.referral)))


@router.post("/referral/accept")
def accept(here: Here, given: ReferralGiven) -> ReferralView:
    """Take in a referral to this node, once, of a holder whom the operator has identified."""
    return ReferralView(**asdict(referring.accept(here.ports, given.referral, given.holder)))


def _view(found: Answered) -> UseView:
    return UseView(
        agreement=found.agreement,
        request=found.request_id,
        state=found.state,
        code=found.code,
        reasons=list(found.reasons),
        extract=found.extract_id,
        content=ContentView(**asdict(found.content)) if found.content else None,
        rows=[json.loads(line) for line in found.data.splitlines()],
        referral=found.referral,
        noise=_noise(found.spent) if found.spent else None,
        cells=found.cells.body() if found.cells else None,
    )


def _noise(spent: Spending) -> NoiseView:
    asked, deviations = spent.request, dict(spent.deviations)
    return NoiseView(epsilon=asked.epsilon, delta=asked.delta, deviations=deviations)


def _refusal(pointer: str, fault: str) -> PreauError:
    return Malformed(f"table {pointer or '/'}: {fault}")

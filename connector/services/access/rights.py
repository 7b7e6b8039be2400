"""Which services each role may ask for. What stands here for nobody is done for nobody.

Rule: everybody may see how the node stands, and what is public; who decides, spends, publishes or
operates is stated service by service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from connector.domain.account import AccountRole as Role
from connector.services.access import accounts, decisions, inbox
from connector.services.approval import deciding, viewing
from connector.services.duties import stating
from connector.services.evidence import export, life, own_log, verifying
from connector.services.federation.lead import jobs
from connector.services.federation.request import check, draft
from connector.services.health import watching
from connector.services.membership import peers
from connector.services.messages import waiting
from connector.services.negotiation import agree, negotiate, notices
from connector.services.policies import drafting, trying
from connector.services.privacy import standing, suppression
from connector.services.publication import (
    checking,
    pointing,
    publish,
    searching,
    snapshots,
    withdrawing,
)
from connector.services.transfer import acts
from connector.services.use import asking

ALL: Final = frozenset(Role)
_READERS: Final = (Role.SCIENTIST, Role.AUTHOR, Role.STEWARD)  # of catalogs of peers


@dataclass(frozen=True, slots=True)
class Right:
    """Who may ask for a service.

    Attributes:
        roles: any of them.
        command: whether it changes something; it is in the audit log then.
    """

    roles: frozenset[Role]
    command: bool = False


def _seen_by(*roles: Role) -> Right:
    return Right(frozenset(roles) or ALL)


def _done_by(*roles: Role) -> Right:
    return Right(frozenset(roles), command=True)


_RIGHTS: Final[dict[Callable[..., Any], Right]] = {
    agree.agreements: _seen_by(),
    agree.agreement: _seen_by(),
    negotiate.negotiations: _seen_by(),
    negotiate.negotiation: _seen_by(),
    publish.datasets: _seen_by(),
    publish.dataset: _seen_by(),
    publish.offers: _seen_by(),
    acts.transfers: _seen_by(),
    acts.transfer: _seen_by(),
    jobs.jobs: _seen_by(),
    jobs.progress: _seen_by(),
    jobs.status: _seen_by(),
    jobs.evaluated: _seen_by(),
    jobs.drawn: _seen_by(),
    jobs.result: _seen_by(Role.SCIENTIST),
    jobs.card: _seen_by(Role.SCIENTIST, Role.STEWARD, Role.AUDITOR),
    jobs.receipts: _seen_by(Role.SCIENTIST, Role.STEWARD, Role.AUDITOR),
    stating.duties: _seen_by(),
    stating.urgent: _seen_by(),
    stating.duty: _seen_by(),
    stating.done: _done_by(Role.STEWARD),
    stating.waive: _done_by(Role.STEWARD),
    inbox.inbox: _seen_by(),
    inbox.since: _seen_by(),
    inbox.decisions: _seen_by(Role.APPROVER, Role.STEWARD, Role.AUDITOR),
    standing.registers: _seen_by(),
    standing.contracts: _seen_by(),
    negotiate.changes: _seen_by(),
    negotiate.obstacle: _seen_by(*_READERS),
    searching.peers: _seen_by(*_READERS),
    searching.everywhere: _seen_by(*_READERS),
    searching.catalog: _seen_by(*_READERS),
    searching.dataset: _seen_by(*_READERS),
    deciding.approvals: _seen_by(Role.APPROVER, Role.STEWARD, Role.AUDITOR),
    viewing.brief: _seen_by(Role.APPROVER, Role.STEWARD, Role.AUDITOR),
    decisions.accept: _done_by(Role.APPROVER),
    decisions.refuse: _done_by(Role.APPROVER),
    decisions.look: _done_by(Role.APPROVER),
    negotiate.request: _done_by(Role.SCIENTIST),
    negotiate.counter: _done_by(Role.SCIENTIST),
    negotiate.accept: _done_by(Role.SCIENTIST),
    negotiate.terminate: _done_by(Role.SCIENTIST, Role.STEWARD),
    agree.consumed: _seen_by(Role.SCIENTIST),
    draft.draft: _seen_by(Role.SCIENTIST),
    check.check: _seen_by(Role.SCIENTIST),
    jobs.submit: _done_by(Role.SCIENTIST),
    asking.ask: _done_by(Role.SCIENTIST),
    asking.again: _done_by(Role.SCIENTIST),
    asking.requested: _seen_by(Role.SCIENTIST),
    jobs.cancel: _done_by(Role.SCIENTIST),
    notices.give: _done_by(Role.STEWARD),
    publish.offer: _seen_by(),
    drafting.blank: _seen_by(Role.AUTHOR, Role.STEWARD),
    drafting.spaces: _seen_by(Role.AUTHOR, Role.STEWARD),
    drafting.filled: _seen_by(Role.AUTHOR, Role.STEWARD),
    drafting.from_document: _seen_by(Role.AUTHOR, Role.STEWARD),
    drafting.from_either: _seen_by(Role.AUTHOR, Role.STEWARD),
    drafting.from_sentences: _seen_by(Role.AUTHOR, Role.STEWARD),
    drafting.with_fixes: _seen_by(Role.AUTHOR, Role.STEWARD),
    trying.what_if: _seen_by(Role.AUTHOR, Role.STEWARD),
    trying.against: _seen_by(Role.AUTHOR, Role.STEWARD),
    trying.layered: _seen_by(Role.AUTHOR, Role.STEWARD),
    suppression.lists: _seen_by(Role.STEWARD),
    suppression.choices: _seen_by(Role.STEWARD),
    suppression.suppress: _done_by(Role.STEWARD),
    suppression.restore: _done_by(Role.STEWARD),
    pointing.places: _seen_by(Role.STEWARD),
    pointing.propose: _seen_by(Role.STEWARD),
    pointing.confirm: _seen_by(Role.STEWARD),
    pointing.weigh: _seen_by(Role.STEWARD),
    pointing.publish_pointed: _done_by(Role.STEWARD),
    checking.check: _done_by(Role.STEWARD),
    snapshots.refresh: _done_by(Role.STEWARD),
    withdrawing.withdraw_dataset: _done_by(Role.STEWARD),
    withdrawing.withdraw_offer: _done_by(Role.STEWARD),
    withdrawing.replace_offer: _done_by(Role.STEWARD),
    own_log.events: _seen_by(Role.AUDITOR, Role.OPERATOR),
    export.export: _done_by(Role.AUDITOR, Role.STEWARD),
    life.life: _seen_by(Role.AUDITOR, Role.OPERATOR, Role.STEWARD),
    verifying.verify: _seen_by(Role.AUDITOR, Role.STEWARD),
    peers.page: _seen_by(Role.OPERATOR, Role.AUDITOR),
    peers.name: _seen_by(),
    peers.meet: _done_by(Role.OPERATOR),
    watching.memberships: _seen_by(Role.OPERATOR, Role.AUDITOR),
    watching.health: _seen_by(),
    watching.keys: _seen_by(Role.OPERATOR),
    watching.backup: _seen_by(Role.OPERATOR),
    watching.figures: _seen_by(Role.OPERATOR),
    watching.doctor: _seen_by(Role.OPERATOR),
    watching.look: _seen_by(Role.OPERATOR),
    waiting.undelivered: _seen_by(Role.OPERATOR),
    accounts.page: _seen_by(Role.OPERATOR),
    accounts.account: _seen_by(Role.OPERATOR),
    accounts.add: _done_by(Role.OPERATOR),
    accounts.change: _done_by(Role.OPERATOR),
    accounts.close: _done_by(Role.OPERATOR),
}


def right_of(service: Callable[..., Any]) -> Right | None:
    """Return who may ask for a service; None where nobody may."""
    return _RIGHTS.get(service)


def services() -> tuple[Callable[..., Any], ...]:
    """Return all services that somebody may ask for."""
    return tuple(_RIGHTS)

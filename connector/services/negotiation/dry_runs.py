"""Narrower terms are measured before they are offered, for each counterparty as often as it may.

Rules: what is measured is what the report of the offer does not speak of; terms under which persons
stand out more than the report says of the same action are not offered. A refusal, and a report that
is shown, tell of the rows: so each measurement counts against the counterparty's quota of 30 days,
in the log, before it is made. The same terms again cost nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from connector.domain.catalog.dataset import Offer
from connector.domain.decision import Refusal
from connector.errors import PreauError, QuotaReached, RiskDrifted, TermsRefused
from connector.identity.statements import risk_report
from connector.jsonld.policy import read_policy
from connector.ports import Ports, Transaction
from connector.services.publication import judging
from policies_odrl import Policy

MEASURED: Final = "risk.measured"
WITHIN: Final = timedelta(days=30)


def report_of(ports: Ports, peer: str, found: Offer, policy: Policy) -> str | Refusal:
    """Return the signed report of narrower terms, or why they are not offered.

    Call it outside a transaction: it reads the rows.

    Args:
        ports: of the provider.
        peer: DID of the counterparty.
        found: the offer that they narrow.
        policy: the narrower terms.

    Returns:
        The report; that of the offer where it speaks of all their uses, empty where there is none.
    """
    try:
        return _report(ports, peer, found, policy)
    except PreauError as exc:
        return Refusal(exc.code, (exc.reason,))


def lacking(ports: Ports, tx: Transaction, offer: Offer, report: str) -> bool:
    """Return whether uses of an offer read a table of which a report does not speak.

    Raises:
        PreauError: the offer cannot be planned.
    """
    dataset = tx.datasets.get(offer.dataset_id)
    if not report or dataset is None:
        return False
    policy = read_policy(offer.policy, ports.mechanisms.profiles)
    known = {each.steps for each in risk_report.unverified_uses(report)}
    return any(each.digest not in known for each in judging.uses_of(ports, dataset, policy))


def _report(ports: Ports, peer: str, found: Offer, policy: Policy) -> str:
    with ports.store.read() as tx:
        dataset = tx.datasets.get(found.dataset_id)
        before = tx.offers.find(derived_from=found.id, audience=peer)
    if not found.report or dataset is None:
        return found.report
    uses = judging.uses_of(ports, dataset, policy)
    for token in (found.report, *(each.report for each in before if each.report)):
        told = risk_report.unverified_uses(token)
        if {each.digest for each in uses} <= {each.steps for each in told}:
            return token
    promised = {it.action: it.findings.risk for it in risk_report.unverified_uses(found.report)}
    _count(ports, peer, found)
    judged = judging.judge(ports, dataset, [policy])
    for use in uses:
        bar, risk = promised.get(use.action), judged[use.digest].risk
        beyond = risk.beyond(bar) if risk and bar else ()
        if beyond:
            raise RiskDrifted(
                "under these terms the risk to persons is higher than the offer's report says: "
                + ", ".join(beyond)
            )
    return judging.report(ports, dataset, policy, judged)


def _count(ports: Ports, peer: str, found: Offer) -> None:
    """Count a measurement for a counterparty.

    Raises:
        QuotaReached: it has had as many as it may.
    """
    since, most = ports.clock.now() - WITHIN, ports.settings.dry_runs_per_peer
    with ports.store.write() as tx:
        made = [it for it in tx.audit.entries(subject=peer, kind=MEASURED) if it.at > since]
        if len(made) >= most:
            raise QuotaReached(
                f"{len(made)} narrower terms were measured for this counterparty in 30 days",
                hint="take the offer as it is, or ask for terms that were measured before",
            )
        tx.audit.append(MEASURED, peer, offer=found.id, dataset=found.dataset_id)


UNMEASURED: Final = Refusal(
    TermsRefused.code, ("the narrower terms were not measured on the present rows: ask again",)
)

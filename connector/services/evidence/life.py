"""The whole life of a contract: all that this node has of it, and its log entries in order.

Rule: what cannot be read of one part hides no other; the lists are as long as the contract made
them, the log comes a page at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from connector.domain.contract.approval import Approval
from connector.domain.contract.duty import Deed, Duty
from connector.domain.contract.negotiation import Agreement, Negotiation
from connector.domain.contract.notice import Notice
from connector.domain.federation.job import Job
from connector.domain.log.audit import LogEntry, Sought
from connector.domain.page import Page
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.requested import Requested
from connector.domain.transfer.transfer import Transfer
from connector.ports import Ports, Transaction
from connector.services.evidence.own_log import PAGE
from connector.services.lookup import require
from connector.services.readable import Readable, readable

_MOST_SUBJECTS: Final = 500  # of which the log is asked; the newest


@dataclass(frozen=True, slots=True)
class Life:
    """What became of a contract.

    Attributes:
        agreement: the contract.
        negotiation: that led to it; None where it cannot be read, or was dropped.
        approvals: decisions of persons, on the contract, its uses and what left under it.
        uses: what was asked for under it.
        extracts: files that were prepared under it.
        transfers: of those.
        jobs: run under it, led or taken part in.
        duties: as of the last look.
        deeds: what the parties stated about duties and events.
        notices: what they signed about it afterwards.
        entries: of the log, in order, a page.
        fault: code and reason of a part that cannot be read; empty when all can.
    """

    agreement: Agreement
    negotiation: Negotiation | None
    approvals: tuple[Approval, ...]
    uses: tuple[Requested, ...]
    extracts: tuple[Extract, ...]
    transfers: tuple[Transfer, ...]
    jobs: tuple[Job, ...]
    duties: tuple[Duty, ...]
    deeds: tuple[Deed, ...]
    notices: tuple[Notice, ...]
    entries: Page[LogEntry]
    fault: str


def life(ports: Ports, agreement_id: str, start: int = 0, limit: int = PAGE) -> Life:
    """Return the life of a contract.

    Args:
        ports: of the node.
        agreement_id: IRI of the contract.
        start: lowest index of the entries.
        limit: most entries.

    Raises:
        NotFound: no contract of that id.
    """
    shown = Readable()
    with ports.store.read() as tx:
        found = require(tx.agreements.get(agreement_id), "agreement", agreement_id)
        of = {"agreement_id": found.id}
        negotiation = shown.part(partial(tx.negotiations.get, found.pid), None)
        first = shown.part(partial(tx.approvals.get, found.pid), None)
        later = [each for each in readable(tx.approvals, **of) if each.id != found.pid]
        approvals = (*([first] if first else []), *later)
        transfers = tuple(readable(tx.transfers, **of))
        jobs = shown.parts(partial(_jobs, tx, found))
        uses = tuple(readable(tx.requests, **of))
        named = [each.id for each in approvals] + [each.id for each in jobs]
        named += [each.pid for each in transfers]
        named += [name for each in uses for name in (each.id, each.request_id)]
        newest = islice(reversed(dict.fromkeys(filter(None, named))), _MOST_SUBJECTS)
        subjects = dict.fromkeys((found.id, found.pid, *newest))
        return Life(
            agreement=found,
            negotiation=negotiation,
            approvals=approvals,
            uses=uses,
            extracts=tuple(readable(tx.extracts, **of)),
            transfers=transfers,
            jobs=jobs,
            duties=tuple(readable(tx.duties, **of)),
            deeds=tuple(sorted(readable(tx.deeds, **of), key=lambda each: each.stated_at)),
            notices=tuple(sorted(readable(tx.notices, **of), key=lambda each: each.at)),
            entries=tx.audit.page(Sought(start, tuple(subjects)), min(limit, PAGE)),
            fault=shown.fault,
        )


def _jobs(tx: Transaction, agreement: Agreement) -> list[Job]:
    """Return the jobs under a contract: on its provider's node its own, on the lead's by site."""
    led = (tx.jobs.get(each.job_id) for each in tx.sites.find(agreement_id=agreement.id))
    return [*tx.jobs.find(agreement_id=agreement.id), *filter(None, led)]

"""What the log shows of the audited lines of a contract: the meaning of the label `audited`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connector.enforcement.audited import Audited, audit
from connector.enforcement.plan import CoverageLine, Label
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Transaction
from connector.services.lookup import require
from connector.services.negotiation import agree

_PAGE: Final = 1000


def audited(ports: Ports, agreement_id: str) -> tuple[Audited, ...]:
    """Return what this node's log shows of each audited line of a contract.

    Raises:
        NotFound: no contract of that id.
        AgreementTampered: its document cannot be read.
    """
    with ports.store.read() as tx:
        agreement = require(tx.agreements.get(agreement_id), "agreement", agreement_id)
        duties = {each.path: each for each in tx.duties.find(agreement_id=agreement_id)}
        entries = list(_entries(tx, agreement_id))
    lines = (
        CoverageLine(each.path, each.constraint, Label(each.label), each.by)
        for each in agree.coverage_of(agreement)
    )
    return audit(lines, duties, entries)


def _entries(tx: Transaction, agreement_id: str) -> Iterator[tuple[int, str, str]]:
    start = 0
    while found := tx.audit.entries(start=start, limit=_PAGE, subject=agreement_id):
        for entry in found:
            about = parse_object(entry.event).get("facts", {}).get("about", "")
            yield entry.index, entry.kind, about
        start = found[-1].index + 1

"""Destroys extracts: first the key of each, then the file that nothing opens any more.

Rules: an extract waits for its consumer for seven days at most, and no longer than its contract
stands or a duty to delete has a deadline; what a receipt of deletion names is of no use to anybody.
By the clock nothing is destroyed until it is steady. What was destroyed is logged with its digest
and the cause, so that an auditor finds which copies the node held and when they ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from connector.domain.contract.notice import Standing
from connector.domain.transfer.extract import ON_DISK, Extract, ExtractState
from connector.enforcement.history import DELETE
from connector.ports import Ports, Transaction
from connector.services.duties import delivered
from connector.services.use import releasing


class Cause(StrEnum):
    """Why an extract was destroyed."""

    KEPT = "kept for as long as extracts are"
    CONTRACT = "the contract has ended"
    DUTY = "a duty to delete was due"
    RECEIPT = "a receipt of deletion names it"
    LOST = "its file or its key no longer exists"


@dataclass(frozen=True, slots=True)
class End:
    """When an extract is to be destroyed, UTC, and why; None: at once, whatever the clock says."""

    at: datetime | None
    cause: Cause


def turn(ports: Ports, there: Iterable[Extract], *, steady: bool) -> list[float]:
    """Destroy what is due of the extracts of which there is a file.

    Args:
        ports: of this node.
        there: extracts.
        steady: whether anything may be ended by the clock.

    Returns:
        For each that is left, the seconds until it is due.
    """
    now, left = ports.clock.now(), []
    for extract, end in _ends(ports, there).items():
        if end.at is None or (steady and end.at <= now):
            destroy(ports, extract, end.cause)
        else:
            left.append((end.at - now).total_seconds())
    return left


def destroy(ports: Ports, extract: Extract, cause: Cause) -> None:
    """Destroy the key of an extract, then its file."""
    with ports.store.write() as tx:
        found = tx.extracts.lock(extract.id)
        if found is None or found.state not in ON_DISK:
            return
        tx.extracts.put(replace(found, state=ExtractState.GONE, path="", sealed_key=""))
        facts = {"use": found.id, "digest": found.digest, "cause": cause.value}
        tx.audit.append("use.gone", found.agreement_id, **facts)
        if found.state is ExtractState.HELD:
            releasing.void(ports, tx, found)
    ports.extracts.remove(extract.path)


def _ends(ports: Ports, there: Iterable[Extract]) -> Mapping[Extract, End]:
    with ports.store.read() as tx:
        contracts = {each.agreement_id for each in there if each.consumer}  # others are open data
        known = {name: list(_of_contract(tx, name)) for name in contracts}
        named = {name: delivered.named(tx, name) for name in contracts}
    found = {}
    for each in there:
        name = each.agreement_id
        ends = [*known.get(name, ()), *_of_extract(ports, each, named.get(name, []))]
        if ends:  # what a person has not looked at yet, of a contract without an end, has none
            found[each] = min(ends, key=lambda end: end.at.timestamp() if end.at else 0.0)
    return found


def _of_contract(tx: Transaction, name: str) -> Iterator[End]:
    agreement = tx.agreements.get(name)
    if agreement is None or agreement.standing is Standing.ENDED:
        yield End(None, Cause.CONTRACT)
    elif agreement.valid_until is not None:
        yield End(agreement.valid_until, Cause.CONTRACT)
    for duty in tx.duties.find(agreement_id=name):
        if duty.action == DELETE and duty.is_open and duty.due is not None:
            yield End(duty.due, Cause.DUTY)


def _of_extract(
    ports: Ports, extract: Extract, named: Iterable[tuple[str, str, datetime]]
) -> Iterator[End]:
    if extract.due_at is not None:
        yield End(extract.due_at, Cause.KEPT)
    for name, digest, said in named:
        same = name == extract.id or digest == extract.digest
        if same and said > extract.made_at:  # the same bytes may be made once more
            yield End(None, Cause.RECEIPT)
    if not ports.extracts.there(extract):
        yield End(None, Cause.LOST)

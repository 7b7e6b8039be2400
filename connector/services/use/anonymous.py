"""Open data for whoever asks: which there are, and the file that is served of one.

Rules: the offer is judged at each request and while bytes flow, by the clock and the steps of its
plan; what leaves is a file that a confined process makes by those steps from the published one, as
for a contract. There is one file of an offer, plan, source and format at a time, whoever asks, so
that strangers make the node work no more than once for each. The log tells how often it was read,
and of nobody who read it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from typing import Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.page import PAGE, Page
from connector.domain.transfer.extract import WAKEUP, Extract, ExtractState
from connector.enforcement import asked as asking
from connector.enforcement.asked import Asked
from connector.enforcement.decide import decide
from connector.errors import (
    ExtractUnavailable,
    NotFound,
    PreauError,
    TooManyRequests,
    from_code,
)
from connector.identity.receipts import transfer_receipt
from connector.identity.receipts.transfer_receipt import Statement
from connector.ports import Ports, Transaction
from connector.services.continuity import recovery
from connector.services.layers import force
from connector.services.negotiation import terms
from connector.services.publication import opened
from connector.services.publication.catalog_pages import PAGE_BYTES
from connector.services.publication.opened import Open
from connector.services.use.deciding import WAIT_SECONDS

ANYBODY: Final = "http://xmlns.com/foaf/0.1/Agent"
_PAUSE: Final = timedelta(minutes=10)  # before a file that could not be made is tried again
_READS_SECONDS: Final = 60.0  # between two entries about reads of a dataset
_AGAIN_SECONDS: Final = 5.0
_ENTRY_BYTES: Final = 4096  # of a dataset in the catalog, beside its words


def page(ports: Ports, after: str = "") -> Page[Open]:
    """Return what is open now of a page of the datasets of this node, at most about a MiB.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        found = tx.datasets.page(after=after, limit=PAGE)
        if (most := _fitting(found.values)) < len(found.values):
            found = tx.datasets.page(after=after, limit=most)
        values = []
        for dataset in found.values:
            with suppress(PreauError):
                values.append(_open(ports, tx, dataset.id))
        return Page(tuple(values), found.next)


def _fitting(datasets: Sequence[Dataset]) -> int:
    """Return how many of the first datasets fit a page, at least one."""
    sizes = (_ENTRY_BYTES + len(f"{it.title}{it.description}".encode()) for it in datasets)
    return max(1, sum(each <= PAGE_BYTES for each in accumulate(sizes)))


def entry(ports: Ports, dataset_id: str) -> tuple[Open, tuple[Extract, ...]]:
    """Return an open dataset, and its files that are ready.

    Raises:
        NotFound: no such dataset is open now.
    """
    with ports.store.read() as tx:
        found = _open(ports, tx, dataset_id)
        ready = (_newest(tx, found, format_) for format_ in found.formats)
        return found, tuple(it for it in ready if it and it.state is ExtractState.READY)


def statement(ports: Ports, extract: Extract) -> str:
    """Return what this node signs of a file.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    own = ports.settings.did
    said = Statement(
        party=own,
        agreement=extract.agreement_id,
        extract=extract.id,
        provider=own,
        consumer=ANYBODY,
        content=extract.content,
        at=extract.made_at,
    )
    return transfer_receipt.make(ports.signer, said)


def file_of(ports: Ports, dataset_id: str, format_: str) -> tuple[Open, Extract]:
    """Return the file of an open dataset; it is made first, where there is none.

    Raises:
        NotFound: no such dataset is open now, or not in this format.
        TooManyRequests: it is being made; ask again.
        ExtractUnavailable: it could not be made.
        InRecovery: this node went back to an older state.
    """
    with ports.store.read() as tx:
        found = _open(ports, tx, dataset_id)
        if format_ not in found.formats:
            raise NotFound("these data are not available in this format")
        extract = _usable(_newest(tx, found, format_), ports.clock.now())
    if extract is None:
        extract = _wanted(ports, found, format_)
    with ports.done.expected(extract.id) as ended:
        if (extract := _now(ports, extract)).state is ExtractState.PREPARING:
            ended.wait(WAIT_SECONDS)
            extract = _now(ports, extract)
    if extract.state is ExtractState.PREPARING:
        raise TooManyRequests("the file is being made", retry_after=_AGAIN_SECONDS)
    if extract.state is not ExtractState.READY:
        raise ExtractUnavailable("the file could not be made", hint="try again later")
    return found, extract


def of_extract(ports: Ports, tx: Transaction, extract: Extract) -> Open:
    """Return what a file is made of.

    Raises:
        NotFound: it is not open any more, or has another plan by now.
    """
    offer = tx.offers.get(extract.agreement_id)
    found = _open(ports, tx, offer.dataset_id if offer else "")
    if (found.offer.id, found.plan_digest) != (extract.agreement_id, extract.plan_digest):
        raise NotFound("no such open data")
    return found


def judge(ports: Ports, extract: Extract) -> None:
    """See that a file may be read at this moment.

    Raises:
        NotFound: it is not open any more.
        PreauError: its terms do not allow it now; the class says why.
    """
    with ports.store.read() as tx:
        found = of_extract(ports, tx, extract)
        known = tx.extracts.get(extract.id)
    if known is None or known.state is not ExtractState.READY:
        raise NotFound("no such open data")
    if extract.snapshot_digest != found.dataset.file.digest:
        raise NotFound("another version of these data is open now")


def _open(ports: Ports, tx: Transaction, dataset_id: str) -> Open:
    found = opened.find(tx, ports.mechanisms, dataset_id)
    if found is None:
        raise NotFound("no such open data")
    force.check_own(ports, tx, found.offer, personal=found.dataset.personal)
    _decide(ports, found)
    return found


def _decide(ports: Ports, found: Open) -> None:
    """Judge the terms by what the node knows; duties are the licence's, and come after."""
    own, now = ports.settings.did, ports.clock.now()
    parties = (own, ANYBODY)
    asked = Asked(
        id="",
        agreement=found.offer.id,
        provider=own,
        consumer=ANYBODY,
        action=found.use.action,
        stated={},
        at=now,
    )
    free = (replace(each, duties=()) for each in found.policy.permissions)
    policy = replace(found.policy, permissions=tuple(free))
    policy = terms.as_agreement(policy, found.offer.id, found.dataset.id, parties, now)
    mechanisms = ports.mechanisms.without_contract()
    mechanism = mechanisms.of(found.use.action)
    assert mechanism is not None  # noqa: S101 - the plan was made by it
    facts = asking.use_facts(asked, found.steps, policy, {}, now)
    refusal = decide(policy, facts, mechanism, mechanisms.profiles)
    if refusal is not None:
        raise from_code(refusal.code, refusal.reasons[0])


def _newest(tx: Transaction, found: Open, format_: str) -> Extract | None:
    """Return the newest file of the present plan and source, in whatever state."""
    known = tx.extracts.find(agreement_id=found.offer.id, consumer="", format=format_)
    source = ("", found.dataset.file.digest)  # none is known before it was read
    fit = (
        each
        for each in known
        if each.plan_digest == found.plan_digest and each.snapshot_digest in source
    )
    return max(fit, key=lambda each: each.made_at, default=None)


def _usable(extract: Extract | None, now: datetime) -> Extract | None:
    """Return a file that need not be made again; what failed is left alone for a while."""
    if extract is None or extract.state is ExtractState.GONE:
        return None
    failed = extract.state is ExtractState.FAILED
    return None if failed and now >= extract.made_at + _PAUSE else extract


def _wanted(ports: Ports, found: Open, format_: str) -> Extract:
    """Have a file made; another thread's is returned where it came before."""
    now = ports.clock.now()
    with ports.store.write() as tx:
        recovery.check_within(ports, tx)
        known = _usable(_newest(tx, found, format_), now)
        if known is not None:
            return known
        new = Extract(
            id=ports.ids.new(),
            agreement_id=found.offer.id,
            consumer="",
            request_id="",
            plan_digest=found.plan_digest,
            format=format_,
            made_at=now,
        )
        tx.extracts.put(new)
        tx.after_commit(partial(ports.wakeups.notify, WAKEUP))
    return new


def _now(ports: Ports, extract: Extract) -> Extract:
    with ports.store.read() as tx:
        return tx.extracts.get(extract.id) or replace(extract, state=ExtractState.GONE)


@dataclass(slots=True)
class _Count:
    """Reads that no entry tells of yet."""

    reads: int = 0
    told: datetime | None = None


class Reads:
    """Counts reads of open data into the log, at most one entry a minute and dataset; thread-safe.

    What was read since the last entry is told with the next read, and lost where the node stops.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._lock = threading.Lock()
        self._counts: dict[str, _Count] = {}

    def note(self, found: Open, extract: Extract, _position: int) -> None:
        """Note that a read of a file has ended, whole or not."""
        now = self._ports.clock.now()
        with self._lock:
            count = self._counts.setdefault(found.dataset.id, _Count())
            count.reads += 1
            if count.told is not None and (now - count.told).total_seconds() < _READS_SECONDS:
                return
            reads, count.reads, count.told = count.reads, 0, now
        facts = {"offer": found.offer.id, "digest": extract.digest, "reads": reads}
        with self._ports.store.write() as tx:
            tx.audit.append("open.read", found.dataset.id, **facts)

"""The figures of a node that a monitor keeps: one table of what there is, and how it is found.

Rules: counts, ages and ε; no personal datum, and no name but those of this node's own registers,
certificates and status lists. A figure that cannot be had is left out, never zero; `READ` says
whether the database answered. What a figure decides is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from connector.domain.contract.duty import OPEN
from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.federation.job import JobSide
from connector.domain.privacy.register import Register
from connector.domain.space import Space
from connector.errors import PreauError, RowDamaged, StoreUnavailable
from connector.ports import Ports, Transaction
from connector.services.continuity import recovery
from connector.services.health.vitals import Vitals
from connector.services.membership import onboard
from connector.services.privacy.budget import promised
from federated.job import JobState

# More series than a monitor wants; the registers that were charged most often come first.
MOST_REGISTERS: Final = 500
_WAITING: Final = 512  # messages of which the oldest is looked for, one of each subject
_DAYS: Final = timedelta(days=30)
READ: Final = "preau_database_readable"

# name -> (labels, meaning). Those that end in `_total` only grow while the process lives.
FIGURES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = MappingProxyType(
    {
        "preau_node_info": (("did", "kind", "version"), "the node; always 1"),
        "preau_requests_total": (("method", "code"), "calls of peers, by how they were answered"),
        "preau_thread_faults_total": (
            ("thread",),
            "faults of a background thread that it survived",
        ),
        "preau_threads_dead": ((), "background threads that have ended"),
        READ: ((), "1 when the database answered"),
        "preau_recovery": (
            (),
            "1 when the node was rolled back and spends nothing until confirmed",
        ),
        "preau_membership_left_seconds": (
            ("space",),
            "until the own membership of a space ends; 0 without one",
        ),
        "preau_certificate_left_seconds": (("certificate",), "until a certificate of ours ends"),
        "preau_status_list_age_seconds": (("list",), "since a status list was fetched"),
        "preau_status_list_left_seconds": (("list",), "until a status list answers nothing"),
        "preau_peers": ((), "peers that were met"),
        "preau_members_at_quota": ((), "members whose storage quota is used up"),
        "preau_member_bytes_most": ((), "bytes stored for the member with the most"),
        "preau_outbox_messages": (("state",), "messages to peers: waiting, or given up"),
        "preau_outbox_oldest_seconds": ((), "age of the oldest message that waits"),
        "preau_negotiations": (("state",), "negotiations, by state"),
        "preau_agreements": (("role",), "contracts, by what this node is in them"),
        "preau_duties": (("whose", "state"), "duties of contracts that are open, by state"),
        "preau_jobs": (("side", "state"), "jobs, by state"),
        "preau_budget_epsilon": (
            ("register", "part"),
            "ε per person: cap, promised to contracts, reserved and spent by jobs (each alone)",
        ),
        "preau_dataset_register_info": (("dataset", "register"), "whose persons; always 1"),
        "preau_audit_entries": ((), "events in the audit log"),
        "preau_disk_free_bytes": ((), "left on the disk of the home"),
    }
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One value.

    Attributes:
        name: a key of `FIGURES`.
        labels: in the order that stands there.
        value: what was found.
    """

    name: str
    labels: tuple[str, ...]
    value: float


def measure(ports: Ports, vitals: Vitals, version: str, *, registers: bool = True) -> list[Figure]:
    """Return the figures of now; nothing is asked of anybody, nothing is changed.

    Args:
        ports: of the node.
        vitals: of its process.
        version: of this software.
        registers: whether those of each register and dataset are wanted, which may be many.
    """
    settings, now = ports.settings, ports.clock.now()
    held = ports.held.all().values()
    full = sum(each >= settings.member_stored_bytes for each in held)
    found = [
        Figure("preau_members_at_quota", (), full),
        Figure("preau_member_bytes_most", (), max(held, default=0)),
        Figure("preau_node_info", (settings.did, settings.kind, version), 1),
        Figure("preau_threads_dead", (), len(vitals.dead)),
        *(
            Figure("preau_requests_total", key, n)
            for key, n in sorted(ports.calls.counts().items())
        ),
        *(
            Figure("preau_thread_faults_total", (thread,), fault.times)
            for thread, fault in sorted(ports.faults.items())
        ),
        *(
            Figure("preau_certificate_left_seconds", (name,), _left(end, now))
            for name, end in vitals.expiries.items()
        ),
    ]
    if vitals.free_bytes is not None:
        found.append(Figure("preau_disk_free_bytes", (), vitals.free_bytes))
    try:
        with ports.store.read() as tx:
            stored = list(_stored(ports, tx, now))
            stored += _budgets(tx, now) if registers and _is_participant(ports) else []
        return [*found, Figure(READ, (), 1), *stored, *_membership(ports, now)]
    except StoreUnavailable:
        return [*found, Figure(READ, (), 0)]


def _stored(ports: Ports, tx: Transaction, now: datetime) -> Iterator[Figure]:
    yield Figure("preau_audit_entries", (), tx.audit.head()[0])
    yield Figure("preau_peers", (), tx.participants.count())
    for each in tx.status_lists.page(limit=0).values:
        age = (now - each.fetched_at).total_seconds()
        yield Figure("preau_status_list_age_seconds", (each.url,), age)
        yield Figure("preau_status_list_left_seconds", (each.url,), _left(each.valid_until, now))
    waiting = tx.outbox.count(delivered_at=None, failed="")
    given_up = tx.outbox.count(delivered_at=None) - waiting
    yield Figure("preau_outbox_messages", ("waiting",), waiting)
    yield Figure("preau_outbox_messages", ("given up",), given_up)
    ages = [(now - m.created_at).total_seconds() for m in tx.due_messages(now + _DAYS, _WAITING)]
    yield Figure("preau_outbox_oldest_seconds", (), max(ages, default=0.0))
    for state in NegotiationState:
        yield Figure("preau_negotiations", (state,), tx.negotiations.count(state=state))
    for role in Role:
        yield Figure("preau_agreements", (role.value,), tx.agreements.count(role=role))
    own = ports.settings.did
    for duty_state in sorted(OPEN):
        everybody = tx.duties.count(state=duty_state)
        ours = tx.duties.count(state=duty_state, debtor=own)
        yield Figure("preau_duties", ("ours", duty_state), ours)
        yield Figure("preau_duties", ("others", duty_state), everybody - ours)
    for side in JobSide:
        for job_state in JobState:
            number = tx.jobs.count(side=side, state=job_state)
            yield Figure("preau_jobs", (side.value, job_state), number)
    if _is_participant(ports):
        with suppress(RowDamaged):
            short = recovery.faults(tx, ports.charges, ports.settings.did, ports.asking.continued)
            yield Figure("preau_recovery", (), float(bool(short)))


def _is_participant(ports: Ports) -> bool:
    return ports.settings.kind == "participant"


def _budgets(tx: Transaction, now: datetime) -> Iterator[Figure]:
    registers = sorted(tx.registers.page(limit=0).values, key=lambda each: -each.charges)[
        :MOST_REGISTERS
    ]
    for register in registers:
        with suppress(RowDamaged):
            for part, epsilon in _parts(tx, register, now).items():
                yield Figure("preau_budget_epsilon", (register.id, part), epsilon)
        for (dataset,) in tx.datasets.keys(register_id=register.id):
            yield Figure("preau_dataset_register_info", (str(dataset), register.id), 1)


def _parts(tx: Transaction, register: Register, now: datetime) -> dict[str, float]:
    """Return ε by what it is; without a cap nothing is promised."""
    spent, reserved = tx.promises.charged(register.id)
    parts = {"spent": spent, "reserved": reserved}
    if register.cap is not None:
        parts["cap"] = register.cap.epsilon
        with suppress(PreauError):  # a contract that cannot be read
            parts["promised"] = promised(tx, register, now)[0]
    return parts


def _membership(ports: Ports, now: datetime) -> list[Figure]:
    if not _is_participant(ports):
        return []
    return [
        Figure("preau_membership_left_seconds", (each.id,), _membership_left(ports, each, now))
        for each in ports.settings.spaces
    ]


def _membership_left(ports: Ports, space: Space, now: datetime) -> float:
    try:
        return _left(onboard.judge_own(ports, space).valid_until, now)
    except PreauError:
        return 0.0


def _left(end: datetime, now: datetime) -> float:
    return max((end - now).total_seconds(), 0.0)

"""A process that charges rounds as fast as it can, until it is killed: load for backups.

Each round is one transaction: register and reservation count it, the round is recorded and the log
has an entry. `python -m tests.support.hammer URL` says `ready` once the first is committed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from connector.bootstrap.system import SystemClock
from connector.domain.privacy.budget import ReservationState
from connector.ports import Transaction
from connector.services.privacy import budget
from connector.store import SqlStore

JOB = "urn:uuid:00000000-0000-4000-8000-00000000ad3d"
CHARGED = "job.round.committed"
_ROUNDS = 10**9


@contextmanager
def hammered(url: str) -> Iterator[None]:
    """Let a process charge rounds of a job in a copy of the sample, from before to after."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.hammer", url], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
        assert process.poll() is None, "the writer ended by itself"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def charge(tx: Transaction, number: int) -> None:
    """Charge a round as a site does, with the record and the entry that go with it."""
    budget.commit_round(tx, JOB, number)
    like = tx.rounds.find()[0]
    tx.rounds.put(replace(like, job_id=JOB, round=number, payload=bytes(2000)))
    tx.audit.append(CHARGED, JOB, round=number)


def open_job(tx: Transaction) -> None:
    """Reserve steps without end, like another job of the sample."""
    like = tx.reservations.find()[0]
    tx.reservations.put(
        replace(
            like,
            job_id=JOB,
            rounds=_ROUNDS,
            committed_rounds=0,
            state=ReservationState.OPEN,
        )
    )


def main(url: str) -> None:
    """Charge without end."""
    store = SqlStore(url, SystemClock())
    number = 0
    while True:
        number += 1
        with store.write() as tx:
            if number == 1:
                open_job(tx)
            charge(tx, number)
        if number == 1:
            sys.stdout.write("ready\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])

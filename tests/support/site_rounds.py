"""A job that a site has accepted, and a lead that sends what it likes."""

from __future__ import annotations

from pathlib import Path

from connector.domain.federation.frames import (
    LeadFrame,
    Round,
    RoundReply,
    SiteFrame,
)
from connector.domain.federation.job import Job
from connector.domain.privacy.budget import ReservationState
from connector.services.federation.lead.hub import Left
from connector.services.federation.site import rounds
from federated.job import JobState, parse
from tests.support.federation import (
    SITES,
    Federation,
    signed_receipt,
    wait_for,
)
from tests.support.federation_workers import model_digest


class Case:
    """A job that a site has accepted, and a lead that sends what it likes."""

    def __init__(self, folder: Path, **changes: object) -> None:
        """Submit a job; with a `quorum`, under contracts that allow it."""
        terms = {"sites": str(changes["quorum"])} if "quorum" in changes else {}
        self.federation = Federation(folder, **terms)
        self.site = self.federation.site()
        self.models: dict[int, bytes] = {}
        self.own: dict[int, str] = {}
        self.hub = self.federation.lead.hub
        self.job_id, body = self.federation.submission(**changes)
        assert self.federation.ask(self.site, body)["accepted"]
        self.open()

    def open(self) -> None:
        job = self.job
        self.hub.open(self.job_id, job.manifest_digest, parse(job.manifest).sites)

    @property
    def job(self) -> Job:
        return self.site.job(self.job_id)

    @property
    def drawn(self) -> list[tuple[int, bytes]]:
        return self.site.workers.site.updates

    def send(self, frame: LeadFrame) -> None:
        self.hub.send(self.job_id, SITES[0], frame)

    def answer(self) -> SiteFrame:
        """Return the site's next frame, past departures."""
        for _ in range(20):
            got = self.hub.receive(self.job_id, 10)
            assert got is not None, "the site sent nothing"
            if not isinstance(got[1], Left):
                return got[1]
        raise AssertionError("the site keeps leaving")

    def ask(
        self, number: int, message: bytes = b"m", answered: tuple[str, ...] | None = None
    ) -> SiteFrame:
        before = SITES if number > 1 else ()
        receipts = self.receipts(number - 1) if number > 1 else ()
        self.models[number] = message
        self.send(Round(number, before if answered is None else answered, message, receipts))
        frame = self.answer()
        if isinstance(frame, RoundReply):
            self.own[number] = frame.receipt
        return frame

    def receipts(self, number: int) -> tuple[str, ...]:
        """Return the receipts of a round as an honest lead hands them on."""
        digest = model_digest(self.models.get(number, b""))
        others = [
            signed_receipt(self.federation, self.job, site, number, digest) for site in SITES[1:]
        ]
        return (self.own[number], *others) if number in self.own else tuple(others)

    def charge(self, message: bytes = b"m") -> RoundReply | None:
        """Charge round 1, as the site does."""
        now = self.federation.clock.now()
        with self.site.ports.store.write() as tx:
            return rounds.charge(tx, self.job_id, Round(1, (), message), now)

    def keep(self, update: bytes, number: int = 1) -> RoundReply:
        """Store a reply, as the site does."""
        digest = model_digest(b"m")
        token = signed_receipt(self.federation, self.job, SITES[0], number, digest)
        reply, now = RoundReply(number, update, token), self.federation.clock.now()
        with self.site.ports.store.write() as tx:
            return rounds.keep(tx, self.job_id, reply, now)

    def ended(self, state: JobState) -> Job:
        assert wait_for(lambda: self.job.state == state), self.job
        assert wait_for(lambda: self.site.workers.running == 0)
        assert self.site.reservation(self.job_id).state is ReservationState.CLOSED
        return self.job

    def record(self, number: int) -> bytes | None:
        with self.site.ports.store.read() as tx:
            found = tx.rounds.get(self.job_id, number)
        return found.payload if found else None


def released(frame: SiteFrame) -> tuple[int, bytes]:
    """Return round and update of a reply."""
    assert isinstance(frame, RoundReply), frame
    return frame.number, frame.message

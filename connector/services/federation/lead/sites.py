"""Who takes part in a job, as its lead knows: who has accepted, who is away, who is gone for good.

Rules: a site that refuses, or is no longer believed, is gone for good, and its reason is kept. One
that is down, slow, in recovery, or cannot answer a round is away: it is asked again at the next
round. One that has yet to decide joins once it has accepted. What is known stands in the book
(`book.py`), so that a lead that dies knows it again.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Final

from connector.domain.federation.frames import Finish, Round, RoundRefusal
from connector.domain.federation.job import JobSite
from connector.errors import PASSING, InRecovery, NotFound, PreauError, RoundMissed, TooFewSites
from connector.ports import Ports
from connector.services.federation.lead import book
from connector.services.federation.lead.book import Completed
from connector.services.federation.lead.hub import LeadHub
from connector.services.federation.site.rounds import one_line
from connector.services.membership import dealing
from federated.job import JobManifest

# With these a site refuses a round; it may answer the next one.
MISSES: Final = (RoundMissed.code, InRecovery.code)


class Sites:
    """The sites of one job.

    Attributes:
        manifest: of the job.
        members: those that take part, in the manifest's order; some may be away.
        pending: those that have yet to decide.
    """

    def __init__(self, ports: Ports, hub: LeadHub, manifest: JobManifest) -> None:
        """Keep what the sites are judged with; `refresh` comes first."""
        self._ports = ports
        self._hub = hub
        self._job = manifest.job
        self._gone: dict[str, tuple[str, str]] = {}
        self._rows: dict[str, JobSite] = {}
        self.manifest = manifest
        self.members: list[str] = []
        self.pending: list[str] = []

    def refresh(self) -> None:
        """Read who has accepted, and who may still, in the manifest's order."""
        _, rows = book.load(self._ports, self._job)
        self._rows = {row.site: row for row in rows}
        ended = (book.LEFT, book.REFUSED)
        self._gone = {row.site: (row.code, row.reason) for row in rows if row.decision in ended}
        order = [self._rows[site] for site in self.manifest.sites if site in self._rows]
        self.members = [row.site for row in order if row.decision in (book.ACCEPTED, book.AWAY)]
        self.pending = [row.site for row in order if row.decision == book.PENDING]

    def connected(self) -> set[str]:
        """Return the members that are connected now."""
        return set(self._hub.connected(self._job)) & set(self.members)

    def ready(self) -> list[str]:
        """Return the members that may be asked a round: believed, and not busy with an older one.

        Where these are too few, those that are busy are asked, too. Who is not believed for what
        may pass (a clock, a status list) is away meanwhile.
        """
        believed = [site for site in self.members if self._believed(site)]
        busy = self._hub.busy(self._job)
        free = [site for site in believed if site not in busy]
        return free if len(free) >= self.manifest.quorum else believed

    def ask(
        self, site: str, before: Completed, number: int, message: bytes, signed: int = 0
    ) -> None:
        """Send a round to a site, with the receipts that it compares before it answers.

        Besides those of the round before, these are the receipts of the last round that the site
        has `signed`, as it says, or may have signed, when it missed some since.
        """
        receipts = (*before.receipts, *self._older(site, number - 1, signed))
        self._hub.send(self._job, site, Round(number, before.answered, message, receipts))

    def refused(self, site: str, frame: RoundRefusal) -> None:
        """Note a refusal: of one round, or of all that follow."""
        if frame.code in MISSES:
            self.miss(site, frame.code, frame.reason)
        else:
            self.leave(site, frame.code, frame.reason)

    def miss(self, site: str, code: str, reason: str) -> None:
        """Note that a site misses a round; it is asked the next one."""
        book.away(self._ports, self._job, site, code, one_line(reason))

    def leave(self, site: str, code: str, reason: str) -> None:
        """Let a site go, for good; told so, it releases its budget."""
        if site in self._gone:
            return
        line = one_line(reason)
        self._gone[site] = (code, line)
        self.members = [each for each in self.members if each != site]
        book.decided(self._ports, self._job, site, book.LEFT, code, line)
        with contextlib.suppress(NotFound):
            self._hub.send(self._job, site, Finish("failed", code, line))

    def check_enough(self, possible: int, number: int) -> None:
        """Stop where a round cannot reach its quorum any more.

        Args:
            possible: how many sites may answer it, at most.
            number: of the round; 0 before the first.

        Raises:
            TooFewSites: naming each site that is not among them, and why.
        """
        if possible >= self.manifest.quorum:
            return
        when = f"round {number}" if number else "before the first round"
        _, rows = book.load(self._ports, self._job)
        why = {row.site: (row.code, row.reason) for row in rows if row.code} | self._gone
        left = "; ".join(f"`{site}`: {code}, {line}" for site, (code, line) in why.items())
        raise TooFewSites(
            f"{when}: {possible} of {len(self.manifest.sites)} sites are left, "
            f"{self.manifest.quorum} are needed; {left}"
        )

    def dismiss(self, ending: Finish) -> None:
        """Tell the sites that still take part how the job ended.

        When it has completed, each gets the receipts that it compares last.
        """
        self.refresh()
        with contextlib.suppress(NotFound):  # the hub was closed before
            for site in self.members:
                older = self._older(site, self.manifest.turns) if ending.receipts else ()
                receipts = (*ending.receipts, *older)
                self._hub.send(self._job, site, replace(ending, receipts=receipts))

    def _older(self, site: str, number: int, signed: int = 0) -> tuple[str, ...]:
        """As `book.older`, with what went out to the site since it was written down."""
        row = self._rows[site]
        handed = max(row.asked, self._hub.handed(self._job).get(site, 0))
        with self._ports.store.read() as tx:
            return book.older(tx, replace(row, asked=signed or handed), number)

    def _believed(self, site: str) -> bool:
        try:
            dealing.judge(self._ports, site, self._rows[site].agreement_id)
        except PASSING as exc:
            self.miss(site, exc.code, exc.reason)
            return False
        except PreauError as exc:
            self.leave(site, exc.code, exc.reason)
            return False
        return True

"""Carries a job's rounds between the lead's worker and the streams of its sites.

Rules: a round goes to the sites that take part now (`sites.py`), and is over when all have
answered or its time is; a site whose stream breaks is waited for no longer than the settings say.
Who has not answered then is away, is named, and is asked the next round. A site that lacks the
receipts of the last round that it signed says which round that was, and is asked once more. Without
a quorum the round goes on: who comes back, or accepts late, is asked the same round until the job's
deadline. As soon as refusals leave no quorum the job ends, with all reasons.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from connector.domain.federation.frames import Finish, RoundRefusal, RoundReply
from connector.domain.federation.job import Job
from connector.errors import (
    DeadlinePassed,
    InRecovery,
    PeerUnreachable,
    RoundMissed,
    RoundRefused,
    UpdateRefused,
)
from connector.ports import Ports
from connector.services.federation.lead import book, evaluation
from connector.services.federation.lead.book import Completed
from connector.services.federation.lead.hub import LeadHub, Left
from connector.services.federation.lead.sites import Sites
from connector.services.federation.receipts import check_reply

GATHER_SECONDS = 150.0  # more than a worker may take to start
LOOK_SECONDS = 0.25  # how soon an abort is seen while waiting for sites; answers wake at once
JOIN_LOOK_SECONDS = 0.05
ASK_SECONDS = 1.0  # how often who may be asked is looked for while there is no quorum
# An answer holds the arrays of its request, and Flower's own words about them.
MOST_LONGER = 4096


@dataclass(slots=True)
class _Round:
    """A round that is under way.

    Attributes:
        number: from 1.
        before: the round before.
        messages: of the lead's worker, one per site.
        digest: of the arrays in all of them.
        until: when its time is over, on the monotonic clock.
        waiting: sites that were asked and have not answered, and since when each is not connected;
            0 for one that is.
        sent: bytes of the message, by site that was asked.
        signed: the last round that a site has signed, by site that said so.
        replies: answers.
        hung_up: why a stream broke, by site.
    """

    number: int
    before: Completed
    messages: Mapping[str, bytes]
    digest: str
    until: float
    waiting: dict[str, float] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    signed: dict[str, int] = field(default_factory=dict)
    replies: dict[str, RoundReply] = field(default_factory=dict)
    hung_up: dict[str, str] = field(default_factory=dict)


class Relay:
    """The rounds of one job, as its lead carries them."""

    def __init__(
        self, ports: Ports, hub: LeadHub, job: Job, sites: Sites, going: Callable[[], None]
    ) -> None:
        """Keep what the relay works with; `gather` comes first.

        Args:
            ports: of the lead.
            hub: where sites are connected.
            job: the lead's.
            sites: of the job.
            going: sees that the job goes on; raises DeadlinePassed or Aborted.
        """
        self._ports = ports
        self._hub = hub
        self._job = job
        self._manifest = sites.manifest
        self._sites = sites
        self._going = going
        self._wait = ports.settings.site_wait_seconds

    def gather(self) -> None:
        """Wait until the sites that accepted are connected; who is late joins at the next round.

        Once a quorum is connected the others have as long as the settings say; without one, as long
        as a worker may take to start. A site that was there and hung up is not waited for longer.

        Raises:
            TooFewSites: so many have refused that no round can succeed.
            DeadlinePassed: the job's time is over.
            Aborted: the job was ended elsewhere.
        """
        self._sites.refresh()
        until = time.monotonic() + GATHER_SECONDS
        quorum = False
        while (left := until - time.monotonic()) > 0:
            self._going()
            self._sites.check_enough(self._possible(), 0)
            there = self._sites.connected()
            if there == set(self._sites.members):
                return
            if not quorum and len(there) >= self._manifest.quorum:
                quorum, until = True, min(until, time.monotonic() + self._wait)
            got = self._hub.receive(self._manifest.job, min(JOIN_LOOK_SECONDS, left))
            if got is not None and isinstance(got[1], RoundRefusal):
                self._sites.refused(got[0], got[1])
            elif got is not None and isinstance(got[1], Left):
                until = min(until, time.monotonic() + self._wait)

    def round(
        self, number: int, before: Completed, messages: Mapping[str, bytes], digest: str
    ) -> dict[str, RoundReply]:
        """Send a round's messages and return the answers, in the manifest's order of sites.

        Args:
            number: of the round.
            before: the round before.
            messages: one per site; sites that take no part get none.
            digest: of the arrays in all of them.

        Raises:
            TooFewSites: fewer than the quorum can answer.
            DeadlinePassed: the job's time is over.
            Aborted: the job was ended elsewhere.
        """
        until = time.monotonic() + self._manifest.round_seconds
        this = _Round(number, before, messages, digest, until)
        try:
            self._collect(this)
        finally:
            self._hub.withdraw(self._manifest.job, number)  # nobody who joins now is charged for it
            received = {site: len(reply.message) for site, reply in this.replies.items()}
            handed = self._hub.handed(self._manifest.job)
            book.count(self._ports, self._manifest.job, this.sent, received, handed)
        for site in this.waiting:
            silence = f"no answer to round {number} in its time{this.hung_up.get(site, '')}"
            self._sites.miss(site, PeerUnreachable.code, silence)
        return {site: this.replies[site] for site in self._manifest.sites if site in this.replies}

    def entered(
        self, number: int, replies: Collection[str], named: object, refused: object
    ) -> tuple[str, ...]:
        """Return the sites whose answer entered the model; the others take no further part.

        Args:
            number: of the round.
            replies: sites that answered.
            named: sites that the worker says it used.
            refused: reason by site, for those that it did not use.

        Raises:
            TooFewSites: they are fewer than the quorum.
        """
        used = set(named) if isinstance(named, list) else set()
        reasons = refused if isinstance(refused, dict) else {}
        for site in replies:
            if site not in used:
                reason = reasons.get(site, "it was not an update")
                self._sites.leave(
                    site, UpdateRefused.code, f"its answer to round {number}: {reason}"
                )
        found = tuple(site for site in replies if site in used)
        self._sites.check_enough(len(found), number)
        return found

    def dismiss(self, finish: Finish) -> None:
        """Tell the sites that still take part how the job ended."""
        self._sites.dismiss(finish)

    def _collect(self, this: _Round) -> None:
        ask_at = time.monotonic()
        while True:
            self._check_time(this)
            now = time.monotonic()
            if now >= ask_at:
                self._ask(this, now)
            short = len(this.replies) + len(this.waiting) < self._manifest.quorum
            ask_at = now + ASK_SECONDS if short else math.inf
            left = self._left(this, now)
            if not left:
                return
            got = self._hub.receive(self._manifest.job, min(LOOK_SECONDS, left))
            if got is not None and self._take(this, *got):
                ask_at = now  # another may be asked in its place, or none can

    def _ask(self, this: _Round, now: float) -> None:
        """Ask the sites that may be asked and were not yet.

        Raises:
            TooFewSites: too few are left that ever can be.
        """
        self._sites.refresh()
        there = self._sites.connected()
        for site in self._sites.ready():
            if site in this.messages and site not in this.sent:
                # Who is not there is asked when it comes, and waited for where there is no quorum.
                this.waiting[site] = 0.0 if site in there else now - self._wait
                this.sent[site] = len(this.messages[site])
                signed = this.signed.get(site, 0)
                self._sites.ask(site, this.before, this.number, this.messages[site], signed)
        missed = set(this.sent) - set(this.waiting) - set(this.replies)
        possible = self._possible() - len(missed & set(self._sites.members))
        self._sites.check_enough(possible, this.number)

    def _take(self, this: _Round, site: str, frame: RoundReply | RoundRefusal | Left) -> bool:
        """Take what a site sent; return whether it does not answer this round.

        An answer to a round that is over does not count; its site is free again (`hub.py`).
        """
        if isinstance(frame, Left):
            this.hung_up[site] = f"; {frame.reason}"
            return False
        if isinstance(frame, RoundRefusal):
            return self._take_refusal(this, site, frame)
        if frame.number != this.number or site not in this.waiting:
            return False
        del this.waiting[site]
        if not self._believed(this, site, frame):
            return True
        this.replies[site] = frame
        return False

    def _take_refusal(self, this: _Round, site: str, frame: RoundRefusal) -> bool:
        """Take a refusal: of this round, of one that is over, or of all; return as `_take`."""
        if frame.code == RoundMissed.code and frame.number < this.number:
            if site in this.sent and site not in this.signed:
                this.signed[site] = frame.number
                del this.sent[site]
                return True
        elif frame.code == InRecovery.code:  # its operator may confirm, and it comes back
            this.waiting.pop(site, None)
            this.sent.pop(site, None)
        else:
            this.waiting.pop(site, None)
        self._sites.refused(site, frame)
        return frame.code != InRecovery.code

    def _left(self, this: _Round, now: float) -> float:
        """Return the seconds for which the sites that have not answered are still waited for."""
        if not this.waiting and len(this.replies) >= self._manifest.quorum:
            return 0.0
        there = self._sites.connected()
        for site, since in this.waiting.items():
            this.waiting[site] = 0.0 if site in there else since or now
        if len(this.replies) < self._manifest.quorum:
            return LOOK_SECONDS
        ends = [since + self._wait if since else this.until for since in this.waiting.values()]
        return max(min(max(ends), this.until) - now, 0.0)

    def _check_time(self, this: _Round) -> None:
        """See that the job goes on.

        Raises:
            DeadlinePassed: the job's time is over; it names who was waited for.
            Aborted: the job was ended elsewhere.
        """
        try:
            self._going()
        except DeadlinePassed as exc:
            missing = {*this.waiting, *self._sites.pending}
            names = ", ".join(f"`{site}`" for site in sorted(missing))
            reason = f"{exc.reason}; round {this.number} waited for {names or 'a quorum'}"
            raise DeadlinePassed(reason) from exc

    def _possible(self) -> int:
        return len(self._sites.members) + len(self._sites.pending)

    def _believed(self, this: _Round, site: str, reply: RoundReply) -> bool:
        """Check a site's answer before the worker, or another site, is handed any of it.

        Answers that are too long would end the worker together; a false receipt would end the job.
        """
        most = this.sent[site] + MOST_LONGER + evaluation.most_bytes(self._manifest)
        if len(reply.message) > most:
            self._sites.leave(site, UpdateRefused.code, f"its answer is longer than {most} bytes")
            return False
        try:
            check_reply(self._ports, self._job, self._manifest, site, this.digest, reply)
        except RoundRefused as exc:
            self._sites.leave(site, exc.code, exc.reason)
            return False
        return True

"""Carries a job's rounds between the lead's worker and the streams of its sites.

Rules: a round goes to the sites that still take part, and ends when all have answered. A site that
refuses, or is no longer believed, takes no further part, and its reason is kept. A stream that
breaks is no refusal: a site that is silent at the end of a round is waited for, for `patience` in
the whole job and while the rounds that follow still have their time; without a quorum, until the
job's deadline. Then it takes no further part either: who has no receipt of a round cannot compare
models in the next (`receipts.py`). As soon as refusals leave no quorum the round ends, with all
reasons.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Collection, Mapping

from connector.domain.federation.frames import Finish, Round, RoundRefusal, RoundReply
from connector.domain.federation.job import Job
from connector.errors import (
    PASSING,
    DeadlinePassed,
    NotFound,
    PeerUnreachable,
    PreauError,
    RoundRefused,
    TooFewSites,
    UpdateRefused,
)
from connector.ports import Ports
from connector.services.federation.deadline import Deadline, patience
from connector.services.federation.lead import book
from connector.services.federation.lead.book import Completed
from connector.services.federation.lead.hub import LeadHub, Left
from connector.services.federation.receipts import check_reply
from connector.services.federation.site.rounds import one_line
from connector.services.membership import onboard
from federated.job import JobManifest

GATHER_SECONDS = 150.0  # more than a worker may take to start
LOOK_SECONDS = 0.25  # how soon an abort is seen while waiting for sites; answers wake at once
JOIN_LOOK_SECONDS = 0.05
DOUBT_SECONDS = 1.0
# An answer holds the arrays of its request, and Flower's own words about them.
MOST_LONGER = 4096


class Aborted(Exception):
    """The job was ended elsewhere, or the node stops: its thread stops, and decides nothing."""


class Relay:
    """The sites of one job, as its lead reaches them."""

    def __init__(
        self,
        ports: Ports,
        hub: LeadHub,
        job: Job,
        manifest: JobManifest,
        deadline: Deadline,
        aborted: threading.Event,
    ) -> None:
        """Keep what the relay works with; `gather` comes first."""
        self._deadline = deadline
        self._ports = ports
        self._hub = hub
        self._job = job
        self._manifest = manifest
        self._aborted = aborted
        self._gone: dict[str, tuple[str, str]] = {}
        self._patience = patience(manifest.round_seconds)

    def gather(self) -> None:
        """Wait until the sites are connected; who is late may still join for the first round.

        A site is waited for while its worker starts; one that was there and hung up, no longer
        than a round.

        Raises:
            TooFewSites: so many have refused that no round can succeed.
            DeadlinePassed: the job's time is over.
            Aborted: the job was ended elsewhere.
        """
        _, rows = book.load(self._ports, self._manifest.job)
        self._gone = {row.site: (row.code, row.reason) for row in rows if row.decision == book.LEFT}
        until = time.monotonic() + GATHER_SECONDS
        while (left := self._time_left(until)) > 0:
            self._check_enough(len(self.active()), 0)
            if set(self.active()) <= set(self._hub.connected(self._manifest.job)):
                return
            got = self._hub.receive(self._manifest.job, min(JOIN_LOOK_SECONDS, left))
            if got is not None and isinstance(got[1], RoundRefusal):
                self._leave(got[0], got[1].code, got[1].reason)
            elif got is not None and isinstance(got[1], Left):
                until = min(until, time.monotonic() + self._manifest.round_seconds)

    def round(
        self, number: int, before: Completed, messages: Mapping[str, bytes], digest: str
    ) -> dict[str, RoundReply]:
        """Send a round's messages and return the answers, in the manifest's order of sites.

        Args:
            number: of the round.
            before: the round before.
            messages: one per site; sites that left get none.
            digest: of the arrays in all of them.

        Raises:
            TooFewSites: fewer answered than the quorum.
            DeadlinePassed: the job's time is over.
            Aborted: the job was ended elsewhere.
        """
        self._doubt()
        waiting = set(self.active()) & set(messages)
        until = time.monotonic() + self._manifest.round_seconds
        for site in sorted(waiting):
            frame = Round(number, before.answered, messages[site], before.receipts)
            self._hub.send(self._manifest.job, site, frame)
        sent = {site: len(messages[site]) for site in waiting}
        replies: dict[str, RoundReply] = {}
        try:
            self._collect(number, digest, waiting, sent, replies, until)
        finally:
            received = {site: len(reply.message) for site, reply in replies.items()}
            book.count(self._ports, self._manifest.job, sent, received)
        return {site: replies[site] for site in self._manifest.sites if site in replies}

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
                reason = reasons.get(site, "it was no update")
                self._leave(site, UpdateRefused.code, f"its answer to round {number}: {reason}")
        found = tuple(site for site in replies if site in used)
        self._check_enough(len(found), number)
        return found

    def dismiss(self, finish: Finish) -> None:
        """Tell the sites that still take part how the job ended."""
        with contextlib.suppress(NotFound):  # the hub was closed before
            for site in self.active():
                self._hub.send(self._manifest.job, site, finish)

    def active(self) -> list[str]:
        """Return the sites that still take part, in the manifest's order."""
        return [site for site in self._manifest.sites if site not in self._gone]

    def _collect(
        self,
        number: int,
        digest: str,
        waiting: set[str],
        sent: Mapping[str, int],
        replies: dict[str, RoundReply],
        until: float,
    ) -> None:
        hung_up: dict[str, str] = {}
        while waiting and (left := self._left_of(number, until, waiting, len(replies))) > 0:
            self._check_enough(len(replies) + len(waiting), number)
            got = self._hub.receive(self._manifest.job, min(LOOK_SECONDS, left))
            if got is None or got[0] not in waiting:
                continue
            site, frame = got
            if isinstance(frame, Left):
                hung_up[site] = f"; {frame.reason}"
            elif isinstance(frame, RoundRefusal):
                waiting.discard(site)
                self._leave(site, frame.code, frame.reason)
            elif frame.number == number:
                waiting.discard(site)
                if self._believed(site, digest, sent[site] + MOST_LONGER, frame):
                    replies[site] = frame
        beyond = max(time.monotonic() - until, 0.0)
        self._patience = max(self._patience - beyond, 0.0)
        seconds = self._manifest.round_seconds + beyond
        for site in sorted(waiting):
            silence = f"no answer to round {number} within {seconds:.0f} s"
            self._leave(site, PeerUnreachable.code, silence + hung_up.get(site, ""))
        self._check_enough(len(replies), number)

    def _left_of(self, number: int, until: float, waiting: Collection[str], answered: int) -> float:
        """Return the seconds for which the sites that have not answered are still waited for.

        Raises:
            DeadlinePassed: the job's time is over; it names them.
            Aborted: the job was ended elsewhere.
        """
        longer = math.inf
        if answered >= self._manifest.quorum:
            following = (self._manifest.rounds - number) * self._manifest.round_seconds
            longer = max(min(self._patience, self._deadline.left() - following), 0.0)
        try:
            return self._time_left(until + longer)
        except DeadlinePassed as exc:
            names = ", ".join(f"`{site}`" for site in sorted(waiting))
            raise DeadlinePassed(f"{exc.reason}; round {number} waited for {names}") from exc

    def _believed(self, site: str, digest: str, most: int, reply: RoundReply) -> bool:
        """Check a site's answer before the worker, or another site, is handed any of it.

        Answers that are too long would end the worker together; a false receipt would end the job.
        """
        if len(reply.message) > most:
            self._leave(site, UpdateRefused.code, f"its answer is longer than {most} bytes")
            return False
        try:
            check_reply(self._ports, self._job, self._manifest, site, digest, reply)
        except RoundRefused as exc:
            self._leave(site, exc.code, exc.reason)
            return False
        return True

    def _doubt(self) -> None:
        """Judge each site before a round; who is no longer believed takes no further part.

        What may pass (a clock, a status list) is waited for as a silent site is.

        Raises:
            DeadlinePassed: the job's time is over.
            Aborted: the job was ended elsewhere.
        """
        while doubted := self._doubted():
            enough = len(self.active()) - len(doubted) >= self._manifest.quorum
            for site, exc in doubted.items():
                if not isinstance(exc, PASSING) or (enough and self._patience <= 0):
                    self._leave(site, exc.code, exc.reason)
            self._check_enough(len(self.active()), 0)
            if set(doubted).isdisjoint(self.active()):
                return
            self._time_left(math.inf)
            self._aborted.wait(DOUBT_SECONDS)
            self._patience -= DOUBT_SECONDS if enough else 0.0

    def _doubted(self) -> dict[str, PreauError]:
        found = {}
        for site in self.active():
            try:
                onboard.judge(self._ports, site)
            except PreauError as exc:
                found[site] = exc
        return found

    def _leave(self, site: str, code: str, reason: str) -> None:
        """Let a site go, for good; told so, it releases its budget."""
        if site in self._gone:
            return
        line = one_line(reason)
        self._gone[site] = (code, line)
        book.decided(self._ports, self._manifest.job, site, book.LEFT, code, line)
        with contextlib.suppress(NotFound):
            self._hub.send(self._manifest.job, site, Finish("failed", code, line))

    def _check_enough(self, possible: int, number: int) -> None:
        """Stop as soon as a round cannot reach its quorum any more.

        Raises:
            TooFewSites: naming each site that left, and why.
        """
        if possible >= self._manifest.quorum:
            return
        when = f"round {number}" if number else "before the first round"
        left = "; ".join(f"`{site}`: {code}, {line}" for site, (code, line) in self._gone.items())
        raise TooFewSites(
            f"{when}: {possible} of {len(self._manifest.sites)} sites, "
            f"{self._manifest.quorum} are needed; {left}"
        )

    def _time_left(self, until: float) -> float:
        if self._aborted.is_set():
            raise Aborted
        self._deadline.check()
        return min(until - time.monotonic(), self._deadline.left())

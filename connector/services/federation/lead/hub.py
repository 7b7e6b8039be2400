"""Where a lead's job meets the streams that its sites opened.

The lead's service speaks to sites through the hub; the binding (`peer`) seats each stream that it
has authenticated. Rules: thread-safe; every queue is bounded and every wait too; a site that
re-joins replaces its old seat and is handed the frame that it has not answered yet, so that a
broken connection loses nothing; a stranger, or a job that is not led here, gets one and the same
answer. In memory only: after a restart the lead opens the job again and the sites re-join.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from connector.domain.federation.frames import Finish, Hello, LeadFrame, Round, SiteFrame
from connector.errors import ManifestTampered, NotFound, TooManyRequests

# A site has at most one round unanswered; more than this unread means that it floods.
MAX_UNREAD_PER_SITE: Final = 4
# Jobs whose finish is kept for sites that were cut off just before it.
MAX_OVER: Final = 64


@dataclass(frozen=True, slots=True)
class Left:
    """A site's stream ended.

    Attributes:
        code: stable code of `connector/errors/`; empty when the site hung up.
        reason: one line.
    """

    code: str
    reason: str


@dataclass(slots=True)
class _Place:
    """What the hub keeps of one site.

    Attributes:
        seat: its live stream.
        unanswered: the frame that it has not answered.
        busy: whether it was asked a round that is over, and has sent nothing since.
        handed: newest round that went out to it; 0 before.
    """

    seat: Seat | None = None
    unanswered: LeadFrame | None = None
    busy: bool = False
    handed: int = 0


@dataclass(slots=True)
class _Table:
    """One job. `closed` means that only its finish is still handed out."""

    manifest_digest: str
    places: dict[str, _Place]
    inbox: deque[tuple[str, SiteFrame | Left]] = field(default_factory=deque)
    closed: bool = False


class Seat:
    """A site's live stream, as the binding sees it. Made by `LeadHub.join` only."""

    def __init__(self, job_id: str, did: str, table: _Table, changed: threading.Condition) -> None:
        self.job_id = job_id
        self.did = did
        self._table = table
        self._changed = changed
        # At most two: the unanswered round, and the finish that overtakes it.
        self._frames: deque[LeadFrame] = deque(maxlen=2)
        self._ended: Left | None = None

    @property
    def ended(self) -> Left | None:
        """Why the seat has ended; None while it lives. Frames still queued go out first."""
        return self._ended

    def next(self, seconds: float) -> LeadFrame | None:
        """Return the next frame for the site, or None when none came within `seconds`.

        Returns at once when the seat has ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended, seconds)
            frame = self._frames.popleft() if self._frames else None
            if isinstance(frame, Round):
                self._table.places[self.did].handed = frame.number
            return frame

    def deliver(self, frame: SiteFrame) -> None:
        """Hand the lead a frame of the site.

        Raises:
            TooManyRequests: the site has more frames unread than it may.
            NotFound: the seat has ended.
        """
        with self._changed:
            if self._ended is not None or self._table.closed:
                raise NotFound("the stream of this site has ended")
            if sum(site == self.did for site, _ in self._table.inbox) >= MAX_UNREAD_PER_SITE:
                raise TooManyRequests("the site sends more than it was asked for")
            place = self._table.places[self.did]
            place.busy = False
            if isinstance(place.unanswered, Round) and place.unanswered.number == frame.number:
                place.unanswered = None
            self._table.inbox.append((self.did, frame))
            self._changed.notify_all()

    def leave(self, reason: str, code: str = "") -> None:
        """End the seat and tell the lead why; harmless when it has ended already."""
        with self._changed:
            if self._ended is not None:
                return
            self._ended = Left(code, reason)
            self._frames.clear()
            self._table.places[self.did].seat = None
            frames = (i for i in self._table.inbox if i[0] != self.did or i[1].__class__ != Left)
            # One departure of a site at a time stays unread, so that re-joining cannot pile up.
            self._table.inbox = deque([*frames, (self.did, self._ended)])
            self._changed.notify_all()

    def drop(self, frame: LeadFrame) -> bool:
        """Take back a frame that has not gone out; return whether it had not. For the hub."""
        with self._changed:
            waits = frame in self._frames
            if waits:
                self._frames.remove(frame)
            return waits

    def queue(self, frame: LeadFrame) -> None:
        """Queue a frame for the site. For the hub."""
        with self._changed:
            self._frames.append(frame)
            self._changed.notify_all()

    def end(self, reason: str, *, flush: bool) -> None:
        """End the seat without a word to the lead; `flush` lets queued frames go out first."""
        with self._changed:
            self._ended = self._ended or Left("", reason)
            if not flush:
                self._frames.clear()
            self._changed.notify_all()


class LeadHub:
    """All jobs that this node leads and whose sites may be connected."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._over: OrderedDict[str, _Table] = OrderedDict()
        self._changed = threading.Condition(threading.RLock())

    def open(self, job_id: str, manifest_digest: str, sites: Iterable[str]) -> None:
        """Let the sites of a job join. A job that is open already keeps its seats."""
        with self._changed:
            table = _Table(manifest_digest, {site: _Place() for site in sites})
            self._tables.setdefault(job_id, table)
            self._over.pop(job_id, None)

    def join(self, job_id: str, did: str, hello: Hello) -> Seat:
        """Seat an authenticated site; an earlier seat of that site ends.

        Raises:
            NotFound: no such job is led here, or the caller is none of its sites.
            ManifestTampered: the site accepted another manifest.
        """
        with self._changed:
            table = self._tables.get(job_id) or self._over.get(job_id)
            place = table.places.get(did) if table else None
            if table is None or place is None:
                raise NotFound(f"this node leads no job `{job_id}` with this site")
            if hello.manifest_digest != table.manifest_digest:
                raise ManifestTampered("the site accepted another manifest")
            if place.seat is not None:
                place.seat.end("the site joined again", flush=False)
            place.seat = seat = Seat(job_id, did, table, self._changed)
            place.busy = False
            if place.unanswered is not None:
                seat.queue(place.unanswered)
            if table.closed:
                seat.end("the job has ended", flush=True)
            self._changed.notify_all()
            return seat

    def send(self, job_id: str, site: str, frame: LeadFrame) -> bool:
        """Queue a frame for a site; kept for it until it answers, also over a re-join.

        Returns:
            Whether the site is connected now.

        Raises:
            NotFound: the job is not open, or has no such site.
        """
        with self._changed:
            place = self._open_table(job_id).places.get(site)
            if place is None:
                raise NotFound(f"job `{job_id}` has no site `{site}`")
            place.unanswered = frame
            if place.seat is not None:
                place.seat.queue(frame)
            return place.seat is not None

    def withdraw(self, job_id: str, number: int) -> None:
        """Take back a round that is over from the sites that have not answered it.

        Who has it already is busy with it until it sends something, or joins again.

        Raises:
            NotFound: the job is not open.
        """
        with self._changed:
            for place in self._open_table(job_id).places.values():
                frame = place.unanswered
                if isinstance(frame, Round) and frame.number == number:
                    place.unanswered = None
                    place.busy = place.seat is not None and not place.seat.drop(frame)

    def busy(self, job_id: str) -> frozenset[str]:
        """Return the sites of a job that still work on a round that is over."""
        with self._changed:
            table = self._tables.get(job_id)
            places = table.places if table else {}
            return frozenset(did for did, place in places.items() if place.busy)

    def handed(self, job_id: str) -> dict[str, int]:
        """Return the newest round that went out to each site of a job, since it was opened."""
        with self._changed:
            table = self._tables.get(job_id)
            places = table.places if table else {}
            return {did: place.handed for did, place in places.items()}

    def receive(self, job_id: str, seconds: float) -> tuple[str, SiteFrame | Left] | None:
        """Return the next frame or departure of any site, or None after `seconds`.

        Raises:
            NotFound: the job is not open.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._open_table(job_id).inbox, seconds)
            inbox = self._open_table(job_id).inbox
            return inbox.popleft() if inbox else None

    def connected(self, job_id: str) -> tuple[str, ...]:
        """Return the sites of a job that are connected now, sorted."""
        with self._changed:
            table = self._tables.get(job_id)
            places = table.places if table else {}
            return tuple(sorted(did for did, place in places.items() if place.seat))

    def close(self, job_id: str) -> None:
        """End a job: queued frames still go out, and a site cut off before its finish gets it."""
        with self._changed:
            table = self._tables.pop(job_id, None)
            if table is None:
                return
            table.closed = True
            table.inbox.clear()
            for place in table.places.values():
                if not isinstance(place.unanswered, Finish):
                    place.unanswered = None
                if place.seat is not None:
                    place.seat.end("the job has ended", flush=True)
            self._over[job_id] = table
            while len(self._over) > MAX_OVER:
                self._over.popitem(last=False)
            self._changed.notify_all()

    def _open_table(self, job_id: str) -> _Table:
        table = self._tables.get(job_id)
        if table is None:
            raise NotFound(f"this node leads no job `{job_id}`")
        return table

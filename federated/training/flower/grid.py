"""Flower's `Grid` over the frames between the lead's worker and its node.

Rules: a round is one frame out and one frame in; the node waits for the sites and says who
answered, within the manifest's time; a reply that is not to this round's message of that site is
left out. Weights and quorum are left to the strategy, the network to the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from federated.errors import RoundRefused, WorkerFailed
from federated.manifest import JobManifest
from federated.training.flower.messages import from_bytes, node_of, seal, to_bytes
from federated.training.flower.records import digest, unpack
from federated.training.roles.frames import Frames

_MARGIN_SECONDS: Final = 120.0


class FrameGrid(Grid):
    """Sends a round's messages to the node, and waits for what the sites answered."""

    def __init__(self, frames: Frames, manifest: JobManifest, sites: Sequence[str]) -> None:
        """Keep the connection.

        Args:
            frames: to the node.
            manifest: of the job.
            sites: DIDs of the sites that accepted it.

        Raises:
            RoundRefused: a site takes no part in the job.
        """
        self._frames = frames
        self._manifest = manifest
        self._sites = {node_of(manifest, site): site for site in sites}
        self._asked: dict[str, Message] = {}
        self._run = Run.create_empty(0)

    @property
    def run(self) -> Run:
        """Flower's description of the run."""
        return self._run

    def set_run(self, run: Run) -> None:
        """Keep Flower's description of the run."""
        self._run = run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Return a message to a site."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Return the sites' numbers, in the manifest's order."""
        return sorted(self._sites)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send a round's messages in one frame and return their ids.

        Raises:
            WorkerFailed: the node is gone.
        """
        sealed = [seal(message, self._manifest) for message in messages]
        self._asked = {self._sites[message.metadata.dst_node_id]: message for message in sealed}
        if sealed:
            parts = [to_bytes(message) for message in sealed]
            header = {
                "op": "round",
                "round": int(sealed[0].metadata.group_id),
                "digest": digest(unpack(sealed[0].content, self._manifest)),
                "sites": list(self._asked),
                "sizes": [len(part) for part in parts],
            }
            self._frames.send(header, b"".join(parts))
        return [message.metadata.message_id for message in sealed]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies to what was pushed last; the node waits for them.

        Raises:
            WorkerFailed: the node is gone, or answered something else.
        """
        if not set(message_ids):
            return []
        header, payload = self._frames.receive(self._manifest.seconds_left() + _MARGIN_SECONDS)
        return [
            message
            for site, part in split(header, payload, self._asked)
            if (message := self._reply(site, part)) is not None
        ]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Send messages and return the replies; the manifest's time counts, not `timeout`.

        Raises:
            WorkerFailed: the node is gone, or answered something else.
        """
        del timeout
        return self.pull_messages(self.push_messages(messages))

    def _reply(self, site: str, part: bytes) -> Message | None:
        asked = self._asked[site].metadata
        try:
            message = from_bytes(part, self._manifest)
        except RoundRefused:
            return None
        metadata = message.metadata
        fits = (
            metadata.run_id == asked.run_id
            and metadata.src_node_id == asked.dst_node_id
            and metadata.reply_to_message_id == asked.message_id
        )
        return message if fits else None


def split(header: dict[str, Any], payload: bytes, asked: Iterable[str]) -> list[tuple[str, bytes]]:
    """Return (site, message bytes) of a frame `replies`.

    Raises:
        WorkerFailed: it names other sites than were asked, one twice, or sizes that do not fit.
    """
    sites, sizes = header.get("sites"), header.get("sizes")
    if header.get("op") != "replies" or not isinstance(sites, list) or not isinstance(sizes, list):
        raise WorkerFailed("the node answered something else than replies")
    known = list(asked)
    if any(site not in known or sites.count(site) > 1 for site in sites):
        raise WorkerFailed("the node answered for other sites than were asked")
    whole = all(isinstance(size, int) and size >= 0 for size in sizes)
    if not whole or len(sizes) != len(sites) or sum(sizes) != len(payload):
        raise WorkerFailed("the node answered sizes that do not fit")
    ends = pairwise(accumulate(sizes, initial=0))
    return [(site, payload[start:end]) for site, (start, end) in zip(sites, ends, strict=True)]

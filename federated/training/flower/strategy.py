"""The lead's side in Flower's terms: FedAvg with public weights, from any round on.

Rules: a site weighs what its contract declares, never what its rows count; sites are taken in the
manifest's order, so that the same updates give the same sum; a reply that is no model of the
manifest, or one that its mechanism cannot have made (`reach.py`), does not enter; below the quorum
the job stops with a reason. Waiting and transport are left to the grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg

from federated.errors import RoundRefused, TooFewSites
from federated.manifest import JobManifest
from federated.training.flower.messages import node_of
from federated.training.flower.records import ARRAYS, ROUND, SETTINGS, pack, unpack, unpack_record
from federated.training.reach import is_within, reach
from federated.training.recipes import Arrays, bounded

_WEIGHT = "declared-population"


class DeclaredAverage(FedAvg):
    """FedAvg weighted by declared populations; resumes after `done` rounds."""

    def __init__(self, manifest: JobManifest, sites: Sequence[str], done: int) -> None:
        """Keep who takes part.

        Args:
            manifest: of the job.
            sites: DIDs of the sites that accepted it.
            done: rounds completed before.

        Raises:
            RoundRefused: a site takes no part in the job.
        """
        super().__init__(fraction_evaluate=0.0, weighted_by_key=_WEIGHT, arrayrecord_key=ARRAYS)
        self._manifest = manifest
        self._done = done
        self._site = {node_of(manifest, site): site for site in sites}
        self._population = {item.site: item.population for item in manifest.contracts}
        self._number = done
        self._sent: Arrays = {}
        self.answered: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return one message for each site, in order. Flower counts rounds from 1 each time."""
        number = self._number = self._done + server_round
        config[ROUND] = number
        self._sent = unpack_record(arrays, self._manifest)
        record = RecordDict({ARRAYS: arrays, SETTINGS: config})
        return [
            Message(record, node, MessageType.TRAIN, group_id=str(number))
            for node in sorted(grid.get_node_ids())
        ]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the average of the replies, and note in `answered` whose they were.

        What did not enter is noted in `refused`, with the reason.

        Raises:
            TooFewSites: fewer usable replies than the quorum.
        """
        self.refused = {}
        usable = {
            reply.metadata.src_node_id: reply
            for reply in replies
            if reply.metadata.src_node_id in self._site and self._weigh(reply)
        }
        if len(usable) < self._manifest.quorum:
            number = self._done + server_round
            why = "".join(f"; `{site}`: {reason}" for site, reason in self.refused.items())
            raise TooFewSites(
                f"{len(usable)} sites answered round {number}, "
                f"quorum is {self._manifest.quorum}{why}"
            )
        self.answered = tuple(self._site[node] for node in sorted(usable))
        ordered = [usable[node] for node in sorted(usable)]
        arrays, metrics = super().aggregate_train(server_round, ordered)
        return arrays and _bounded(arrays), metrics

    def _weigh(self, reply: Message) -> bool:
        """Put the declared population beside the arrays; tell whether the reply is usable."""
        site = self._site[reply.metadata.src_node_id]
        try:
            arrays = self._read(reply, site)
        except RoundRefused as exc:
            self.refused[site] = exc.reason
            return False
        weight = self._population[site]
        reply.content = RecordDict({ARRAYS: pack(arrays), _WEIGHT: MetricRecord({_WEIGHT: weight})})
        return True

    def _read(self, reply: Message, site: str) -> Arrays:
        """Return the arrays of a site's reply.

        Raises:
            RoundRefused: they are no update of the manifest's mechanism.
        """
        if not reply.has_content():
            raise RoundRefused("the reply holds no model")
        arrays = unpack(reply.content, self._manifest)
        bound = reach(self._manifest, self._population[site], self._number)
        if not is_within(self._sent, arrays, bound):
            raise RoundRefused("the update lies further away than the mechanism can move a model")
        return arrays


def _bounded(record: ArrayRecord) -> ArrayRecord:
    """Return an average within the bounds of weights, which its rounding may have passed."""
    return pack({name: bounded(array.numpy()) for name, array in record.items()})

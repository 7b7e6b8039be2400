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

from federated.aggregation import LEAST_SITES, counted
from federated.errors import RoundRefused, TooFewSites
from federated.manifest import JobManifest
from federated.task.evaluation import ALL_SITES
from federated.training.evaluation import most_cell, weight
from federated.training.flower.messages import node_of
from federated.training.flower.records import (
    ARRAYS,
    EVALUATION,
    ROUND,
    SETTINGS,
    digest,
    pack,
    unpack,
    unpack_cells,
    unpack_record,
)
from federated.training.reach import is_within, reach
from federated.training.recipes import Arrays, bounded

_WEIGHT = "declared-population"
_DIGITS = 3  # of persons in a cell


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
        self.scores: dict[str, list[float]] = {}

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

        What did not enter is noted in `refused`, with the reason; what they say of the model that
        was sent, in persons a cell, in `scores`: without noise what all say together. After the
        rounds that train the model stays.

        Raises:
            TooFewSites: fewer usable replies than the quorum.
        """
        self.refused, self.scores = {}, {}
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
        if self._manifest.exact:
            self.scores = self._summed()
        if self._number > self._manifest.rounds:
            return pack(self._sent), None
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
        evaluated = self._manifest.evaluates(self._number)
        if self._manifest.exact:  # a site that adds to no sum answers without cells
            evaluated = evaluated and EVALUATION in reply.content.metric_records
        arrays = unpack(reply.content, self._manifest, evaluated=evaluated)
        self._check(arrays, site)
        if evaluated:
            self.scores[site] = self._persons(reply, site)
        return arrays

    def _check(self, arrays: Arrays, site: str) -> None:
        """Check what a site makes of the model that it was sent.

        Raises:
            RoundRefused: no site can have made it.
        """
        if self._number > self._manifest.rounds:
            if digest(arrays) != digest(self._sent):
                raise RoundRefused("the round trains nothing, and the reply holds another model")
            return
        bound = reach(self._manifest, self._population[site], self._number)
        if not is_within(self._sent, arrays, bound):
            raise RoundRefused("the update lies further away than the mechanism can move a model")

    def _persons(self, reply: Message, site: str) -> list[float]:
        """Return the cells of a site's reply in persons; masked ones as they are.

        Raises:
            RoundRefused: there are none, or one that no such site has.
        """
        evaluation = self._manifest.evaluation
        cells = unpack_cells(reply.content, self._manifest)
        if self._manifest.exact:
            return list(cells)
        if evaluation is None or max(map(abs, cells)) > most_cell(
            evaluation, self._population[site]
        ):
            raise RoundRefused("a cell lies further away than the site's persons can move it")
        return [round(each / weight(evaluation), _DIGITS) for each in cells]

    def _summed(self) -> dict[str, list[float]]:
        """Return the sum of all sites' masked cells; none where their masks do not cancel.

        Those of a site that is missing, or was shown other sites, leave numbers modulo 2⁶⁴ that no
        persons add up to, but with a chance below 2⁻³³ a cell.
        """
        if len(self.scores) < LEAST_SITES:
            return {}
        cells = counted([[int(each) for each in cells] for cells in self.scores.values()])
        most = sum(self._population[site] for site in self.scores)
        whole = min(cells) >= 0 and sum(cells) <= most
        return {ALL_SITES: [float(each) for each in cells]} if whole else {}


def _bounded(record: ArrayRecord) -> ArrayRecord:
    """Return an average within the bounds of weights, which its rounding may have passed."""
    return pack({name: bounded(array.numpy()) for name, array in record.items()})

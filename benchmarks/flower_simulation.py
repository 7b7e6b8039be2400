"""The job of `sites.py` by Flower's simulation: `flower_simulation.py SITES OUT`.

Writes the seconds of its rounds, without Ray's start. The site's round is our own engine.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import sites
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

from federated.training.engine import Engine
from federated.training.noise import SystemNoise
from federated.training.recipes import Arrays, initial


def main() -> None:
    """Run the simulation once."""
    count, out = int(sys.argv[1]), Path(sys.argv[2])
    client, server = ClientApp(), ServerApp()

    @client.train()
    def train(message: Message, context: Context) -> Message:
        site = int(str(context.node_config["partition-id"]))
        engine = Engine(sites.manifest(1), sites.PERSONS, sites.share(site), SystemNoise())
        arrays = message.content.array_records["arrays"]
        updated = engine.run({name: array.numpy() for name, array in arrays.items()})
        weight = MetricRecord({"num-examples": 1})
        content = RecordDict({"arrays": _record(updated), "metrics": weight})
        return Message(content, reply_to=message)

    @server.main()
    def serve(grid: Grid, _: Context) -> None:
        strategy = FedAvg(fraction_evaluate=0.0, min_available_nodes=count, min_train_nodes=count)
        first = _record(initial(sites.manifest(1)))
        began = time.perf_counter()
        strategy.start(grid, first, num_rounds=sites.ROUNDS)
        out.write_text(str(time.perf_counter() - began), encoding="ascii")

    run_simulation(server, client, count)


def _record(arrays: Arrays) -> ArrayRecord:
    return ArrayRecord({name: Array(value) for name, value in arrays.items()})


if __name__ == "__main__":
    main()

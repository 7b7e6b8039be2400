"""The same training as an app of Flower's deployment, see `bare_flower.py`.

The site's round is our own engine, so that what differs is what carries it.
"""

from __future__ import annotations

import time
from pathlib import Path

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from federated.training.recipes import Arrays

client = ClientApp()
server = ServerApp()


@client.train()
def train(message: Message, context: Context) -> Message:
    """Train one round on the rows of this node."""
    from sites_space import engine_of  # noqa: PLC0415 - at a site only

    engine = engine_of(
        Path(str(context.run_config["manifest"])),
        Path(str(context.node_config["file"])),
        int(str(context.node_config["site"])),
    )
    arrays = message.content.array_records["arrays"]
    updated = engine.run({name: array.numpy() for name, array in arrays.items()})
    weight = MetricRecord({"num-examples": 1})
    content = RecordDict({"arrays": _record(updated), "metrics": weight})
    return Message(content, reply_to=message)


@server.main()
def main(grid: Grid, context: Context) -> None:
    """Run the rounds, and note when each was over."""
    from sites_space import first_of  # noqa: PLC0415 - at the server only

    sites = int(str(context.run_config["sites"]))
    out = Path(str(context.run_config["out"]))

    def over(number: int, _arrays: ArrayRecord) -> None:
        with out.open("a", encoding="ascii") as file:
            file.write(f"{number} {time.time()}\n")

    strategy = FedAvg(fraction_evaluate=0.0, min_available_nodes=sites, min_train_nodes=sites)
    strategy.start(
        grid,
        _record(first_of(Path(str(context.run_config["manifest"])))),
        num_rounds=int(str(context.run_config["rounds"])),
        evaluate_fn=over,
    )


def _record(arrays: Arrays) -> ArrayRecord:
    return ArrayRecord({name: Array(value) for name, value in arrays.items()})

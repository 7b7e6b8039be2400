"""Client of the management API, for scripts and notebooks; the command uses it.

from connector.sdk import Node

with Node("preau-home") as node:
    print(node.catalog("did:web:school.example").datasets)
    job = node.train(request)
    print(job.evaluate("own.csv"))

Open data need no node: `get_open("https://HOST/open/DATASET", "folder")`. `simulate` tries a
request on rows of one's own, without a node and without spending.
"""

from connector.sdk.client import Client
from connector.sdk.open_data import get_open
from connector.sdk.referral import verify_referral
from connector.sdk.training.job import Job, compare
from connector.sdk.training.model import Model
from connector.sdk.training.node import Node
from connector.sdk.training.simulation import simulate

__all__ = ["Client", "Job", "Model", "Node", "compare", "get_open", "simulate", "verify_referral"]

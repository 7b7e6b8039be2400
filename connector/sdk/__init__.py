"""Client of the management API, for scripts and notebooks; the command uses it.

from connector.sdk import Client

with Client("preau-home") as node:
    print(node.catalog("did:web:school.example").datasets)

Open data need no node: `get_open("https://HOST/open/DATASET", "folder")`.
"""

from connector.sdk.client import Client
from connector.sdk.open_data import get_open
from connector.sdk.referral import verify_referral

__all__ = ["Client", "get_open", "verify_referral"]

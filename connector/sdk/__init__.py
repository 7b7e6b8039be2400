"""Client of the management API, for scripts and notebooks; the command uses it.

from connector.sdk import Client

with Client("preau-home") as node:
    print(node.catalog("did:web:school.example").datasets)
"""

from connector.sdk.client import Client

__all__ = ["Client"]

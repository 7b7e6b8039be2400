"""The least that a negotiation costs: its signatures, verifications and commits, and nothing else.

A named alternative to compare with: one process, no network, no policy, no queue. The counts are
those of our protocol: two calls, each with a token (1 signature, 1 verification) and two heads of
logs (2 signatures); four messages, a membership and a status list judged at each (2 verifications);
two signatures and a receipt on the contract (3 and 3); one commit where each message is taken, and
one for the request.
"""

from __future__ import annotations

import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.bootstrap.system import SystemClock
from connector.store import SqlStore, migrations

SIGNATURES = 9
VERIFICATIONS = 13
COMMITS = 5
DOCUMENT = b"x" * 4096


def bare_loop(url: str, count: int) -> list[float]:
    """Return the seconds of each turn.

    Args:
        url: of an empty database; the store opens it as a node would.
        count: turns.
    """
    migrations.upgrade(url)
    store = SqlStore(url, SystemClock())
    key = Ed25519PrivateKey.generate()
    try:
        return [_turn(store, key, number) for number in range(count)]
    finally:
        store.close()


def _turn(store: SqlStore, key: Ed25519PrivateKey, number: int) -> float:
    began = time.perf_counter()
    signature = b""
    for _ in range(SIGNATURES):
        signature = key.sign(DOCUMENT)
    public = key.public_key()
    for _ in range(VERIFICATIONS):
        public.verify(signature, DOCUMENT)
    for commit in range(COMMITS):
        with store.write() as tx:
            tx.audit.append("bare", f"{number}-{commit}", paper=DOCUMENT.decode())
    return time.perf_counter() - began

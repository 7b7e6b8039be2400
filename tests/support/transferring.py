"""Extracts and contracts that tests of transfers put into two nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from connector.domain.contract.negotiation import Role
from connector.domain.participant import Participant
from connector.domain.transfer.extract import Extract, ExtractState
from connector.domain.transfer.transfer import TransferState
from connector.ports import Ports
from connector.services.messages import deliver
from connector.services.messages.receive import HANDLERS
from connector.services.transfer import acts, consumer_side
from connector.store.files.extract_files import HomeFiles
from tests.support.live_space import Node
from tests.support.stored import contract

AGREEMENT = "urn:agreement"
EXTRACT = "urn:uuid:00000000-0000-4000-8000-00000000e001"
DATA = bytes(range(256)) * 40
HUGE = 8 << 30  # bytes of a file that takes no place


def agreed(provider: Ports, consumer: Ports, name: str = AGREEMENT, **changes: Any) -> None:
    """Put a contract of the two into both stores, as both have signed it."""
    parties = {"provider": provider.settings.did, "consumer": consumer.settings.did}
    for ports, role in ((provider, Role.PROVIDER), (consumer, Role.CONSUMER)):
        with ports.store.write() as tx:
            tx.agreements.put(contract(name, **{"role": role, **parties, **changes}))


def answering(*nodes: Node) -> None:
    """Let nodes of a live space handle messages as the product does."""
    for node in nodes:
        for kind, handler in HANDLERS.items():
            node.heard.answers[kind] = partial(_handled, node, handler)


def _handled(
    node: Node, handler: Any, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = handler(node.ports, caller, body)
    return answer


def begun(provider: Ports, consumer: Ports, data: bytes = DATA) -> str:
    """Start a transfer between nodes that reach one another; return the consumer's pid."""
    agreed(provider, consumer)
    prepared(provider, consumer, data)
    pid = consumer_side.request(consumer, AGREEMENT, EXTRACT).pid
    for ports in (consumer, provider):
        deliver.deliver_due(ports)
    assert acts.transfer(consumer, pid).state is TransferState.STARTED
    return pid


def over(*nodes: Ports) -> None:
    """End all transfers of nodes, each here only."""
    for ports in nodes:
        with ports.store.write() as tx:
            for each in tx.transfers.find():
                tx.transfers.put(replace(each, state=TransferState.TERMINATED))


def prepared(
    provider: Ports, consumer: Ports, data: bytes = DATA, name: str = EXTRACT, **changes: Any
) -> Extract:
    """Put a finished extract into the provider's home and store."""
    path = name.rpartition(":")[2]
    with provider.extracts.writing(name, path, len(data)) as out:
        out.write(data)
    values: dict[str, Any] = {
        "id": name,
        "agreement_id": AGREEMENT,
        "consumer": consumer.settings.did,
        "request_id": name,
        "plan_digest": "ab" * 32,
        "snapshot_digest": "cd" * 32,
        "salt": "ef" * 32,
        "digest": out.digest,
        "rows": 40,
        "bytes": len(data),
        "suppressed": 2,
        "format": "csv",
        "path": path,
        "sealed_key": out.sealed_key,
        "state": ExtractState.READY,
        "made_at": provider.clock.now(),
        **changes,
    }
    extract = Extract(**values)
    with provider.store.write() as tx:
        tx.extracts.put(extract)
    return extract


def endless(monkeypatch: pytest.MonkeyPatch, provider: Ports, data: bytes = DATA) -> None:
    """Let the extract be larger than what flows between two judgements: zeros follow its data."""

    def read(_files: HomeFiles, _held: Extract, offset: int, size: int) -> bytes:
        return data[offset : offset + size].ljust(size, b"\0")

    monkeypatch.setattr(HomeFiles, "read", read)
    with provider.store.write() as tx:
        extract = tx.extracts.get(EXTRACT)
        assert extract is not None
        tx.extracts.put(replace(extract, bytes=HUGE))

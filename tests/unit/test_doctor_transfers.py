"""What `preau doctor` says of transfers: a row each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.domain.contract.negotiation import Role
from connector.domain.transfer.extract import Content
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.services.health.diagnose import OK, WARN
from connector.services.health.transfers import MOST_SHOWN, transfers
from tests.support.doubles import NOON
from tests.support.each import over

CONTENT = Content("csv", 3, 100, 0, "ab" * 32, "cd" * 32, "ef" * 32)
LATER = NOON + timedelta(days=2)


def moved(pid: str = "urn:t", **changes: Any) -> Transfer:
    values: dict[str, Any] = {
        "pid": pid,
        "role": Role.PROVIDER,
        "peer": "did:web:lab.example",
        "agreement_id": "urn:a",
        "extract_id": "urn:x",
        "state": TransferState.COMPLETED,
        "content": CONTENT,
        "passed": 100,
        "receipt": "ours",
        "peer_receipt": "theirs",
        "created_at": NOON,
        "updated_at": NOON,
        **changes,
    }
    return Transfer(**values)


@over(
    ("changes", "differing", "verdict"),
    [
        ({}, (), OK),
        ({}, ("urn:t",), WARN),
        ({"peer_receipt": "", "state": TransferState.STARTED}, (), WARN),
        ({"peer_receipt": "", "updated_at": LATER}, (), OK),
        ({"peer_receipt": "", "passed": 50}, (), OK),
        ({"peer_receipt": "", "passed": 0, "content": None}, (), OK),
    ],
)
def test_rows(changes: dict[str, Any], differing: tuple[str, ...], verdict: str) -> None:
    (check,) = transfers([moved(**changes)], differing, LATER)
    assert check.verdict == verdict


def test_many_are_told_in_few_lines() -> None:
    found = [moved(f"urn:{n}") for n in range(30)]
    checks = transfers(found, {each.pid for each in found}, LATER)
    assert len(checks) == MOST_SHOWN + 1
    assert "20 more" in checks[-1].finding

"""What a bundle proves of the exporter's log, and how far the other party cosigned it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connector.domain.log import merkle
from connector.identity.evidence import Outcome
from tests.support.contracts import CONSUMER, NOW, PROVIDER, stranger
from tests.support.each import over
from tests.support.evidence import Log, cosigned, exported, log_of, rotated
from tests.support.verdicts import (
    CONTRACT,
    EVIDENCE,
    GIVER,
    TAKER,
    changed,
    invalid,
    judged,
    unproven,
)


def test_truncated_proof() -> None:
    entry = EVIDENCE.entries[0]
    for proof in (entry.proof[:-1], entry.proof[1:], (), (*entry.proof, bytes(32))):
        invalid(changed(entries=(replace(entry, proof=proof),)))


@over(
    "pick",
    [
        lambda _: (),
        lambda log: (log.entry(0), log.entry(3)),  # about other things
        lambda log: (log.entry(4), log.entry(2)),
        lambda log: (log.entry(2), log.entry(2)),
        lambda log: (replace(log.entry(2), index=4),),
        lambda log: (replace(log.entry(2), index=99),),
        lambda log: (replace(log.entry(2), index=-1),),
        lambda log: (replace(log.entry(2), event=log.events[4]),),
        lambda log: (replace(log.entry(2), event=b"[]"),),
    ],
)
def test_entries_that_are_refused(pick: Callable[[Log], Any]) -> None:
    invalid(changed(entries=pick(log_of(CONTRACT))))


def test_entries_of_another_log() -> None:
    other = log_of(CONTRACT)
    other.append("more", "x")
    invalid(changed(entries=(other.entry(2),)), part="log", by=PROVIDER)
    data = changed(entries=(other.entry(2),), **exported(other, GIVER, TAKER))
    assert judged(data).outcome is Outcome.PROVEN


def test_an_entry_that_is_no_object() -> None:
    log = log_of(CONTRACT)
    log.events.append(b"[]")
    invalid(changed(entries=(log.entry(2), log.entry(5)), checkpoint=log.note(GIVER)))


def test_a_log_signed_by_another() -> None:
    log = log_of(CONTRACT)
    for note in (log.note(TAKER), log.note(stranger(PROVIDER)), "", "x"):
        invalid(changed(checkpoint=note))


def test_a_log_is_proven_as_far_as_the_other_party_cosigned_it() -> None:
    log = log_of(CONTRACT)
    assert "has not cosigned" in unproven(changed(cosigned=""), "log")
    said = unproven(changed(**exported(log, GIVER, TAKER, 3)), "log")
    assert said == f"cosigned by `{CONSUMER}` up to 3 entries: 1 of the bundle's entries came later"
    log.append("thing.done", "urn:more")
    entries = (log.entry(2), log.entry(4))
    data = changed(entries=entries, **exported(log, GIVER, TAKER, 5))
    assert judged(data).outcome is Outcome.PROVEN  # what came later is not of the contract


def test_cosignatures_that_are_none() -> None:
    log = log_of(CONTRACT)
    for witness in (GIVER, stranger(CONSUMER), stranger("did:web:sud.example")):
        said = invalid(changed(**exported(log, GIVER, witness)), part="log", by=CONSUMER)
        assert "did not cosign" in said


def test_a_head_that_the_exporter_did_not_sign() -> None:
    note = cosigned(log_of(CONTRACT).note(stranger(PROVIDER)), TAKER)
    assert "did not sign" in invalid(changed(cosigned=note), part="log", by=PROVIDER)


def test_a_key_that_followed_since_may_cosign() -> None:
    log, later = log_of(CONTRACT), rotated(TAKER)
    parts = exported(log, GIVER, later)
    assert judged(changed(**parts, peer_document=later.data)).outcome is Outcome.PROVEN
    assert "did not cosign" in invalid(changed(**parts), part="log", by=CONSUMER)
    other = rotated(TAKER, lost=True)  # nobody can tell that it is the same party
    parts = exported(log, GIVER, other)
    data = changed(**parts, peer_document=other.data)
    assert "did not cosign" in invalid(data, part="log", by=CONSUMER)


def test_a_log_that_went_another_way_after_it_was_cosigned() -> None:
    """The exporter shows the auditor another history than the one that its peer has signed for."""
    shown, seen = log_of(CONTRACT), log_of(CONTRACT)
    seen.events[3] = seen.events[1]
    note = cosigned(seen.note(GIVER), TAKER)
    said = invalid(changed(cosigned=note), part="log", by=PROVIDER)
    assert "does not continue" in said
    longer = Log([*shown.events, shown.events[0]])
    proof = tuple(merkle.consistency(5, 6, longer.node()))
    entries = (longer.entry(2), longer.entry(4))
    parts = {"entries": entries, "checkpoint": longer.note(GIVER), "cosigned_proof": proof}
    assert "does not continue" in invalid(changed(cosigned=note, **parts), part="log", by=PROVIDER)
    assert judged(changed(**parts)).outcome is Outcome.PROVEN


def test_a_log_of_another_epoch_than_the_cosigned_one() -> None:
    log = log_of(CONTRACT)
    assert "does not continue" in invalid(
        changed(checkpoint=log.note(GIVER, epoch=1)), part="log", by=PROVIDER
    )


def test_cosigned_before_it_was_concluded() -> None:
    early = NOW - timedelta(days=1)
    note = cosigned(log_of(CONTRACT).note(GIVER), TAKER, early)
    assert "before the contract was concluded" in unproven(changed(cosigned=note), "log")

"""Whatever the link does and wherever a node dies: one contract, the same at both ends."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.contract.negotiation import NegotiationState
from connector.protocol.negotiation import TERMINAL
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.link import DATASET, Call, Fault, Link, description, link, offer

FAULTS = st.lists(st.sampled_from(Fault), max_size=16)
# Write transactions of a whole negotiation, both nodes together, by whether answers carry.
STEPS = {False: 9, True: 5}
CALLS = {False: 5, True: 3}


class KilledError(BaseException):
    """The process is gone; nothing that answers exceptions may see it."""


@contextmanager
def published(
    folder: Path, *, carries: bool, databases: Callable[[], str] | None = None
) -> Iterator[Link]:
    with link(folder, carries=carries, databases=databases) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def check_one_contract(pair: Link) -> None:
    assert pair.lab.only().state is pair.school.only().state is NegotiationState.FINALIZED
    (ours,), (theirs,) = pair.lab.agreements(), pair.school.agreements()
    assert ours.document == theirs.document
    assert ours.receipt == theirs.receipt != ""
    assert ours.consumer_signature == theirs.consumer_signature
    for node in (pair.lab, pair.school):
        kinds = [entry.kind for entry in node.log()]
        assert kinds.count("negotiation.agreed") == 1
        assert kinds.count("negotiation.finalized") == 1
        assert node.waiting() == []


@given(faults=FAULTS, restarts=st.sets(st.integers(0, 8)), carries=st.booleans())
@settings(max_examples=20, deadline=None)
def test_loss_repetition_replay_and_restarts(
    faults: list[Fault],
    restarts: set[int],
    carries: bool,  # noqa: FBT001 - drawn
) -> None:
    with tempfile.TemporaryDirectory() as folder, published(Path(folder), carries=carries) as pair:
        left = list(faults)
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.fault = lambda _call: left.pop() if left else Fault.NONE
        for step in range(9):
            if step in restarts:
                pair.lab.restart()
                pair.school.restart()
            pair.deliver(1)
            pair.clock.advance(60.0)
        pair.pump()
        check_one_contract(pair)


@given(faults=FAULTS, stop_at=st.integers(0, 6), carries=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_negotiation_that_one_side_ends_is_over_at_both(
    faults: list[Fault],
    stop_at: int,
    carries: bool,  # noqa: FBT001 - drawn
) -> None:
    with tempfile.TemporaryDirectory() as folder, published(Path(folder), carries=carries) as pair:
        left = list(faults)
        found = negotiate.request(
            pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5")
        )
        pair.fault = lambda _call: left.pop() if left else Fault.NONE
        for step in range(8):
            if step == stop_at:
                negotiate.terminate(pair.lab.ports, found.pid)
            pair.deliver(1)
            pair.clock.advance(60.0)
        pair.pump()
        assert {item.state for item in pair.lab.negotiations()} <= TERMINAL
        assert {item.state for item in pair.school.negotiations()} <= TERMINAL
        assert pair.lab.agreements() == []


def kill_at(pair: Link, number: int, *, committed: bool) -> None:
    """Let both nodes die at their write transaction of that number, before or after it."""
    count = iter(range(1000))

    def armed(write: Any) -> Any:
        @contextmanager
        def dying() -> Iterator[Any]:
            fatal = next(count) == number
            with write() as tx:
                yield tx
                if fatal and not committed:
                    raise KilledError
            if fatal:
                raise KilledError

        return dying

    for node in (pair.lab, pair.school):
        store: Any = node.ports.store
        store.write = armed(store.write)


@pytest.mark.parametrize("committed", [False, True], ids=["before commit", "after commit"])
@pytest.mark.parametrize(
    ("database", "carries", "number"),
    [
        *(("sqlite", way, number) for way, steps in STEPS.items() for number in range(steps)),
        *(("postgresql", True, number) for number in range(STEPS[True])),
    ],
)
def test_dying_at_any_step(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    database: str,
    number: int,
    *,
    committed: bool,
    carries: bool,
) -> None:
    databases = None
    if database == "postgresql":
        databases = request.getfixturevalue("postgres_server").create
    with published(tmp_path, carries=carries, databases=databases) as pair:
        kill_at(pair, number, committed=committed)
        with pytest.raises(KilledError):
            ask(pair)
        pair.lab.restart()
        pair.school.restart()
        if not pair.lab.negotiations():  # it died before the request was kept
            assert (number, committed) == (0, False)
            negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.pump()
        check_one_contract(pair)


@pytest.mark.parametrize("carries", [False, True])
def test_there_are_no_further_steps_to_die_at(tmp_path: Path, *, carries: bool) -> None:
    with published(tmp_path, carries=carries) as pair:
        kill_at(pair, STEPS[carries], committed=True)
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.deliver()
        check_one_contract(pair)


def ask(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()


@pytest.mark.parametrize("carries", [False, True])
def test_every_call_is_made_once_without_faults(tmp_path: Path, *, carries: bool) -> None:
    with published(tmp_path, carries=carries) as pair:
        seen: list[Call] = []
        pair.fault = lambda call: (seen.append(call), Fault.NONE)[1]
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.deliver()
        assert len(seen) == len({repr(call) for call in seen}) == CALLS[carries]

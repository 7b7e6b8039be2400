"""Random negotiations through the codec of the Dataspace Protocol, of our nodes and of others.

    python -m tests.support.dsp_negotiations 10000 7         # so many, from that seed
    python -m tests.support.dsp_negotiations 10000 7 12      # of these, only a part that failed

Two of our nodes negotiate by what their operators do at random, under random terms, as nodes that
sign and as connectors of another make; and each with a stranger that says anything in any state
(`dsp_strangers.py`). Messages are lost, come twice and come late. Each message of ours is judged by
its schema and the loss check, each step by the table, and what both sides hold is compared.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Any, Final

from connector.domain.contract.negotiation import (
    Agreement,
    Negotiation,
    NegotiationState,
    Role,
)
from connector.errors import PreauError
from connector.identity import agreement as documents
from connector.jsonld.policy import read_policy
from connector.ports import Ports
from connector.services.negotiation import negotiate, terms
from connector.services.publication import publish
from policies_odrl import Policy
from tests.support.choices import Choices
from tests.support.dsp_link import dsp_link
from tests.support.dsp_oracle import disagreement
from tests.support.dsp_strangers import Stranger
from tests.support.dsp_terms import COLUMNS, document, sound, varied
from tests.support.link import Fault, Link, Node
from tests.support.opening import SCHOOLS, schools

State = NegotiationState
_OVER: Final = (State.FINALIZED, State.TERMINATED)
_MOST_STEPS: Final = 12
_OF_A_PAIR: Final = 100  # negotiations of two nodes: their papers are of some days
_OFFERS: Final = 8  # of a pair
_BYTES: Final = 1024  # of choices, for one policy
_LOSSES: Final = (Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.TWICE, Fault.REPLAY_FIRST)
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - of this machine: nothing has to outlive it


def play(count: int, seed: int, part: int, *, plain: bool) -> Counter[str]:
    """Play negotiations of two nodes and a stranger, and return how often each ended how.

    Args:
        count: how many.
        seed: of what happens in them, with `part`.
        part: which of those that this seed has.
        plain: whether either node takes the other for a connector of another make.

    Raises:
        AssertionError: something is not as it must be; a note says what came and where it led.
    """
    rng, ends = random.Random(f"{seed} {part}"), Counter[str]()  # noqa: S311 - a test's choices
    where = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=where) as folder,
        dsp_link(Path(folder), plain=plain) as (pair, web),
    ):
        shelf = published(pair.school.ports, rng, Path(folder, "data"))
        other = Stranger(pair, web, rng, tuple(_shown(pair)))
        for number in range(count):
            strange = rng.randrange(3) == 0
            try:
                end = other.play() if strange else _one(pair, rng, shelf)
                wrong = disagreement(web.taken)
                assert not wrong, wrong
            except Exception as exc:
                lines = [f"number {number} of part {part}, seed {seed}", *map(str, web.taken)]
                exc.add_note("\n".join(lines))
                raise
            web.taken.clear()
            web.sent.clear()
            ends[f"{end} with a stranger" if strange else end] += 1
    return ends


def published(ports: Ports, rng: random.Random, folder: Path) -> tuple[Policy, ...]:
    """Publish a dataset, whose file is put into a new folder, under random offers; return them."""
    folder.mkdir()
    file = folder / "schools.csv"
    file.write_text(",".join(f'"{it}"' for it in COLUMNS) + "\n1,2,3\n", encoding="utf-8")
    columns = [{"name": it, "class": "other", "datatype": "category"} for it in COLUMNS]
    while True:
        made = tuple(islice(sound(lambda: _choices(rng), ports), _OFFERS))
        terms_of = schools(folder, {}, columns=columns, offers=[document(it) for it in made])
        terms_of.pop("offer")
        try:
            publish.publish(ports, terms_of)
        except PreauError:  # of this data set they leave nothing
            continue
        return made


def _shown(pair: Link) -> Iterator[dict[str, Any]]:
    """Yield the offers of our provider as its catalog shows them, each with its target."""
    for offer in publish.offers(pair.school.ports, SCHOOLS):
        yield {**json.loads(offer.dsp), "@id": offer.id, "@type": "Offer", "target": SCHOOLS}


def _choices(rng: random.Random) -> Choices:
    return Choices(rng.randbytes(_BYTES))


def _one(pair: Link, rng: random.Random, shelf: tuple[Policy, ...]) -> str:
    ours = _opened(pair, rng, shelf)
    losses = rng.randrange(4)
    pair.fault = lambda _call: _fault(rng, losses)
    for _step in range(_MOST_STEPS):
        pair.deliver(1)
        pair.clock.advance(60.0)
        _acted(pair, rng, ours, shelf)
        if _quiet(pair, ours):
            break
    pair.fault = lambda _call: Fault.NONE
    pair.pump()
    _end_open(pair, ours)
    pair.pump()
    return _compared(pair, ours)


def _fault(rng: random.Random, losses: int) -> Fault:
    return rng.choice(_LOSSES) if rng.randrange(4) < losses else Fault.NONE


def _opened(pair: Link, rng: random.Random, shelf: tuple[Policy, ...]) -> Negotiation:
    offer = rng.choice(shelf)
    if rng.randrange(4) == 0:
        return negotiate.offer(pair.school.ports, pair.lab.did, SCHOOLS, offer.id)
    wish = wish_of(offer, rng) if rng.randrange(2) else None
    try:
        return negotiate.request(pair.lab.ports, pair.school.did, SCHOOLS, offer.id, wish)
    except PreauError:  # our own node does not ask for what it would not understand
        if wish is None:
            raise
        return negotiate.request(pair.lab.ports, pair.school.did, SCHOOLS, offer.id)


def wish_of(offer: Policy, rng: random.Random) -> Mapping[str, Any]:
    """Return what a consumer might ask for instead of an offer."""
    return document(varied(offer, _choices(rng)))


def _acted(pair: Link, rng: random.Random, ours: Negotiation, shelf: tuple[Policy, ...]) -> None:
    """Let the operator of either side do something, or nothing."""
    node = rng.choice((pair.lab, pair.school))
    found = _held(pair, node, ours)
    if found is None or found.state in _OVER:
        return
    choice = rng.randrange(8)
    try:
        if choice == 0:
            negotiate.terminate(node.ports, found.pid, rng.choice(("", "enough", "assez «é» ✓")))
        elif found.role is Role.CONSUMER and found.state is State.OFFERED:
            if choice < 4:
                negotiate.accept(node.ports, found.pid)
            elif choice < 6:
                negotiate.counter(node.ports, found.pid, wish_of(rng.choice(shelf), rng))
    except PreauError:  # the table, the terms, or the link, have the last word
        return


def _quiet(pair: Link, ours: Negotiation) -> bool:
    """Return whether both sides are over, and nothing is on its way."""
    held = [_held(pair, node, ours) for node in (pair.lab, pair.school)]
    over = all(each is not None and each.state in _OVER for each in held)
    return over and not any(node.waiting() for node in pair.nodes.values())


def _held(pair: Link, node: Node, ours: Negotiation) -> Negotiation | None:
    """Return what a node holds of a negotiation; None while it has not heard of it."""
    mine = node is (pair.lab if ours.role is Role.CONSUMER else pair.school)
    with node.ports.store.read() as tx:
        found = tx.negotiations.find(**{"pid" if mine else "peer_pid": ours.pid})
    return found[0] if found else None


def _end_open(pair: Link, ours: Negotiation) -> None:
    """End what waits for an operator, so that both sides are over."""
    for node in (pair.lab, pair.school):
        found = _held(pair, node, ours)
        if found is not None and found.state not in _OVER:
            negotiate.terminate(node.ports, found.pid, "nobody answers")
            return


def _compared(pair: Link, ours: Negotiation) -> str:
    """Check that both sides hold the same of a negotiation that is over; return its state."""
    lab, school = (_held(pair, node, ours) for node in (pair.lab, pair.school))
    known = [each for each in (lab, school) if each is not None]
    assert len({each.state for each in known}) == 1, known
    assert all(each.state in _OVER for each in known), known
    assert not pair.lab.waiting()
    assert not pair.school.waiting()
    contracts = [
        _concluded(node, found.pid)
        for node, found in ((pair.lab, lab), (pair.school, school))
        if found
    ]
    state = known[0].state
    if state is State.TERMINATED:
        assert contracts == [[] for _ in contracts]
        return state.value
    (consumed,), (provided,) = contracts
    mine, theirs = (documents.read(each.document) for each in (consumed, provided))
    profiles = pair.lab.ports.mechanisms.profiles
    assert mine.id == theirs.id
    assert mine.timestamp == theirs.timestamp
    assert terms.same(read_policy(mine.policy, profiles), read_policy(theirs.policy, profiles))
    if not mine.alone:
        assert consumed.document == provided.document
        assert consumed.receipt == provided.receipt != ""
    return state.value


def _concluded(node: Node, pid: str) -> list[Agreement]:
    with node.ports.store.read() as tx:
        return [it for it in tx.agreements.find(pid=pid) if it.finalized]


def soak(count: int, seed: int, *only: int) -> Counter[str]:
    """Play so many on all cores, half of them without signatures; return how they ended.

    Args:
        count: how many.
        seed: of what happens in them.
        only: the one part of them to play; else all.

    Raises:
        AssertionError: as `play`, of the first part that fails.
    """
    each = [min(_OF_A_PAIR, count - first) for first in range(0, count, _OF_A_PAIR)]
    chosen = only or range(len(each))
    with ProcessPoolExecutor(cpu_count(), get_context("spawn"), logging.disable) as pool:
        found = [pool.submit(play, each[it], seed, it, plain=bool(it % 2)) for it in chosen]
        try:
            return sum((one.result() for one in as_completed(found)), Counter[str]())
        finally:
            pool.shutdown(cancel_futures=True)


def main(count: int, seed: int, *only: int) -> int:
    """Play as many as were asked for; print how they ended, and return 0."""
    ends = soak(count, seed, *only)
    sys.stdout.write(", ".join(f"{end} {number}" for end, number in sorted(ends.items())) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

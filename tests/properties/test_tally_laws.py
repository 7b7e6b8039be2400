"""Laws of tallies, heads and epoch records: nothing that was counted is ever counted less."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.contract.notice import Standing
from connector.domain.log.audit import Checkpoint, Epoch, Head
from connector.domain.log.continuity import Step, covers, step
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.debt import owed
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Limit, Tally, behind, join, more, spent
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.rule import Accounting, Rule
from tests.support.choices import Choices, chosen
from tests.support.contracts import NOW

DID = "did:web:node.example"
ROOTS = [bytes([number]) * 32 for number in range(3)]
REGISTERS = ["urn:r:1", "urn:r:2"]

CAPS = [None, *(PrivacyCap(epsilon, delta) for epsilon in (0.1, 3, 9) for delta in (1e-9, 1e-3))]
RULES = [Accounting(Rule.SUMS), Accounting(Rule.RENYI, 2)]
STOPS = [Standing.SUSPENDED, Standing.ENDED]


def head(pick: Choices) -> Head:
    return Head(pick.below(3), pick.below(7), pick.one(ROOTS))


heads = chosen(head, 3)


def checkpoint(head: Head, charged: int = 0, seconds: float = 0.0) -> Checkpoint:
    at = NOW + timedelta(seconds=seconds)
    return Checkpoint(DID, head.size, head.root, "note", at, head.epoch, charged)


def record_of(pick: Choices) -> Reservation:
    """One of a few jobs, each with its fixed mechanism, at any point of its life."""
    number = pick.below(4)
    return Reservation(
        job_id=f"urn:job:{number}",
        agreement_id=f"urn:agreement:{number % 2}",
        dataset_id="urn:d",
        register_id=REGISTERS[number % 2],
        events=Events((sampled_gaussian(1.0, 0.5, 2),)),
        rounds=3,
        committed_rounds=pick.below(4),
        epsilon=1.5,
        delta=1e-6,
        state=pick.one(list(ReservationState)),
        created_at=NOW,
    )


records = chosen(record_of, 3)


def register(pick: Choices, name: str) -> Register:
    """One of a few registers, as a node may have counted it at any time."""
    at = pick.one([NOW, NOW + timedelta(days=1)])
    merged = pick.one(["", *REGISTERS])
    return Register(name, pick.one(CAPS), pick.one(RULES), pick.below(10), at, merged)


def tally(pick: Choices) -> Tally:
    jobs = {job.job_id: job for job in pick.some(record_of, range(5))}
    limits = {
        job.agreement_id: Limit(
            job.agreement_id, job.register_id, f"did:web:{job.agreement_id[-1]}", 3.0, 1e-5, None
        )
        for job in jobs.values()
    }
    registers = {name: register(pick, name) for name in REGISTERS if pick.yes()}
    taken_back = {name: pick.one(STOPS) for name in ("urn:c:1", "urn:c:2") if pick.yes()}
    return Tally(head(pick), registers, limits, jobs, taken_back)


def some_tallies(least: int, most: int) -> st.SearchStrategy[tuple[Tally, ...]]:
    return chosen(lambda pick: pick.some(tally, range(least, most + 1)), 1 + 32 * most)


tallies = chosen(tally, 32)


def counted(tally: Tally) -> dict[tuple[str, Rule], int]:
    jobs = tally.jobs.values()
    return {(job.job_id, rule): job.counted_rounds(rule) for job in jobs for rule in Rule}


@given(some_tallies(1, 4), st.randoms())
def test_joining_is_idempotent_and_blind_to_order(parts: tuple[Tally, ...], random: object) -> None:
    shuffled = [*parts, parts[0]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = join(parts), join(shuffled)
    assert (one.registers, one.jobs, one.limits) == (other.registers, other.jobs, other.limits)
    assert one.taken_back == other.taken_back
    assert one.head.place == other.head.place
    assert join([join(parts[:1]), join(parts)]).jobs == one.jobs


@given(some_tallies(1, 4))
def test_a_join_counts_no_less_than_any_part(parts: tuple[Tally, ...]) -> None:
    whole = join(parts)
    for part in parts:
        for name, register in part.registers.items():
            found = whole.registers[name]
            assert found.charges >= register.charges
            assert register.cap is None or found.cap == register.cap.smaller(found.cap)
            assert found.created_at <= register.created_at
        assert all(counted(whole)[job] >= steps for job, steps in counted(part).items())
        for contract, standing in part.taken_back.items():
            assert whole.taken_back[contract] in (standing, Standing.ENDED)


@given(records, records)
def test_what_counts_once_nobody_can_tell_is_no_less(one: Reservation, other: Reservation) -> None:
    other = replace(other, job_id=one.job_id)
    for rule in Rule:
        most = max(one.counted_rounds(rule), other.counted_rounds(rule))
        assert spent(more(one, other)).counted_rounds(rule) >= most
    assert spent(one).state is ReservationState.CLOSED
    assert spent(spent(one)) == spent(one)


@given(tallies, st.integers(0, 6), st.sampled_from(ROOTS))
def test_a_database_that_went_on_is_not_behind(before: Tally, more_: int, root: bytes) -> None:
    grown = replace(before.head, size=before.head.size + more_, root=root)
    more_charged = {k: replace(r, charges=r.charges + 1) for k, r in before.registers.items()}
    now = replace(before, head=grown, registers=more_charged)
    assert behind(before, now, lambda _: before.head.root) == ()
    assert behind(before, replace(now, head=replace(grown, epoch=9)), lambda _: root) == ()


@given(tallies)
def test_each_way_of_falling_short_is_told(before: Tally) -> None:
    head, root = before.head, before.head.root
    longer = replace(before, head=replace(head, size=head.size + 1))
    assert behind(longer, before, lambda _: root)
    assert behind(before, before, lambda _: b"\xff" * 32)
    assert behind(replace(before, head=replace(head, epoch=head.epoch + 1)), before, lambda _: root)
    third = Register("urn:r:3", None, Accounting(Rule.SUMS), 1, NOW)
    charged = replace(before, registers={**before.registers, third.id: third})
    assert behind(charged, before, lambda _: root) == (
        "register `urn:r:3` was charged 0 rounds, not 1",
    )


@given(tallies, some_tallies(0, 3), st.sets(st.sampled_from(["did:web:0"])))
def test_nothing_that_anybody_counts_is_refunded(
    local: Tally, others: tuple[Tally, ...], answered: set[str]
) -> None:
    debt = owed(local, others, [], local.limits.values(), answered, NOW)
    written = {job.job_id: job for job in debt.jobs}
    after = counted(replace(local, jobs={**local.jobs, **written}))
    for part in (local, *others):
        assert all(after[job] >= steps for job, steps in counted(part).items())
    assert all(job.state is ReservationState.CLOSED for job in debt.jobs)
    apart = {(each.id, each.merged_into) for each in local.registers.values()}
    merged = {(r.id, r.merged_into) for t in others for r in t.registers.values() if r.merged_into}
    assert {*debt.merges} == merged - apart
    assert {(each.id, each.merged_into) for each in debt.accounts} >= apart
    whole = {limit.id for limit in debt.contracts}
    limits = [limit for part in (local, *others) for limit in part.limits.values()]
    assert whole == {limit.id for limit in limits if limit.consumer not in answered}
    assert debt.exact == (not whole)


@given(tallies, tallies, heads, st.integers(1, 6))
def test_a_job_that_no_tally_tells_of_costs_the_cap(
    local: Tally, known: Tally, head: Head, charged: int
) -> None:
    everyone = {limit.consumer for part in (local, known) for limit in part.limits.values()}
    debt = owed(local, [known], [checkpoint(head, charged)], [], everyone, NOW)
    told = known.head.place >= (head.epoch, charged)
    registers = {*local.registers, *known.registers}
    registers |= {limit.register_id for t in (local, known) for limit in t.limits.values()}
    assert debt.registers == (() if told else tuple(sorted(registers)))


def test_a_contract_that_ended_before_the_last_entry_cannot_have_spent_since() -> None:
    ended = Limit("urn:a", "urn:r:1", "did:web:silent", 3.0, 1e-5, NOW)
    empty = Tally(Head(0, 0, ROOTS[0]), {}, {}, {})
    for last, whole in ((NOW, 0), (NOW - timedelta(seconds=1), 1), (None, 1)):
        assert len(owed(empty, [], [], [ended], set(), last).contracts) == whole


def record(number: int, abandoned: Head) -> Epoch:
    return Epoch(DID, number, abandoned.epoch, abandoned.size, abandoned.root, "", "", "", NOW)


@given(heads, heads, st.integers(1, 4))
def test_a_record_covers_what_came_before_what_it_abandons(
    held: Head, abandoned: Head, number: int
) -> None:
    covered = covers(record(number, abandoned), held)
    if held.epoch >= number or held.place > abandoned.place:
        assert not covered
    elif held.place < abandoned.place:
        assert covered
    else:
        assert covered == (held.root == abandoned.root)
    assert covers(record(number, abandoned), None)


@given(heads, heads, st.sampled_from([0.0, 60.0, 600.0]))
def test_only_what_cannot_be_of_one_history_is_a_fork_at_once(
    held: Head, shown: Head, seconds: float
) -> None:
    what = step(checkpoint(held), checkpoint(shown, seconds=seconds))
    assert step(None, checkpoint(shown)) is Step.KEEP
    if shown == held:
        assert what is Step.NOTHING
    if what is Step.ASK:
        assert (held.epoch, held.size != shown.size) == (shown.epoch, True)
    if what is Step.FORK:
        late = shown.epoch < held.epoch and seconds > 120
        assert late or (held.place == shown.place and held.root != shown.root)
    assert (what is Step.UNANNOUNCED) == (shown.epoch > held.epoch)

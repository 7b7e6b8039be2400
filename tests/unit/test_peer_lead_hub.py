from __future__ import annotations

import threading

import pytest

from connector.domain.federation.frames import Finish, Hello, Round, RoundRefusal, RoundReply
from connector.errors import ManifestTampered, NotFound, TooManyRequests
from connector.services.federation.lead.hub import MAX_OVER, MAX_UNREAD_PER_SITE, LeadHub, Left

DIGEST = "ab" * 32
A, B = "did:web:a.example", "did:web:b.example"
HELLO = Hello("job", DIGEST)


def hub() -> LeadHub:
    made = LeadHub()
    made.open("job", DIGEST, [A, B])
    return made


def test_frames_go_both_ways() -> None:
    lead = hub()
    seat = lead.join("job", A, HELLO)
    assert lead.connected("job") == (A,)
    assert lead.send("job", A, Round(1, (), b"m"))
    assert seat.next(0) == Round(1, (), b"m")
    assert seat.next(0) is None
    seat.deliver(RoundReply(1, b"u"))
    assert lead.receive("job", 0) == (A, RoundReply(1, b"u"))
    assert lead.receive("job", 0) is None


def test_a_frame_waits_for_a_site_that_is_not_there_yet() -> None:
    lead = hub()
    assert not lead.send("job", A, Round(1, (), b"m"))
    assert lead.join("job", A, HELLO).next(0) == Round(1, (), b"m")
    assert lead.join("job", B, HELLO).next(0) is None


def test_a_round_that_is_over_is_taken_back_and_who_has_it_is_busy_until_heard() -> None:
    lead = hub()
    has, waits = lead.join("job", A, HELLO), lead.join("job", B, HELLO)
    for site in (A, B):
        lead.send("job", site, Round(1, (), b"m"))
    assert has.next(0)
    lead.withdraw("job", 1)
    assert waits.next(0) is None
    assert lead.busy("job") == {A}
    has.deliver(RoundReply(1, b"late"))
    assert lead.busy("job") == frozenset()
    lead.send("job", A, Round(2, (), b"m"))
    assert has.next(0)
    lead.withdraw("job", 1)
    assert lead.busy("job") == frozenset()
    lead.withdraw("job", 2)
    assert lead.busy("job") == {A}
    assert lead.join("job", A, HELLO).next(0) is None
    assert lead.busy("job") == frozenset()


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (RoundReply(1, b"u"), False),
        (RoundRefusal(1, "TOO_FEW_SITES", "why"), False),
        (RoundReply(7, b"u"), True),
        (None, True),
    ],
)
def test_what_was_not_answered_is_handed_out_again(
    answer: RoundReply | RoundRefusal | None, *, again: bool
) -> None:
    lead = hub()
    first = lead.join("job", A, HELLO)
    lead.send("job", A, Round(1, (), b"m"))
    assert first.next(0) == Round(1, (), b"m")
    if answer is not None:
        first.deliver(answer)
    second = lead.join("job", A, HELLO)
    assert second.next(0) == (Round(1, (), b"m") if again else None)


def test_a_second_seat_ends_the_first() -> None:
    lead = hub()
    first, second = lead.join("job", A, HELLO), lead.join("job", A, HELLO)
    assert first.ended == Left("", "the site joined again")
    assert second.ended is None
    with pytest.raises(NotFound):
        first.deliver(RoundReply(1, b"u"))
    first.leave("too late")
    assert lead.connected("job") == (A,)
    assert lead.receive("job", 0) is None


def test_the_lead_learns_of_a_departure_once() -> None:
    lead = hub()
    for reason in ("broke", "broke again"):
        seat = lead.join("job", A, HELLO)
        seat.leave(reason, "CREDENTIAL_REVOKED")
        seat.leave("said twice")
        assert seat.ended == Left("CREDENTIAL_REVOKED", reason)
    assert lead.receive("job", 0) == (A, Left("CREDENTIAL_REVOKED", "broke again"))
    assert lead.receive("job", 0) is None
    assert lead.connected("job") == ()


def test_a_departure_comes_after_what_the_site_had_said() -> None:
    lead = hub()
    seat = lead.join("job", A, HELLO)
    seat.deliver(RoundReply(1, b"u"))
    seat.leave("done")
    assert lead.receive("job", 0) == (A, RoundReply(1, b"u"))
    assert lead.receive("job", 0) == (A, Left("", "done"))


def test_strangers_and_unknown_jobs_get_one_answer() -> None:
    lead = hub()
    with pytest.raises(NotFound):
        lead.join("job", "did:web:c.example", HELLO)
    with pytest.raises(NotFound):
        lead.join("other", A, HELLO)
    with pytest.raises(ManifestTampered):
        lead.join("job", A, Hello("job", "cd" * 32))
    with pytest.raises(NotFound):
        lead.send("job", "did:web:c.example", Round(1, (), b""))
    with pytest.raises(NotFound):
        lead.send("other", A, Round(1, (), b""))
    with pytest.raises(NotFound):
        lead.receive("other", 0)
    assert lead.connected("other") == ()


def test_a_flood_is_refused_and_another_site_still_heard() -> None:
    lead = hub()
    a, b = lead.join("job", A, HELLO), lead.join("job", B, HELLO)
    for number in range(MAX_UNREAD_PER_SITE):
        a.deliver(RoundReply(number, b""))
    with pytest.raises(TooManyRequests):
        a.deliver(RoundReply(9, b""))
    b.deliver(RoundReply(1, b"b"))
    heard = [lead.receive("job", 0) for _ in range(MAX_UNREAD_PER_SITE + 1)]
    assert (B, RoundReply(1, b"b")) in heard
    a.deliver(RoundReply(9, b""))
    assert lead.receive("job", 0) == (A, RoundReply(9, b""))


def test_a_finish_still_goes_out_after_the_close() -> None:
    lead = hub()
    seat = lead.join("job", A, HELLO)
    lead.send("job", A, Finish("completed", "", ""))
    lead.close("job")
    lead.close("job")
    assert seat.ended == Left("", "the job has ended")
    assert seat.next(0) == Finish("completed", "", "")
    assert seat.next(0) is None
    with pytest.raises(NotFound):
        seat.deliver(RoundReply(1, b""))
    with pytest.raises(NotFound):
        lead.receive("job", 0)


def test_a_site_cut_off_before_the_finish_gets_it_later() -> None:
    lead = hub()
    lead.send("job", A, Finish("failed", "TOO_FEW_SITES", "why"))
    lead.send("job", B, Round(2, (), b"m"))
    lead.close("job")
    late = lead.join("job", A, HELLO)
    assert late.next(0) == Finish("failed", "TOO_FEW_SITES", "why")
    assert late.ended is not None
    nothing = lead.join("job", B, HELLO)  # an open round of a job that is over is worth nothing
    assert nothing.next(0) is None
    assert nothing.ended is not None
    for number in range(MAX_OVER):
        lead.open(str(number), DIGEST, [A])
        lead.close(str(number))
    with pytest.raises(NotFound):
        lead.join("job", A, HELLO)


def test_opening_again_keeps_the_seats() -> None:
    lead = hub()
    seat = lead.join("job", A, HELLO)
    lead.open("job", DIGEST, [A, B])
    assert lead.send("job", A, Round(1, (), b"m"))
    assert seat.next(0) == Round(1, (), b"m")


def test_waiters_are_woken() -> None:
    lead = hub()
    seat = lead.join("job", A, HELLO)
    found: list[object] = []
    waiting = [
        threading.Thread(target=lambda: found.append(seat.next(20)), daemon=True),
        threading.Thread(target=lambda: found.append(lead.receive("job", 20)), daemon=True),
    ]
    for thread in waiting:
        thread.start()
    lead.send("job", A, Round(1, (), b"m"))
    seat.deliver(RoundReply(1, b"u"))
    for thread in waiting:
        thread.join(20)
    assert Round(1, (), b"m") in found
    assert (A, RoundReply(1, b"u")) in found


def test_an_end_wakes_who_waits_for_a_frame() -> None:
    lead = hub()
    seat = lead.join("job", A, HELLO)
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.append(seat.next(20)), daemon=True)
    waiting.start()
    seat.leave("gone")
    waiting.join(20)
    assert found == [None]

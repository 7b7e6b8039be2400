"""What `preau doctor` judges: each bad fact is named with a way to mend it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.diagnosis import kept_keys
from connector.config import Settings
from connector.domain.delivery import OutgoingMessage
from connector.services.continuity.recovery import RECORDED
from connector.services.evidence.own_log import ACCEPTED
from connector.services.health import data as data_checks
from connector.services.health import diagnose
from connector.services.health import peers as peer_checks
from connector.services.health.deliveries import deliveries
from connector.services.health.diagnose import FAIL, OK, WARN, Check, KeyFile, ListFact
from connector.services.health.peers import PeerFact
from connector.services.publication.verdicts import Verdict
from connector.store.files.charges import KEY_FILE
from tests.support.doubles import ports_for_tests
from tests.support.each import over
from tests.support.federation import reservation

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def only(check: Check, verdict: str) -> str:
    """Return the finding; a check that is not in order always says how to mend it."""
    assert check.verdict == verdict
    assert bool(check.mend) or verdict == OK
    assert "\n" not in check.finding
    return check.finding


def test_the_worst_verdict_counts() -> None:
    ok, warn, fail = (Check("x", verdict, "") for verdict in (OK, WARN, FAIL))
    assert diagnose.worst([]) == OK
    assert diagnose.worst([ok, ok]) == OK
    assert diagnose.worst([warn, ok]) == WARN
    assert diagnose.worst([ok, fail, warn]) == FAIL


def test_a_node_that_went_back_fails() -> None:
    assert diagnose.recovery([]) == []
    (check,) = diagnose.recovery(["the log has 3 entries, but had 9"])
    assert "3 entries" in only(check, FAIL)
    assert "preau recovery show" in check.mend


def test_members_at_a_limit_are_named() -> None:
    (good,) = peer_checks.shares({"did:web:p": 5}, 10, {})
    assert "none at a limit" in only(good, OK)
    quota, crowded = peer_checks.shares({"did:web:p": 10, "did:web:q": 9}, 10, {"did:web:q": 256})
    assert quota.name == "quota of did:web:p"
    assert "10 bytes are stored for it, the most that is allowed is 10" in only(quota, WARN)
    assert (crowded.name, crowded.verdict) == ("negotiations with did:web:q", WARN)


def test_the_own_log_and_what_peers_leave_unproven() -> None:
    assert "7 entries" in only(diagnose.own_log("", 7, "x"), OK)
    assert "entry 3" in only(diagnose.own_log("entry 3 is missing", 7, "x"), FAIL)
    assert peer_checks.unproven({}) == []
    (check,) = peer_checks.unproven({"did:web:p": "NOT_FOUND"})
    assert "NOT_FOUND" in only(check, WARN)


def test_private_keys_pass() -> None:
    files = [KeyFile("keys/signing.pem", 0o100600), KeyFile("keys/https.key", 0o100400)]
    assert "2 private files" in only(diagnose.keys(files), OK)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (KeyFile("keys/signing.pem", None), "missing"),
        (KeyFile("keys/signing.pem", 0o100640), "mode 640"),
        (KeyFile("keys/signing.pem", 0o100604), "mode 604"),
        (KeyFile("keys/signing.pem", 0o100600, "not a key"), "not a key"),
    ],
)
def test_a_bad_key_file_fails(file: KeyFile, says: str) -> None:
    good = KeyFile("keys/https.key", 0o100600)
    assert says in only(diagnose.keys([good, file]), FAIL)


def test_a_key_that_the_document_does_not_list_fails() -> None:
    good = [KeyFile("keys/signing.pem", 0o100600)]
    assert only(diagnose.keys(good, "the document lists another key"), FAIL)


@over(
    ("expires", "verdict"),
    [
        (NOW + 100 * DAY, OK),
        (NOW + 15 * DAY, OK),
        (NOW + 13 * DAY, WARN),
        (NOW, FAIL),
        (NOW - DAY, FAIL),
        (None, FAIL),
    ],
)
def test_certificates_by_their_end(expires: datetime | None, verdict: str) -> None:
    assert only(diagnose.certificate("HTTPS certificate", expires, NOW), verdict)


@over(("seconds", "verdict"), [(0, OK), (4, OK), (-4, OK), (6, WARN), (-20, WARN), (31, FAIL)])
def test_the_clock_by_its_worst_skew(seconds: int, verdict: str) -> None:
    skews = {"did:web:a": timedelta(), "did:web:b": timedelta(seconds=seconds)}
    check = diagnose.clock(skews, monotonic=True, now=NOW)
    assert only(check, verdict)


def test_the_clock_says_in_which_direction() -> None:
    behind = diagnose.clock({"a": timedelta(seconds=40)}, monotonic=True, now=NOW)
    ahead = diagnose.clock({"a": timedelta(seconds=-40)}, monotonic=True, now=NOW)
    assert "behind" in behind.finding
    assert "ahead of" in ahead.finding


def test_a_jumping_clock_fails_and_an_unasked_one_passes() -> None:
    assert only(diagnose.clock({}, monotonic=False, now=NOW), FAIL)
    assert "nobody" in only(diagnose.clock({}, monotonic=True, now=NOW), OK)


@over(
    ("running", "free", "answers", "verdict"),
    [
        (True, False, True, OK),
        (True, True, False, FAIL),
        (True, False, False, FAIL),
        (False, True, False, OK),
        (False, False, True, FAIL),
        (False, False, False, FAIL),
    ],
)
def test_ports(*, running: bool, free: bool, answers: bool, verdict: str) -> None:
    check = diagnose.port("grpc port", "h:1", running=running, free=free, answers=answers)
    assert "h:1" in only(check, verdict)


def test_the_database() -> None:
    assert "7 events" in only(diagnose.database("", entries=7), OK)
    assert only(diagnose.database("no answer"), FAIL) == "no answer"
    assert "every page" in only(diagnose.database("", entries=7, unchecked=True), WARN)


def test_a_schema_of_another_release() -> None:
    assert "newer release" in only(diagnose.schema(newer=True), FAIL)
    assert "preau serve" in diagnose.schema(newer=False).mend


def test_a_process_by_its_answer() -> None:
    assert only(diagnose.process(silent=False), OK)
    assert only(diagnose.process(silent=True), FAIL)


def test_clocks_of_peers() -> None:
    assert peer_checks.clocks({"did:web:a": timedelta(seconds=-29)}) == []
    skews = {"did:web:a": timedelta(hours=2), "did:web:b": timedelta(seconds=-40)}
    ahead, behind = peer_checks.clocks(skews)
    assert "7200 s ahead of" in only(ahead, WARN)
    assert "40 s behind" in only(behind, WARN)


class TestDeliveries:
    def message(self, number: int = 1, **changes: Any) -> OutgoingMessage:
        made = OutgoingMessage(
            id=f"urn:{number}",
            peer="did:web:a",
            kind="ContractRequestMessage",
            body=b"{}",
            subject=f"urn:pid:{number}",
            created_at=NOW - timedelta(minutes=59),
            due_at=NOW,
        )
        return replace(made, **changes)

    def test_what_is_on_its_way_is_no_fault(self) -> None:
        (check,) = deliveries([self.message()], (), NOW)
        assert only(check, OK)

    def test_what_waits_for_long_is_told_once_a_peer(self) -> None:
        old = NOW - timedelta(hours=2)
        found = [self.message(number, created_at=old) for number in (1, 2)]
        (check,) = deliveries(found, (), NOW)
        assert "2 wait, the oldest since 2026-11-24T10:00:00Z" in only(check, WARN)

    def test_what_failed_for_good_says_how_it_is_sent_again(self) -> None:
        failed = self.message(failed="TOKEN_INVALID: the token has expired")
        (check,) = deliveries([failed], (), NOW)
        assert "TOKEN_INVALID" in only(check, WARN)
        assert check.mend.startswith("`preau negotiate reconcile urn:pid:1`")

    @pytest.mark.parametrize(
        ("changes", "over"),
        [
            ({"failed": "the negotiation is over"}, ()),
            ({"failed": "TERMS_REFUSED: no"}, ("urn:pid:1",)),
            ({"failed": "TERMS_REFUSED: no", "created_at": NOW - 31 * DAY}, ()),
        ],
    )
    def test_what_nobody_waits_for_is_left_out(
        self, changes: dict[str, Any], over: tuple[str, ...]
    ) -> None:
        (check,) = deliveries([self.message(**changes)], over, NOW)
        assert only(check, OK)

    def test_many_are_counted(self) -> None:
        found = [self.message(number, failed="TERMS_REFUSED: no") for number in range(12)]
        checks = deliveries(found, (), NOW)
        assert [check.name for check in checks[-1:]] == ["deliveries"]
        assert "2 older ones" in only(checks[-1], WARN)


def test_peers_in_good_standing_take_one_line() -> None:
    found = peer_checks.peers([PeerFact("did:web:a", "", ""), PeerFact("did:web:b", "", None)])
    assert [check.verdict for check in found] == [OK]
    assert "2 of 2" in found[0].finding


def test_a_peer_with_a_fault_takes_a_line_of_its_own() -> None:
    found = peer_checks.peers(
        [
            PeerFact("did:web:a", "", ""),
            PeerFact("did:web:b", "CREDENTIAL_REVOKED: revoked", ""),
            PeerFact("did:web:c", "", "no connection to c:1"),
            PeerFact("did:web:d", "", "", "TOKEN_INVALID: the token has expired"),
        ]
    )
    assert [check.verdict for check in found] == [OK, WARN, WARN, WARN]
    assert "1 of 4" in found[0].finding
    assert "it refuses this node: TOKEN_INVALID" in only(found[3], WARN)
    assert "REVOKED" in only(found[1], WARN)
    assert "no connection" in only(found[2], WARN)


def test_no_peer_is_no_fault() -> None:
    assert [check.verdict for check in peer_checks.peers([])] == [OK]


def test_status_lists_by_their_own_end() -> None:
    fresh = ListFact("https://a/status/1", NOW - timedelta(minutes=5), NOW + DAY)
    stale = ListFact("https://a/status/1", NOW - 2 * DAY, NOW)
    (good,) = diagnose.status_lists([fresh], NOW)
    (bad,) = diagnose.status_lists([stale], NOW)
    assert "5 min ago" in only(good, OK)
    assert "no peer is trusted" in only(bad, FAIL)
    assert [check.verdict for check in diagnose.status_lists([], NOW)] == [OK]


@pytest.mark.parametrize(
    ("age", "shown"),
    [(timedelta(seconds=90), "90 s"), (timedelta(minutes=90), "90 min"), (3 * DAY, "72 h")],
)
def test_ages_are_readable(age: timedelta, shown: str) -> None:
    (check,) = diagnose.status_lists([ListFact("u", NOW - age, NOW + DAY)], NOW)
    assert shown in check.finding


@over(
    ("required", "fault", "until", "verdict"),
    [
        (False, "", None, OK),
        (True, "", NOW + 100 * DAY, OK),
        (True, "", NOW + 3 * DAY, WARN),
        (True, "", None, WARN),
        (True, "", NOW, FAIL),
        (True, "CREDENTIAL_REVOKED: revoked", NOW + 100 * DAY, FAIL),
    ],
)
def test_the_own_membership(
    *, required: bool, fault: str, until: datetime | None, verdict: str
) -> None:
    assert only(diagnose.membership(required, fault, until, NOW), verdict)


@over(
    ("tier", "missing", "verdict"),
    [
        ("process", [], WARN),
        ("process+landlock", [], WARN),
        ("process+netns", [], WARN),
        ("process+netns+landlock", [], OK),
        ("process+landlock+seccomp", [], OK),
        ("process+netns+nocaps+seccomp", [], WARN),
        ("process+netns+landlock+nocaps+seccomp", [], OK),
        ("process+netns+landlock+uid+nocaps+seccomp", [], OK),
        ("process+netns+landlock+root+nocaps+seccomp", [], WARN),
        ("", [], WARN),
        ("landlock", ["torch"], WARN),
    ],
)
def test_isolation(tier: str, missing: list[str], verdict: str) -> None:
    assert only(diagnose.isolation(tier, missing), verdict)


def test_each_layer_of_isolation_is_shown() -> None:
    shown = diagnose.isolation("process+landlock+seccomp", []).finding
    assert "closed to them: files (Landlock), system calls (seccomp)" in shown
    assert "open to them: the network, rights of the system (capabilities)" in shown


def test_each_unsafe_setting_is_listed() -> None:
    safe = Settings(home=Path("h"), did="did:web:a.example", name="A")
    loose = Settings(
        home=Path("h"), did="did:web:a.example", name="A", unsafe_allow_hosts=("localhost", "db")
    )
    assert [check.verdict for check in diagnose.unsafe_settings(safe)] == [OK]
    found = diagnose.unsafe_settings(loose)
    assert [check.verdict for check in found] == [WARN, WARN]
    assert "`localhost`" in found[0].finding
    assert "`db`" in found[1].finding


def test_every_setting_called_unsafe_is_looked_at() -> None:
    named = [name for name in Settings.__dataclass_fields__ if name.startswith("unsafe_")]
    loose = Settings(home=Path("h"), did="d", name="A", **dict.fromkeys(named, ("x",)))
    shown = " ".join(diagnose.unsafe(loose))
    assert [name for name in named if name not in shown] == []


def test_versions() -> None:
    installed = {"grpcio": "1.85.3", "flwr": ""}
    (good,) = diagnose.versions((3, 11), installed, "")
    assert "grpcio 1.85.3" in only(good, OK)
    assert "flwr" not in good.finding
    (old,) = diagnose.versions((3, 10), installed, "")
    assert only(old, FAIL)
    (broken,) = diagnose.versions((3, 12), installed, "ImportError")
    assert "ImportError" in only(broken, FAIL)


@pytest.mark.parametrize(
    ("free", "verdict"), [(5 << 30, OK), (1 << 30, OK), (500 << 20, WARN), (50 << 20, FAIL)]
)
def test_disk(free: int, verdict: str) -> None:
    assert only(diagnose.disk(free), verdict)


def test_a_check_as_json() -> None:
    value = Check("disk", WARN, "little", "make room").as_json()
    assert value == {"name": "disk", "verdict": "warn", "finding": "little", "mend": "make room"}


PASSED, FOUND = Verdict("", (), None), KeyFile("keys/persons.key", 0o600)


def test_datasets_whose_file_passed_take_one_line() -> None:
    (found,) = data_checks.datasets({"urn:a": PASSED, "urn:b": PASSED})
    assert "2 of 2" in only(found, OK)


@over(
    ("code", "verdict", "mend"),
    [
        ("DATA_UNCHECKED", WARN, "dataset check urn:b"),
        ("ROWS_MALFORMED", FAIL, "publish it again"),
        ("DATA_FILE_CHANGED", FAIL, "put back the file as it was"),
        ("DATA_FILE_MISSING", FAIL, "put back the file as it was"),
        ("PERSONS_OVERLAP", FAIL, "--distinct"),
    ],
)
def test_a_dataset_that_runs_no_job_takes_a_line_of_its_own(
    code: str, verdict: str, mend: str
) -> None:
    first, second = data_checks.datasets({"urn:a": PASSED, "urn:b": Verdict(code, ("why",), None)})
    assert "1 of 2" in only(first, OK)
    assert "why" in only(second, verdict)
    assert mend in second.mend


def test_the_key_of_persons() -> None:
    assert only(data_checks.persons_key(FOUND), OK)
    assert only(data_checks.persons_key(FOUND, "another key"), FAIL) == "another key"
    lost = data_checks.persons_key(KeyFile(FOUND.name, None))
    assert "missing" in only(lost, FAIL)
    assert "restore it" in lost.mend
    seen = data_checks.persons_key(KeyFile(FOUND.name, 0o644, "read by others"))
    assert "mode 644" in only(seen, FAIL)
    assert seen.mend.startswith("chmod 600")


def test_the_key_of_charges() -> None:
    found = KeyFile("keys/tally.key", 0o600)
    assert only(data_checks.tally_key(found), OK)
    lost = data_checks.tally_key(replace(found, mode=None))
    assert "missing" in only(lost, FAIL)
    assert "restore it" in lost.mend
    seen = data_checks.tally_key(replace(found, mode=0o644))
    assert "mode 644" in only(seen, FAIL)
    assert seen.mend.startswith("chmod 600")


@pytest.mark.parametrize(
    ("events", "rounds", "mode", "verdicts"),
    [
        ((RECORDED, ACCEPTED), 1, None, [FAIL]),
        ((RECORDED, ACCEPTED), 1, 0o600, [OK]),
        ((RECORDED, ACCEPTED), 1, 0o644, [FAIL]),
        ((RECORDED, ACCEPTED), 0, None, []),
        ((ACCEPTED, RECORDED), 1, None, []),
        ((), 0, 0o644, [FAIL]),
    ],
    ids=["lost", "whole", "open", "nothing charged", "charged by an older release", "unused"],
)
def test_the_key_of_charges_is_looked_at_where_there_must_be_one(
    tmp_path: Path, events: tuple[str, ...], rounds: int, mode: int | None, verdicts: list[str]
) -> None:
    ports = ports_for_tests(tmp_path)
    with ports.store.write() as tx:
        tx.reservations.put(reservation("urn:j", "urn:a", "urn:d", committed_rounds=rounds))
        for kind in events:
            tx.audit.append(kind, "urn:s")
    if mode is not None:
        key = tmp_path / KEY_FILE
        key.parent.mkdir(exist_ok=True)
        key.write_bytes(bytes(64))
        key.chmod(mode)
    with ports.store.read() as tx:
        found = list(kept_keys.checks(replace(ports.settings, home=tmp_path), tx))
    assert [each.verdict for each in found] == verdicts


def test_what_is_beyond_its_rule_is_listed_one_line_each() -> None:
    assert diagnose.budgets({}) == []
    found = diagnose.budgets({"register `urn:r`": "sums", "contract `urn:a`": "Rényi, order 9"})
    assert [(each.verdict, each.finding) for each in found] == [
        (
            "warn",
            "contract `urn:a` exceeds its rule (Rényi, order 9): no further job runs under it",
        ),
        ("warn", "register `urn:r` exceeds its rule (sums): no further job runs under it"),
    ]
    (unknown,) = diagnose.budgets({}, "the accountant failed")
    assert (unknown.verdict, "the accountant failed" in unknown.finding) == ("warn", True)

"""Where the duties of a contract stand, by what happened: rows, and laws of the next change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.contract.duty import Deed, DeedKind, Duty, duty_id, next_number
from connector.domain.contract.use import UseRecord
from connector.enforcement.decide import UseFacts, decide
from connector.enforcement.history import History
from connector.enforcement.mechanisms import train
from connector.enforcement.obligations import duties
from connector.jsonld.policy import read_policy
from policies_odrl import Policy
from tests.support.each import over

PROVIDER, CONSUMER = "did:web:school", "did:web:lab"
BEGUN = datetime(2026, 9, 1, tzinfo=UTC)
READ = "http://www.w3.org/ns/odrl/2/read"
RESULTS = "https://w3id.org/preau/odrl/v1#Results"
DUTY = "/permission/0/duty/0"
CONSEQUENCE = f"{DUTY}/odrl:consequence/0"
REMEDY = "/prohibition/0/odrl:remedy/0"


def limit(operand: str, value: str, kind: str, operator: str = "lteq") -> dict[str, Any]:
    right = {"@value": value, "@type": f"xsd:{kind}"}
    return {"leftOperand": operand, "operator": operator, "rightOperand": right}


def by(day: str) -> dict[str, Any]:
    return limit("odrl:dateTime", day, "date")


def within(period: str) -> dict[str, Any]:
    return limit("odrl:elapsedTime", period, "duration")


BEFORE_USE = {
    "leftOperand": "odrl:event",
    "operator": "lt",
    "rightOperand": {"@id": "http://www.w3.org/ns/odrl/2/policyUsage"},
}
SINCE_RESULTS = limit("https://w3id.org/preau/odrl/v1#timeSinceResults", "P30D", "duration")


def duty(action: str, *constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "action": f"odrl:{action}",
        **({"constraint": list(constraints)} if constraints else {}),
        **more,
    }


def agreement(*owed: dict[str, Any], **more: Any) -> Policy:
    return read_policy(
        {
            "@context": "http://www.w3.org/ns/odrl.jsonld",
            "@type": "Agreement",
            "uid": "urn:example:contract",
            "profile": "https://w3id.org/preau/odrl/v1",
            "target": "urn:example:pupils",
            "assigner": PROVIDER,
            "assignee": CONSUMER,
            "permission": [{"action": "odrl:read", **({"duty": list(owed)} if owed else {})}],
            **more,
        }
    )


def deed(kind: str, about: str, day: str, by: str = CONSUMER, **more: Any) -> Deed:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    values: dict[str, Any] = {"evidence": "", "note": "", "deletions": (), "statement": "signed"}
    number = next_number((), by, at)
    return Deed(
        "urn:example:contract",
        by,
        number,
        DeedKind(kind),
        about,
        at,
        stated_at=at,
        **(values | more),
    )


def use(day: str, name: str = "") -> UseRecord:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return UseRecord(name or day, "urn:example:contract", READ, at, at)


def stand(policy: Policy, day: str, *happened: Deed | UseRecord) -> dict[str, Duty]:
    history = History(
        BEGUN,
        tuple(each for each in happened if isinstance(each, Deed)),
        tuple(each for each in happened if isinstance(each, UseRecord)),
    )
    now = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return {each.path: each for each in duties(policy, "urn:example:contract", history, now)}


@dataclass(frozen=True)
class Row:
    """A duty, what happened until a day, and where it stands then."""

    name: str
    owed: dict[str, Any]
    day: str
    state: str
    happened: tuple[Deed | UseRecord, ...] = ()
    open: int = 0
    due: str = ""
    changes: str = ""
    more: dict[str, Any] = field(default_factory=dict)


DELETE = duty("delete", by("2027-06-30Z"))
END = "2027-07-01"
FOLLOWED = duty(
    "delete", by("2027-06-30Z"), **{"odrl:consequence": [duty("compensate", by("2027-12-31Z"))]}
)
DELETED_LATE = deed("done", DUTY, "2027-07-10")
INFORM = duty("inform", by("2027-06-30Z"), **{"odrl:informedParty": [{"@id": PROVIDER}]})
ROWS = [
    Row("to be deleted", DELETE, "2027-01-01", "due", open=1, due=END, changes="2027-06-30"),
    Row("deleted", DELETE, "2027-01-02", "fulfilled", (deed("done", DUTY, "2027-01-01"),)),
    Row("used again after it was deleted", DELETE, "2027-03-02", "due",
        (deed("done", DUTY, "2027-01-01"), use("2027-03-01")), open=1, due=END),
    Row("deleted after the last use", DELETE, "2027-07-02", "fulfilled",
        (use("2027-03-01"), deed("done", DUTY, "2027-04-01"))),
    Row("not deleted", DELETE, "2027-07-02", "violated", open=1, due=END),
    Row("deleted too late", DELETE, "2027-07-11", "violated", (DELETED_LATE,), open=1, due=END),
    Row("deleted by the other party", DELETE, "2027-01-02", "due",
        (deed("done", DUTY, "2027-01-01", PROVIDER),), open=1, due=END),
    Row("deleted, without naming what was delivered", DELETE, "2027-01-02", "due",
        (deed("done", DUTY, "2027-01-01", unnamed=("ab",)),), open=1, due=END),
    Row("to be deleted tomorrow, they say", DELETE, "2027-01-02", "due",
        (deed("done", DUTY, "2027-01-03"),), open=1, due=END),
    Row("waived", DELETE, "2027-08-01", "inactive",
        (deed("waived", DUTY, "2027-01-01", PROVIDER, note="kept by law"),)),
    Row("waived by its debtor", DELETE, "2027-08-01", "violated",
        (deed("waived", DUTY, "2027-01-01"),), open=1, due=END),
    Row("late, and the consequence done", FOLLOWED, "2027-08-02", "fulfilled",
        (DELETED_LATE, deed("done", CONSEQUENCE, "2027-08-01"))),
    Row("never used", duty("attribute", within("P10D")), "2027-01-01", "inactive"),
    Row("used", duty("attribute", within("P10D")), "2027-01-03", "due", (use("2027-01-01"),),
        open=1, due="2027-01-11", changes="2027-01-11"),
    Row("used twice, done once", duty("attribute", within("P10D")), "2027-01-08", "due",
        (use("2027-01-01"), use("2027-01-05"), deed("done", DUTY, "2027-01-06")),
        open=1, due="2027-01-15"),
    Row("used, never done", duty("attribute", within("P10D")), "2027-02-01", "violated",
        (use("2027-01-01"),), open=1, due="2027-01-11"),
    Row("consent, not there yet", duty("obtainConsent", BEFORE_USE), "2027-01-01", "missing",
        open=1),
    Row("consent", duty("obtainConsent", BEFORE_USE), "2027-01-03", "fulfilled",
        (deed("done", DUTY, "2027-01-01"),)),
    Row("no results yet", duty("inform", SINCE_RESULTS), "2027-01-01", "undetermined"),
    Row("results", duty("inform", SINCE_RESULTS), "2027-01-10", "due",
        (deed("happened", RESULTS, "2027-01-01", PROVIDER),), open=1, due="2027-01-31"),
    Row("results, says the debtor", duty("inform", SINCE_RESULTS), "2027-01-10", "undetermined",
        (deed("happened", RESULTS, "2027-01-01"),)),
    Row("results dated anew", duty("inform", SINCE_RESULTS), "2027-02-10", "due",
        (deed("happened", RESULTS, "2027-01-01", PROVIDER),
         deed("happened", RESULTS, "2027-02-01", PROVIDER)), open=1, due="2027-03-03"),
    Row("results to come", duty("inform", SINCE_RESULTS), "2027-01-10", "due",
        (deed("happened", RESULTS, "2029-01-01", PROVIDER),), open=1, due="2029-01-31"),
    Row("named whom to inform", INFORM, "2027-01-02", "fulfilled",
        (deed("done", DUTY, "2027-01-01"),)),
]  # fmt: skip


@over("row", ROWS)
def test_where_a_duty_stands(row: Row) -> None:
    found = stand(agreement(row.owed, **row.more), row.day, *row.happened)[DUTY]
    assert (found.state, found.open) == (row.state, row.open)
    assert (found.debtor, found.creditor) == (CONSUMER, PROVIDER)
    assert (found.due.date().isoformat() if found.due else "") == row.due
    if row.changes:
        assert found.changes is not None
        assert found.changes.date().isoformat() == row.changes


def test_a_missed_duty_brings_its_consequence_about() -> None:
    policy = agreement(FOLLOWED)
    assert set(stand(policy, "2027-06-01")) == {DUTY}
    found = stand(policy, "2027-07-02")
    assert [(each.path, each.state) for each in found.values()] == [
        (DUTY, "violated"),
        (CONSEQUENCE, "due"),
    ]
    late = stand(policy, "2028-01-02", DELETED_LATE)
    assert late[CONSEQUENCE].state == "violated"


def test_a_breach_brings_its_remedy_about() -> None:
    ban = {"action": "odrl:sell", "odrl:remedy": [duty("compensate", by("2027-12-31Z"))]}
    policy = agreement(prohibition=[ban])
    assert stand(policy, "2027-01-02") == {}
    breach = deed("breached", "/prohibition/0", "2027-01-01", PROVIDER)
    assert stand(policy, "2027-01-02", breach)[REMEDY].state == "due"
    paid = deed("done", REMEDY, "2027-02-01")
    assert stand(policy, "2027-02-02", breach, paid)[REMEDY].state == "fulfilled"


def asked(policy: Policy, day: str, *happened: Deed | UseRecord) -> str:
    now = datetime.fromisoformat(day).replace(tzinfo=UTC)
    deeds = tuple(each for each in happened if isinstance(each, Deed))
    uses = tuple(each for each in happened if isinstance(each, UseRecord))
    facts = UseFacts(READ, CONSUMER, "urn:example:pupils", now, {}, {}, History(BEGUN, deeds, uses))
    refusal = decide(policy, facts, train.MECHANISM)
    return refusal.code if refusal else ""


def test_a_use_is_refused_for_a_duty_that_was_missed_and_for_nothing_else() -> None:
    policy = agreement(DELETE)
    assert asked(policy, "2027-01-01") == ""
    assert asked(policy, "2027-07-02") == "DUTY_OWED"
    assert asked(policy, "2027-07-02", use("2027-03-01"), deed("done", DUTY, "2027-04-01")) == ""
    consent = agreement(duty("obtainConsent", BEFORE_USE))
    assert asked(consent, "2027-01-02") == "DUTY_OWED"
    assert asked(consent, "2027-01-02", deed("done", DUTY, "2027-01-01")) == ""


COUNTS = [
    ("count", "3", "integer", ["2027-01-01", "2027-01-02"], "2027-02-01", ""),
    ("count", "2", "integer", ["2027-01-01", "2027-01-02"], "2027-02-01", "JOB_REFUSED"),
    ("month", "2", "integer", ["2027-01-01", "2027-01-02"], "2027-02-01", ""),
    ("month", "2", "integer", ["2027-02-01", "2027-02-02"], "2027-02-03", "JOB_REFUSED"),
    ("elapsedTime", "P30D", "duration", ["2027-01-01"], "2027-01-30", ""),
    ("elapsedTime", "P30D", "duration", ["2027-01-01"], "2027-02-01", "JOB_REFUSED"),
]


@over(("operand", "most", "kind", "used", "day", "code"), COUNTS)
def test_uses_are_counted_by_the_policy_itself(
    operand: str, most: str, kind: str, used: list[str], day: str, code: str
) -> None:
    name = (
        "https://w3id.org/preau/odrl/v1#usesThisMonth" if operand == "month" else f"odrl:{operand}"
    )
    permission = {"action": "odrl:read", "constraint": [limit(name, most, kind)]}
    policy = agreement(permission=[permission])
    assert asked(policy, day, *map(use, used)) == code


def test_ids_and_reminders() -> None:
    found = stand(agreement(DELETE), "2027-01-01")[DUTY]
    assert duty_id(found.id) == ("urn:example:contract", DUTY)
    week = timedelta(days=7)
    assert found.due is not None
    assert found.remind_at(week) == found.due - week
    looked = found.looked_at(week, CONSUMER, BEGUN)
    assert looked.look_at == found.due - week
    assert found.looked_at(week, PROVIDER, BEGUN).look_at == found.changes
    assert replace(found, reminded=found.due).remind_at(week) is None
    short = stand(agreement(duty("attribute", within("P4D"))), "2027-01-02", use("2027-01-01"))[
        DUTY
    ]
    assert short.remind_at(week) == datetime(2027, 1, 3, tzinfo=UTC)


HOURS = st.integers(min_value=0, max_value=24 * 500)
DEEDS = st.builds(
    lambda hours, about: replace(
        deed("done", about, "2026-09-01"), at=BEGUN + timedelta(hours=hours), number=hours + 1
    ),
    HOURS,
    st.sampled_from([DUTY, CONSEQUENCE]),
)
USES = st.builds(
    lambda hours: replace(use("2026-09-01", str(hours)), started_at=BEGUN + timedelta(hours=hours)),
    HOURS,
)
OWED = st.sampled_from(
    [DELETE, FOLLOWED, duty("attribute", within("P20D")), duty("inform", by("2027-03-01Z")),
     duty("delete", within("P90D"), by("2027-05-01Z")),
     duty("inform", limit("odrl:dateTime", "2027-01-01Z", "date", "gteq"), by("2027-03-01Z"))]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    owed=OWED, deeds=st.lists(DEEDS, max_size=3), uses=st.lists(USES, max_size=3), data=st.data()
)
def test_time_alone_changes_nothing_before_the_next_change(
    owed: dict[str, Any], deeds: list[Deed], uses: list[UseRecord], data: st.DataObject
) -> None:
    history = History(BEGUN, tuple(deeds), tuple(uses))
    now = BEGUN + timedelta(hours=data.draw(HOURS))
    past = history_until(history, now)
    found = duties(agreement(owed), "urn:example:contract", past, now)
    next_change = min((each.changes for each in found if each.changes), default=None)
    until = next_change or now + timedelta(days=900)
    later = data.draw(st.datetimes(now.replace(tzinfo=None), until.replace(tzinfo=None)))
    at = later.replace(tzinfo=UTC)
    if at >= until:
        return
    again = duties(agreement(owed), "urn:example:contract", past, at)
    assert [(each.path, each.state, each.due) for each in again] == [
        (each.path, each.state, each.due) for each in found
    ]


def history_until(history: History, now: datetime) -> History:
    """Return what had happened by a time: what lies ahead of the clock changes things itself."""
    return History(
        history.begun,
        tuple(each for each in history.deeds if each.at <= now),
        tuple(each for each in history.uses if each.started_at <= now),
    )

"""The port `Notices`, on SQLite and on PostgreSQL: what was taken back is asked of the columns."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector.domain.contract.notice import Act, Notice, Standing
from connector.store import SqlStore
from tests.support.doubles import NOON

US, THEM = "did:web:us", "did:web:them"
STATED = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from([US, THEM]), st.integers(1, 4), st.sampled_from(Act)
    ),
    max_size=12,
)


def naive(notices: list[Notice], party: str) -> dict[str, Standing]:
    latest: dict[str, Notice] = {}
    for notice in notices:
        if notice.party == party and notice.act is not Act.NOTED:
            before = latest.get(notice.agreement_id, notice)
            latest[notice.agreement_id] = max(before, notice, key=lambda each: each.number)
    return {
        name: Standing(notice.act.value)
        for name, notice in latest.items()
        if notice.act is not Act.RESUMED
    }


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stated=STATED)
@example(stated=[("a", US, 1, Act.SUSPENDED), ("a", US, 2, Act.NOTED)])
@example(stated=[("a", US, 1, Act.SUSPENDED), ("a", THEM, 2, Act.RESUMED)])
@example(stated=[("a", US, 2, Act.RESUMED), ("a", US, 1, Act.SUSPENDED), ("b", US, 1, Act.ENDED)])
def test_what_a_party_took_back_follows_from_its_newest_notices(
    store: SqlStore, stated: list[tuple[str, str, int, Act]]
) -> None:
    with store.write() as tx:
        for each in tx.notices.find():
            tx.notices.remove(each.agreement_id, each.party, each.number)
        for name, party, number, act in stated:
            tx.notices.put(Notice(name, party, number, act, "why", "signed", NOON))
    with store.read() as tx:
        notices = tx.notices.find()
        for party in (US, THEM, "did:web:nobody"):
            assert tx.notices.taken_back(party) == naive(notices, party)

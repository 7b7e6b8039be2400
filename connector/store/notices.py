"""What parties signed about contracts: the port `Notices`.

Rule: how contracts stand is asked of the columns, by the key; no statement is read for it, since
that is asked at each charge, and an institution ends every contract some day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select, bindparam, or_, select

from connector.domain.contract.notice import Act, Notice, Standing
from connector.store.database.scope import Scope
from connector.store.repository import SqlRepository
from connector.store.tables.keyed import table_of
from connector.store.tables.records import NoticeRow

_STANDINGS: Final = {Act.SUSPENDED: Standing.SUSPENDED, Act.ENDED: Standing.ENDED}


class SqlNotices(SqlRepository[Notice]):
    """The notices of both parties."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, Notice, NoticeRow)

    def taken_back(self, party: str) -> Mapping[str, Standing]:
        """Return what a party ended, or suspended and did not resume; see `ports.Notices`."""
        rows = self._scope.ask(_TAKEN_BACK, {"asked_party": party})
        return {name: _STANDINGS[Act(act)] for name, act in rows}


def _taken_back() -> Select[Any]:
    row, later = table_of(NoticeRow).c, table_of(NoticeRow).alias()
    followed = select(later.c.seq).where(
        later.c.agreement_id == row.agreement_id,
        later.c.party == row.party,
        later.c.number > row.number,
        or_(*(later.c.act == act.value for act in Act if act is not Act.NOTED)),
    )
    return select(row.agreement_id, row.act).where(
        row.party == bindparam("asked_party"),
        or_(*(row.act == act.value for act in _STANDINGS)),
        ~followed.exists(),
    )


_TAKEN_BACK: Final = _taken_back()

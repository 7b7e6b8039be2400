"""What a provider answered to a request for a table, read as Arrow or pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.errors import ExtractUnavailable
from connector.management.views.contracts.uses import UseView

if TYPE_CHECKING:
    import pyarrow as pa


class Answer(UseView):
    """What a provider answered; its cells, where they came along."""

    def arrow(self) -> pa.Table:
        """Return the cells; needs pyarrow, which the node has.

        Raises:
            ExtractUnavailable: they did not come with the answer.
        """
        from connector.dataplane.tables import of_rows  # noqa: PLC0415 - it loads pyarrow

        if self.content is None or len(self.rows) != self.content.rows:
            raise ExtractUnavailable(
                f"the table is {self.state}, and did not come with the answer",
                hint="`use_again` asks for it again, `get` with its `extract` fetches a large one",
            )
        return of_rows(self.rows)

    def pandas(self) -> Any:
        """Return the cells as a pandas frame; needs pandas, which the node does not bring."""
        return self.arrow().to_pandas()

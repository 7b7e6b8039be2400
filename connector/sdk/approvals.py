"""Calls of the client about what waits for persons of this node, and what they decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from connector.errors import ApprovalClosed
from connector.management.views.contracts.approvals import ApprovalDetailView, ApprovalView
from connector.sdk import receiving
from connector.sdk.calls import Calls, Listing

_SECONDS = 60.0
_OUTPUT = "urn:preau:output:"


class ApprovalCalls(Calls):
    """What a client can do with decisions of persons."""

    def approvals(
        self, *, closed: bool = False, limit: int = 0, after: str = ""
    ) -> Listing[ApprovalView]:
        """Return what waits for a decision of this node; `closed`: also what was decided."""
        return self._list(ApprovalView, "/approvals", {"closed": str(closed).lower()}, limit, after)

    def approval(self, approval: str) -> ApprovalDetailView:
        """Return what waits for a decision: terms, coverage, budget, and what is new."""
        return self._get(ApprovalDetailView, "/approval", {"id": approval})

    def approve(self, approval: str, *, role: str = "", reason: str = "") -> ApprovalView:
        """Accept in a role; the last one that was missing signs, runs or lets go."""
        body = {"role": role, "reason": reason}
        return self._post(ApprovalView, "/approval/accept", body, {"id": approval})

    def refuse(self, approval: str, reason: str, *, role: str = "") -> ApprovalView:
        """Refuse in a role; what waited ends, and the consumer is told the reason."""
        body = {"role": role, "reason": reason}
        return self._post(ApprovalView, "/approval/refuse", body, {"id": approval})

    def output(self, approval: str, out: Path | str, *, role: str = "") -> Path:
        """Write what would leave into a folder, to be looked at; the node logs that it was.

        Args:
            approval: of an output that waits.
            out: folder.
            role: in which it is looked at; may be empty.

        Raises:
            ApprovalClosed: nothing of it waits.
            ContentMismatch: the bytes are not those of the approval; nothing is kept.
            WorldFault: the file cannot be written.
        """
        found = self.approval(approval)
        if found.output is None or found.state != "pending":
            raise ApprovalClosed(f"approval `{approval}` holds no output to review")
        file = Path(out) / f"{approval.removeprefix(_OUTPUT)}.{found.output.format}"
        expected = receiving.Expected(found.output.digest, found.output.bytes)
        asked = {"id": approval, "role": role}
        stream = partial(self._bytes, asked)
        return receiving.receive_file(file, expected, stream, None, _SECONDS)

    def _bytes(self, asked: Mapping[str, str], offset: int) -> Iterator[bytes]:
        return self._wire.stream("/approval/output", {**asked, "offset": offset})

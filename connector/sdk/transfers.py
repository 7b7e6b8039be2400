"""Calls about transfers: asking, watching, suspending, and receiving the data into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from connector.management.transfer_views import AccessView, TransferView
from connector.sdk import receiving
from connector.sdk.calls import Calls, Listing, until
from connector.sdk.receiving import Received

_START_SECONDS: Final = 60.0
_WAITS: Final = "REQUESTED"


class TransferCalls(Calls):
    """What a client can do with transfers."""

    def transfers(self, *, limit: int = 0, after: str = "") -> Listing[TransferView]:
        """Return the transfers of this node."""
        return self._list(TransferView, "/transfers", {}, limit, after)

    def transfer(self, transfer: str) -> TransferView:
        """Return one transfer."""
        return self._get(TransferView, "/transfer", {"id": transfer})

    def request_transfer(self, agreement: str, extract: str) -> TransferView:
        """Ask for an extract that the provider has prepared; one under way is returned."""
        return self._post(TransferView, "/transfers", {"agreement": agreement, "extract": extract})

    def change_transfer(self, transfer: str, act: str, reason: str) -> TransferView:
        """Do one of `suspend`, `resume`, `end` with a transfer; the peer is told why."""
        body = {"act": act, "reason": reason}
        return self._post(TransferView, "/transfer", body, {"id": transfer})

    def transfer_access(self, transfer: str) -> AccessView:
        """Return how any client may pull the bytes of a transfer over HTTPS."""
        return self._post(AccessView, "/transfer/access", {}, {"id": transfer})

    def get(
        self,
        agreement: str,
        out: Path | str,
        *,
        extract: str,
        progress: Callable[[int, int], None] | None = None,
        seconds: float = _START_SECONDS,
    ) -> Received:
        """Fetch an extract into a folder, from where an earlier call broke off.

        The file is under its name only once it is whole and is what the provider signed.

        Args:
            agreement: the contract.
            out: folder.
            extract: the provider's id of what it has prepared.
            progress: told bytes so far and bytes in all.
            seconds: for which the provider may be silent.

        Raises:
            TransferInactive: it is suspended, or was ended.
            ContentMismatch: the bytes are not those that the provider signed; nothing is kept.
            WorldFault: the file cannot be written, or nothing came for too long; what is there is
                kept for the next call.
        """
        asked = self.request_transfer(agreement, extract)
        going = until(lambda: self.transfer(asked.id), lambda t: t.state != _WAITS, seconds)
        file = receiving.receive(self._wire, going, Path(out), progress, seconds)
        assert going.content is not None  # noqa: S101 - `receive` refuses where there is none
        done = {"digest": going.content.digest, "bytes": going.content.bytes}
        view = self._post(TransferView, "/transfer/received", done, {"id": going.id})
        return Received(file, view)

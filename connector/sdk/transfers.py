"""Calls about transfers: asking, watching, suspending, and receiving the data into a folder."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from connector.errors import (
    ApprovalAwaited,
    ExtractUnavailable,
    PeerUnreachable,
    UseRefused,
    from_code,
)
from connector.management.views.contracts.agreements import AgreementDetailView
from connector.management.views.contracts.transfers import AccessView, TransferView
from connector.management.views.contracts.uses import UseView
from connector.sdk import receiving
from connector.sdk.calls import Calls, Listing, until
from connector.sdk.receiving import Received

_START_SECONDS: Final = 60.0
_PREPARING_SECONDS: Final = 600.0
_WAITS: Final = "REQUESTED"
_PREPARING: Final = "preparing"
_DELIVERS: Final = "deliver"  # the mechanism


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

    def transfer_access(self, transfer: str, *, flight: bool = False) -> AccessView:
        """Return how any client may pull the bytes of a transfer over HTTPS, or over Flight."""
        asked: dict[str, str | int] = {"id": transfer, "flight": flight}
        return self._post(AccessView, "/transfer/access", {}, asked)

    def get(
        self,
        agreement: str,
        out: Path | str,
        *,
        columns: Sequence[str] = (),
        format: str = "",  # noqa: A002 - the word of the contract
        extract: str = "",
        progress: Callable[[int, int], None] | None = None,
        seconds: float = _START_SECONDS,
    ) -> Received:
        """Fetch rows under a contract into a folder, from where an earlier call broke off.

        The provider is asked to prepare them, unless it was. The file is under its name only once
        it is whole and is what the provider signed.

        Args:
            agreement: the contract.
            out: folder.
            columns: which; none for all that may leave.
            format: `csv`, `parquet`, `jsonl` or `arrow`; empty for what the plan prefers.
            extract: the provider's id of what it has prepared, where it is not to be asked.
            progress: told bytes so far and bytes in all.
            seconds: for which the provider may be silent.

        Raises:
            Unlawful: the contract lets no rows leave, or the provider refuses; the class says why.
            ApprovalAwaited: persons of the provider have yet to decide; the same call goes on.
            TransferInactive: it is suspended, or was ended.
            ContentMismatch: the bytes are not those that the provider signed; nothing is kept.
            WorldFault: the file cannot be written, or nothing came for too long; what is there is
                kept for the next call.
        """
        folder = Path(out)
        contract = self._get(AgreementDetailView, "/agreement", {"id": agreement})
        if contract.over_https and not extract:
            return self._whole(agreement, folder, progress, seconds)
        note = receiving.note_of(folder, agreement)
        wanted = extract or self._prepared(contract, note, columns, format)
        asked = self.request_transfer(agreement, wanted)
        going = until(lambda: self.transfer(asked.id), lambda t: t.state != _WAITS, seconds)
        file = receiving.receive(self._wire, going, folder, progress, seconds)
        assert going.content is not None  # noqa: S101 - `receive` refuses where there is none
        done = {"digest": going.content.digest, "bytes": going.content.bytes}
        view = self._post(TransferView, "/transfer/received", done, {"id": going.id})
        note.unlink(missing_ok=True)
        return Received(file, view)

    def _whole(
        self,
        agreement: str,
        folder: Path,
        progress: Callable[[int, int], None] | None,
        seconds: float,
    ) -> Received:
        """Fetch what a contract gives by itself; where the provider signs nothing, all of it."""
        asked = self.request_transfer(agreement, "")
        going = until(lambda: self.transfer(asked.id), lambda t: t.state != _WAITS, seconds)
        if going.content is None:
            file, digest, size = receiving.receive_whole(self._wire, going, folder, progress)
        else:
            file = receiving.receive(self._wire, going, folder, progress, seconds)
            digest, size = going.content.digest, going.content.bytes
        done = {"digest": digest, "bytes": size}
        return Received(
            file, self._post(TransferView, "/transfer/received", done, {"id": going.id})
        )

    def _prepared(
        self,
        contract: AgreementDetailView,
        note: Path,
        columns: Sequence[str],
        format: str,  # noqa: A002 - as of `get`
    ) -> str:
        """Have rows prepared, and return the provider's id of the extract.

        The request is noted in the folder before it is made: it is a use that counts, and whoever
        is ended before the answer makes the same again.
        """
        request = receiving.noted(note)
        if not request:
            request = uuid.uuid4().urn
            receiving.write_note(note, request)
        body = {
            "agreement": contract.id,
            "action": _action(contract),
            "columns": list(columns),
            "format": format,
            "request": request,
        }
        found = self._post(UseView, "/uses", body)
        if found.state == _PREPARING:
            found = until(
                lambda: self._again(request), lambda u: u.state != _PREPARING, _PREPARING_SECONDS
            )
        if found.state == _PREPARING:
            raise PeerUnreachable("the provider still prepares it", hint="try again later")
        if found.state == "waiting":  # the note stays: the same is asked for again
            raise ApprovalAwaited("; ".join(found.reasons), hint="run the same command again")
        if found.state != "ready":
            note.unlink(missing_ok=True)  # the next call asks anew
            reason = "; ".join(found.reasons) or f"what was prepared is {found.state}"
            raise from_code(found.code or ExtractUnavailable.code, reason)
        return found.extract

    def _again(self, request: str) -> UseView:
        return self._post(UseView, "/use/again", {}, {"id": request})


def _action(contract: AgreementDetailView) -> str:
    """Return the action under which a contract lets rows leave.

    Raises:
        UseRefused: it lets none.
    """
    for use in contract.plan.get("uses", ()):
        if use["mechanism"] == _DELIVERS:
            return str(use["action"])
    raise UseRefused("the contract lets no rows leave", hint="`preau query` asks for tables")

"""The process that fetches over Arrow Flight: `python -m …dataplane.flight.client`.

It writes the bytes of the file to standard output, and says on its socket how it ended. Rules: what
comes from a peer is parsed here, confined, and nowhere else; the provider is known by the CAs of
its DID document and the host of its DID, as for calls.
"""

from __future__ import annotations

import os
from typing import Any, Final

from connector.dataplane.flight import ticket
from connector.errors import PeerUnreachable, from_code
from connector.sources.worker import serve

_AHEAD: Final = 4 * 1024 * 1024  # bytes that the provider may send before they are read


def main() -> None:
    """Answer one request."""
    serve(_answer)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    # Only now, confined: Flight is loaded.
    import pyarrow as pa  # noqa: PLC0415 - see above
    from pyarrow import flight  # noqa: PLC0415 - same

    taken = 0
    try:
        client = flight.connect(
            f"grpc+tls://{request['address']}",
            tls_root_certs=request["roots"].encode(),
            override_hostname=request["host"],
            generic_options=[
                ("grpc.enable_http_proxy", 0),
                ("grpc.http2.bdp_probe", 0),  # on a slow machine its estimate has no end
                ("grpc.http2.lookahead_bytes", _AHEAD),
            ],
        )
        wanted = flight.Ticket(ticket.write(request["token"], request["offset"]))
        with os.fdopen(1, "wb", closefd=False) as out:
            for chunk in client.do_get(wanted):
                for each in chunk.data.column(0):
                    data = each.as_buffer()
                    taken += data.size
                    out.write(data)
    except flight.FlightError as exc:
        code = exc.extra_info.decode("ascii", "replace")
        if not code:
            raise PeerUnreachable("the provider does not answer over Flight") from exc
        reason = str(exc).partition(f"{code}: ")[2].partition(". Detail")[0]
        raise from_code(code, reason or code) from exc
    except (pa.ArrowException, AttributeError) as exc:
        raise PeerUnreachable("the provider closed the connection, or did not send a file") from exc
    return {"bytes": taken}


if __name__ == "__main__":
    main()

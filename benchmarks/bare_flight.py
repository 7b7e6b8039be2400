"""The bare alternative to a transfer: a pyarrow Flight server that has a file's batches in memory.

python bare_flight.py PORT CERTIFICATES FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyarrow import flight, ipc


class Server(flight.FlightServerBase):
    """Sends all batches of an Arrow file."""

    def __init__(self, where: str, file: str, **tls: object) -> None:
        super().__init__(where, **tls)
        self._rows = ipc.open_stream(file).read_all()

    def do_get(self, _context: object, _ticket: flight.Ticket) -> flight.RecordBatchStream:
        """Send them."""
        return flight.GeneratorStream(self._rows.schema, iter(self._rows.to_batches()))


def main() -> None:
    """Serve until ended."""
    port, stem, file = sys.argv[1:]
    ca, leaf, key = (Path(f"{stem}.{name}").read_bytes() for name in ("ca", "leaf", "key"))
    server = Server(
        f"grpc+tls://localhost:{port}",
        file,
        tls_certificates=[(leaf, key)],
        verify_client=True,
        root_certificates=ca,
    )
    print("ready", flush=True)
    server.serve()


if __name__ == "__main__":
    main()

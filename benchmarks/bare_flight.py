"""The bare alternative to a transfer: a pyarrow Flight server that sends one batch over and over.

python bare_flight.py PORT CERTIFICATES BYTES
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
from pyarrow import flight

BATCH = 1 << 20  # bytes


class Server(flight.FlightServerBase):
    """Sends as many batches as make up the bytes."""

    def __init__(self, where: str, size: int, **tls: object) -> None:
        super().__init__(where, **tls)
        self._batch = pa.record_batch({"value": pa.array([os.urandom(BATCH)])})
        self._count = -(-size // BATCH)

    def do_get(self, _context: object, _ticket: flight.Ticket) -> flight.RecordBatchStream:
        """Send them."""
        batches = (self._batch for _ in range(self._count))
        return flight.GeneratorStream(self._batch.schema, batches)


def main() -> None:
    """Serve until ended."""
    port, stem, size = sys.argv[1:]
    ca, leaf, key = (Path(f"{stem}.{name}").read_bytes() for name in ("ca", "leaf", "key"))
    server = Server(
        f"grpc+tls://localhost:{port}",
        int(size),
        tls_certificates=[(leaf, key)],
        verify_client=True,
        root_certificates=ca,
    )
    print("ready", flush=True)
    server.serve()


if __name__ == "__main__":
    main()

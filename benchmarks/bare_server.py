"""The bare alternative to a node: one empty gRPC service and one HTTPS page, nothing behind them.

python bare_server.py HTTPS_PORT GRPC_PORT CERTIFICATE KEY
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvicorn

THREADS = 16


async def page(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer any request."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"bare"})


def main() -> None:
    """Serve until ended."""
    https, rpc, certificate, key = sys.argv[1:]
    server = grpc.server(ThreadPoolExecutor(THREADS))
    server.add_insecure_port(f"127.0.0.1:{rpc}")
    server.start()
    uvicorn.run(
        page,
        host="127.0.0.1",
        port=int(https),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="error",
        lifespan="off",
    )


if __name__ == "__main__":
    main()

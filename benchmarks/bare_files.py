"""The bare alternative to an HTTP pull: Starlette's own file response under uvicorn's own TLS.

python bare_files.py PORT CERTIFICATE KEY FILE
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

FILE = sys.argv[4] if len(sys.argv) > 4 else ""  # noqa: PLR2004 - the fourth word


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the file, or the range that is asked for."""
    await FileResponse(FILE)(scope, receive, send)


def main() -> None:
    """Serve until ended."""
    port, certificate, key, _file = sys.argv[1:]
    uvicorn.run(
        page,
        host="127.0.0.1",
        port=int(port),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        http="h11",
        log_level="error",
        lifespan="off",
    )


if __name__ == "__main__":
    main()

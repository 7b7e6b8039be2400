"""Reads the body of a request within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from connector.errors import Malformed, MessageTooLarge

BODY_SECONDS: Final = 5.0


async def read(request: Request, limit: int) -> bytes:
    """Return the body of a request, as it stands.

    Args:
        request: on whose connection it comes.
        limit: most bytes.

    Raises:
        MessageTooLarge: it is longer, or its header says so.
        Malformed: it is compressed, or not there in `BODY_SECONDS`.
    """
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":  # a bomb is small until it is unpacked
        raise Malformed("the body is compressed", hint="send it as it is")
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > limit:
        raise _too_large(limit)
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit:
                    raise _too_large(limit)
    except TimeoutError as exc:
        raise Malformed("the body did not arrive in time") from exc
    except ClientDisconnect as exc:
        raise Malformed("the request was interrupted") from exc
    return bytes(data)


def _too_large(limit: int) -> MessageTooLarge:
    return MessageTooLarge(f"the body is over the limit of {limit} bytes")

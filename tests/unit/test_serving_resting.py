"""An application that rests once nobody asks."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from connector.serving.resting import Resting

SOON = 0.02  # seconds


async def nothing() -> dict[str, str]:
    return {"type": "http.disconnect"}


async def dropped(_message: object) -> None:
    return


def test_it_rests_once_after_the_last_answer_also_where_one_failed() -> None:
    rests: list[bool] = []
    under_way = [0]

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        under_way[0] += 1
        await asyncio.sleep(0)
        under_way[0] -= 1
        if scope["path"] == "/fails":
            raise ValueError(scope["path"])

    async def asked() -> None:
        resting = Resting(app, lambda: rests.append(not under_way[0]), SOON)
        for path in ("/", "/fails", "/"):
            with_fault = resting({"type": "http", "path": path}, nothing, dropped)
            (found,) = await asyncio.gather(with_fault, return_exceptions=True)
            assert isinstance(found, ValueError) == (path == "/fails")
        assert not rests
        for _ in range(200):
            if rests:
                break
            await asyncio.sleep(SOON)
        await asyncio.sleep(5 * SOON)

    asyncio.run(asked())
    assert rests == [True]

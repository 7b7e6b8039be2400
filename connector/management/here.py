"""What every route takes: what it may reach."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from connector.management.reach import Reach, reach_of


async def _here(request: Request) -> Reach:  # FastAPI takes a thread for one that is not
    return reach_of(request)


Here = Annotated[Reach, Depends(_here)]

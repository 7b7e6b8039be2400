"""What the same bytes always mean, kept while they are in use.

Rule: peers send most of what is read, so that what is kept has a bound in number and in size. Read
JSON takes up to 24 times the memory of its bytes; what is larger than `LARGEST` is read each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

T = TypeVar("T")
D = TypeVar("D", bytes, str)
P = ParamSpec("P")

LARGEST: Final = 32 * 1024  # bytes; contracts and policies in use are far below


def kept(
    most: int, largest: int = LARGEST
) -> Callable[[Callable[Concatenate[D, P], T]], Callable[Concatenate[D, P], T]]:
    """Let a reader remember what it made of the last `most` different inputs; no refusal is.

    Args:
        most: how many inputs.
        largest: bytes of one, or characters.
    """

    def bounded(read: Callable[Concatenate[D, P], T]) -> Callable[Concatenate[D, P], T]:
        remembered: Callable[..., T] = lru_cache(maxsize=most)(read)

        @wraps(read)
        def one(data: D, /, *more: P.args, **named: P.kwargs) -> T:
            chosen = remembered if len(data) <= largest else read
            return chosen(data, *more, **named)

        return one

    return bounded

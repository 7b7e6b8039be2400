"""A form that is sent twice is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response, StreamingResponse

from connector.console.once import Once
from connector.console.visit import Visit
from tests.support.each import over


def visit(form: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> Visit:
    return Visit(None, None, "en", "/job/submit", {}, form, files or {}, posted=True)


class Maker:
    """Does something, and counts how often."""

    def __init__(self, answer: type[Response], what: Any) -> None:
        self._answer, self._what, self.done = answer, what, 0

    async def __call__(self) -> Response:
        self.done += 1
        await asyncio.sleep(0)
        return self._answer(self._what)


def sent(make: Maker, *visits: Visit, together: bool) -> list[Response]:
    async def all_of_them() -> list[Response]:
        once = Once()
        if together:
            return await asyncio.gather(*(once.answer(each, make) for each in visits))
        return [await once.answer(each, make) for each in visits]

    return asyncio.run(all_of_them())


@over(
    ("answer", "what", "together", "apart"),
    [
        (RedirectResponse, "/job", 1, 1),  # it was done, and led to what became of it
        (Response, "refused", 1, 2),  # what led nowhere may be tried again
        (StreamingResponse, (), 2, 2),  # a file is read once
    ],
)
def test_a_form_that_is_sent_twice_is_done_once(
    answer: type[Response], what: Any, together: int, apart: int
) -> None:
    for at_once, times in ((True, together), (False, apart)):
        make = Maker(answer, what)
        same = [visit({"word": "a"}, {"file": b"x"}) for _ in range(2)]
        first, second = sent(make, *same, together=at_once)
        assert make.done == times
        first.headers["content-length"] = "1"  # as who compresses it writes
        assert second.headers.get("content-length") != "1"


def test_forms_that_differ_are_each_done() -> None:
    make = Maker(RedirectResponse, "/job")
    forms = [visit({"word": "a"}), visit({"word": "b"}), visit({"word": "a", "more": ""})]
    sent(make, *forms, visit({"word": "a"}, {"file": b"x"}), together=True)
    assert make.done == 4


def test_what_failed_may_be_sent_again() -> None:
    async def failing() -> Response:
        raise RuntimeError("not foreseen")

    async def twice() -> Response:
        once = Once()
        found = await asyncio.gather(once.answer(visit({}), failing), return_exceptions=True)
        assert isinstance(found[0], RuntimeError)
        return await once.answer(visit({}), Maker(Response, "done"))

    assert asyncio.run(twice()).body == b"done"

"""The console as an application: pages by their paths, who is logged in, and what goes wrong.

Rule: a page is a function of a `Visit`; one that changes something is reached by POST alone, with
the word of its session, and leads to a page that shows what became of it. Leaves what a page shows
to `pages/`, and whose requests are answered to `guard.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from connector.console import answers, attempts, beginnings, downloads, guard, multipart, refusals
from connector.console.attempts import Attempts
from connector.console.beginnings import Beginnings
from connector.console.guard import (
    LANGUAGE,
    SAFE,
    TooSlow,
    failed,
    is_small,
    language_of,
    of_own_page,
    too_slow,
)
from connector.console.live import Watching
from connector.console.once import Once
from connector.console.pages import PAGES, door
from connector.console.pages.entry import Entry, Sent
from connector.console.parts import Notice, Page, Table, tables
from connector.console.rendering import Renderer, address
from connector.console.sessions import COOKIE, Session, Sessions
from connector.console.visit import Visit
from connector.domain.account import Account
from connector.domain.page import LONGEST
from connector.errors import LoginRefused, Malformed, NotFound, PreauError
from connector.language.catalog import LANGUAGES, translated
from connector.ports import Ports
from connector.services.access import accounts
from connector.services.access.desk import Desk
from connector.services.health.watching import Watch

if TYPE_CHECKING:
    from connector.services.access.institution import Institution  # of a node with a provider

_log = logging.getLogger(__name__)
LIVE: Final = "/live"
RENEWED: Final = "preau-renewed"  # of requests that nobody made by hand
_BEGUN: Final = int(beginnings.LONGEST.total_seconds())
_STATIC: Final = Path(__file__).parent / "static"
_YEAR: Final = 365 * 24 * 3600  # seconds
_FORM: Final = "application/x-www-form-urlencoded"
_FIELDS: Final = 20_000  # eight for each column of a wide file; the body is small


class Console:
    """The pages of one node."""

    def __init__(
        self,
        ports: Ports,
        theme: Path | None = None,
        watch: Watch | None = None,
        institution: Institution | None = None,
    ) -> None:
        """Prepare.

        Args:
            ports: of the node.
            watch: tells of its process, keys and backup.
            theme: folder with the style sheet `theme.css` of the institution; None for none.
            institution: logs persons in by its provider; None: nobody does.
        """
        self._ports, self._watch, self._institution = ports, watch, institution
        self._theme = theme
        self._renderer = Renderer(ports.settings.name, theme=theme is not None)
        self._sessions = Sessions(lambda name: accounts.standing(ports, name), ports.clock.now)
        self._attempts = Attempts(ports.clock.now)
        self._beginnings = Beginnings(ports.clock.now)
        self._watching, self._once = Watching(), Once()
        self._gathering = downloads.Gathering()

    def application(self) -> Starlette:
        """Return the application; a `Guard` has to stand before it."""
        routes: list[Route | Mount] = [
            Route(entry.path, self._endpoint(entry), methods=[entry.method]) for entry in PAGES
        ]
        routes += [
            Route(f"{LIVE}{entry.path}", self._watched(entry.watch))
            for entry in PAGES
            if entry.watch is not None
        ]
        shown = {entry.path for entry in PAGES if entry.method == "GET"}
        routes += [
            Route(entry.path, answers.leading(entry.on))
            for entry in PAGES
            if entry.path not in shown
        ]
        routes += [
            Route(door.LOGIN, self._login, methods=["POST"]),
            Route(door.PROVIDER, self._to_provider),
            Route(door.RETURN, self._from_provider),
            Route(door.FAREWELL, self._to_farewell),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/language", self._language, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ]
        if self._theme is not None:
            routes.append(Mount("/theme", StaticFiles(directory=self._theme)))
        failing = {404: self._nothing, 405: self._nothing, TooSlow: too_slow, 500: failed}
        made = Starlette(routes=routes, exception_handlers=failing)
        made.router.redirect_slashes = False  # which would name a scheme that only the proxy knows
        return made

    def _endpoint(self, entry: Entry) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            visit = await self._visit(request, used=RENEWED not in request.headers)
            if visit.session is None and not entry.open:
                to = visit.given(refusals.BACK) or entry.on
                return answers.led(door.LOGIN, {"to": visit.path if entry.method == "GET" else to})
            if entry.method == "POST" and not _is_own(visit):
                return self._wrong(visit, _not_own(visit))
            cookie = request.cookies.get(COOKIE, "")

            async def made() -> Response:
                return await run_in_threadpool(self._answered, entry, visit, cookie)

            return await (self._once.answer(visit, made) if entry.method == "POST" else made())

        return endpoint

    def _watched(self, watch: Callable[[Visit], str]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            visit = await self._visit(request, used=False)
            cookie = request.cookies.get(COOKIE, "")

            def stamp() -> str:
                return watch(visit) if self._sessions.find(cookie, used=False) else ""

            if visit.session is None:
                return Response(status_code=401)
            return self._watching.answer(visit.session.account.id, stamp, visit.asked("seen"))

        return endpoint

    async def _visit(self, request: Request, *, used: bool = True) -> Visit:
        cookie = request.cookies.get(COOKIE, "")
        session = await run_in_threadpool(self._sessions.find, cookie, used=used)
        form, files = await _brought(request, known=session is not None)
        return Visit(
            Desk(self._ports, session.account, reads=request.method in SAFE) if session else None,
            session,
            language_of(request.headers),
            request.url.path,
            dict(request.query_params),
            form,
            files,
            self._ports.settings.name,
            self._ports.settings.console_contact,
            self._watch,
            request.method == "POST",
            provided=self._institution is not None,
        )

    def _answered(self, entry: Entry, visit: Visit, cookie: str) -> Response:
        ending = visit.given("as") if visit.posted else visit.asked("as")
        if ending in downloads.FORMATS:
            visit = replace(visit, rows=LONGEST)
        made, seen = _made(entry, visit), visit
        if isinstance(made, Page) and ending in downloads.FORMATS and tables(made.parts):
            try:
                return self._saved(entry, visit, made, ending, cookie)
            except PreauError as exc:
                made = exc
        if isinstance(made, PreauError):
            found = refusals.stood(entry, visit, _made)
            if found is None:
                return self._wrong(visit, made)
            made, seen = replace(found[0], refusal=made), found[1]
        if not isinstance(made, Page):
            if isinstance(made, Sent):
                return answers.sent(made)
            return answers.led(made.path, dict(made.query))
        if made.refusal is not None:
            made = refusals.marked(made, made.refusal, visit)
        return self._shown(made, seen)

    def _saved(self, entry: Entry, visit: Visit, page: Page, ending: str, cookie: str) -> Response:
        """Return a table of a page as a file, with all rows that there are."""
        first = _table(page, visit.given("table") or visit.asked("table"))

        def follow(query: Mapping[str, str]) -> Table:
            if self._sessions.find(cookie, used=False) is None:
                raise LoginRefused("the session has ended")
            made = entry.page(replace(visit, query=query))
            return _table(made, first.name) if isinstance(made, Page) else replace(first, next={})

        def rest(query: Mapping[str, str]) -> str:
            return address(visit.path, {**query, "as": ending, "table": first.name})

        say = partial(translated, language=visit.language)
        media, write = downloads.FORMATS[ending]
        pages = self._gathering.pages(visit.served.account.id, first, follow, rest)
        content = write(pages, say)
        return StreamingResponse(
            content, media_type=media, headers=answers.saving(f"{first.name}.{ending}")
        )

    def _shown(self, page: Page, visit: Visit) -> Response:
        menu = [
            (entry.menu, entry.path, visit.path == entry.path)
            for entry in PAGES
            if entry.menu and visit.desk is not None and entry.leads(visit.desk)
        ]
        body = self._renderer.page(page, visit, menu)
        return Response(body, page.status, media_type="text/html; charset=utf-8")

    def _wrong(self, visit: Visit, error: PreauError) -> Response:
        page = Page("This could not be done", [])
        return self._shown(refusals.marked(page, error, visit), visit)

    async def _nothing(self, request: Request, _error: Exception) -> Response:
        visit = await self._visit(request)
        return self._shown(
            Page(
                "There is no such page",
                [Notice("The menu leads to all pages.", code=NotFound.code)],
                404,
            ),
            visit,
        )

    async def _login(self, request: Request) -> Response:
        visit = await self._visit(request)
        name, known = visit.given("name").strip().lower(), request.cookies.get(attempts.COOKIE, "")

        def entered() -> Account:
            with self._attempts.one(name, known):
                return accounts.enter(self._ports, name, visit.given("password"))

        try:
            found = await run_in_threadpool(entered)
        except PreauError as exc:
            return self._at_door(visit, exc)
        answer = answers.led(answers.inside(visit.given("to")), {})
        answers.keep(answer, attempts.COOKIE, self._attempts.cookie(name), seconds=_YEAR)
        return self._let_in(request, found, answer)

    def _let_in(self, request: Request, found: Account, answer: Response) -> Response:
        """Begin a session of another name than any that the browser had."""
        if (before := request.cookies.get(COOKIE, "")) != "":
            self._sessions.end(before)
        answers.keep(answer, COOKIE, self._sessions.begin(found))
        return answer

    def _at_door(self, visit: Visit, exc: PreauError) -> Response:
        """Say why nobody was let in, and ask again."""
        seen = replace(visit, desk=None, session=None, path=door.LOGIN, query={})
        return self._shown(refusals.marked(door.asking(seen), exc, visit), seen)

    async def _to_provider(self, request: Request) -> Response:
        """Lead a browser to the provider, with a login begun in it; none of another site begins."""
        visit = await self._visit(request)
        to = answers.inside(visit.asked("to"))
        if visit.session is not None:
            return answers.led(to, {})
        if not of_own_page(request.headers):
            return answers.led(door.LOGIN, {"to": to})
        begun = self._beginnings.begin(to)
        try:
            where = await run_in_threadpool(self._provider.leading, begun.secrets)
        except PreauError as exc:
            return self._at_door(visit, exc)
        answer = RedirectResponse(where, 303)
        # Not `strict`: it has to come along when the provider leads back.
        answers.keep(answer, beginnings.COOKIE, begun.cookie, "lax", _BEGUN)
        return answer

    async def _from_provider(self, request: Request) -> Response:
        """Let in who comes back, by a page: no redirect brings a cookie that is `strict`."""
        visit = await self._visit(request)
        cookie = request.cookies.get(beginnings.COOKIE, "")
        try:
            provider = self._provider
            begun = self._beginnings.end(cookie, visit.asked("state"))
            found = await run_in_threadpool(provider.enter, visit.query, begun.secrets)
        except PreauError as exc:
            return self._at_door(visit, exc)
        to = answers.inside(begun.to)
        # Its address holds what was brought, which is of no use again.
        visit = replace(visit, desk=None, session=None, path="/", query={})
        shown = self._shown(door.welcome(to), visit)
        answer = self._let_in(request, found, shown)
        answers.leads_on(answer, to)
        answers.drop(answer, beginnings.COOKIE, "lax")
        return answer

    async def _to_farewell(self, request: Request) -> Response:
        visit = await self._visit(request)
        try:
            where = await run_in_threadpool(self._provider.farewell)
        except PreauError as exc:
            return self._at_door(visit, exc)
        return RedirectResponse(where, 303) if where else answers.led(door.LOGIN, {})

    @property
    def _provider(self) -> Institution:
        if self._institution is None:
            raise NotFound("this node logs nobody in by a provider")
        return self._institution

    async def _logout(self, request: Request) -> Response:
        visit, query = await self._visit(request), {}
        if visit.session is not None:
            if not _is_own(visit):
                return self._wrong(visit, _not_own(visit))
            self._sessions.end(request.cookies.get(COOKIE, ""))
            query = {door.LEFT: "yes"} if visit.session.account.subject else {}
        answer = answers.led(door.LOGIN, query)
        answers.drop(answer, COOKIE)
        return answer

    async def _language(self, request: Request) -> Response:
        visit = await self._visit(request)
        chosen = visit.given("language")
        answer = answers.led(answers.inside(visit.given("to")), {})
        if chosen in LANGUAGES:
            answers.keep(answer, LANGUAGE, chosen, "lax", _YEAR)
        return answer


def _made(entry: Entry, visit: Visit) -> refusals.Made:
    """Return what a page makes, or why it makes nothing."""
    try:
        if visit.desk is not None and not entry.leads(visit.desk):
            visit.desk.check(entry.services[0])
        return entry.page(visit)
    except PreauError as exc:
        return exc
    except Exception:  # noqa: BLE001 - the outermost border: no text of it leaves
        _log.exception("the page %s failed", entry.path)
        return guard.unforeseen()


async def _brought(
    request: Request, *, known: bool
) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """Return what a form brings, and its files; of large bodies only who is known brings any."""
    if request.method != "POST" or not (known or is_small(request.headers)):
        return {}, {}
    body, media = await request.body(), request.headers.get("content-type", "")
    kind = media.partition(";")[0].strip().lower()
    if kind == _FORM:
        return _form(body), {}
    if kind != multipart.MEDIA:
        return {}, {}
    try:
        return await run_in_threadpool(multipart.read, media, body)
    except Malformed:  # as below
        return {}, {}


def _form(body: bytes) -> Mapping[str, str]:
    """Return what a form brings; nothing of what is no form, which then lacks its word."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError:  # no UTF-8, or too many fields
        return {}


def _table(page: Page, name: str) -> Table:
    """Return the table of a name; of what is none, the first one of the page."""
    found = tables(page.parts)
    return next((each for each in found if each.name == name), found[0])


def _not_own(visit: Visit) -> PreauError:
    hint = "begin again from a page of this console"
    if not visit.form:
        return Malformed(
            "the form cannot be read: it is cut off, or has too many fields", hint=hint
        )
    return LoginRefused("this form is of a session that has ended", hint=hint)


def _is_own(visit: Visit) -> bool:
    session: Session | None = visit.session
    return session is not None and session.brings(visit.given("word"))

"""Persons at Chromium who visit consoles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from connector.language.catalog import translated
from tests.support.console import PASSWORD

_RULES: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "reporter": "no-passes",
    "resultTypes": ["violations"],
    "selectors": False,
    "preload": False,
}
_SLOW = ("color-contrast", "target-size")
_FOUND = """rules => axe.run(document, rules).then(found => found.violations.map(
    each => each.id + ": " + each.nodes.map(node => node.html.slice(0, 160)).slice(0, 3)))"""
_LOOKING = Path(__file__).with_name("looking.js").read_text("utf-8")
_NARROW = {"width": 320, "height": 512}  # 1280 px at 400 %, WCAG 2.1, 1.4.10
_WIDE = {"width": 1280, "height": 720}
_PATIENCE = 120_000  # milliseconds, of who waits for another institution


class Visitor:
    """Somebody at a browser, who notes what the browser complains of."""

    def __init__(self, browser: Any, address: str, language: str, **more: Any) -> None:
        self.context = browser.new_context(
            locale=language, base_url=address, viewport=_WIDE, **more
        )
        self.page = self.context.new_page()
        self._inspector = self.context.new_cdp_session(self.page)
        self.address = address
        self.faults: list[str] = []
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on("request", self._asked)

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        """Log in, whoever is."""
        self.context.clear_cookies()
        self.page.goto("/login")
        self.page.locator("input[name=name]").fill(name)
        self.page.locator("input[type=password]").fill(password)
        self.page.locator("main button").click()
        self.page.wait_for_url("**/")

    def presses(self, button: str) -> None:
        """Press a button that sends a form, and wait for the page that answers."""
        with self.page.expect_navigation():
            self.page.locator(button).click()

    @property
    def language(self) -> str:
        return str(self.page.locator("html").get_attribute("lang"))

    def images(self) -> int:
        """How many images the page has, each decoded; a broken one is an error.

        Nothing is asked again and again, since the page's policy lets no string become a script.
        """
        images = "Array.from(document.images)"
        decoded = f"Promise.all({images}.map(each => each.decode())).then(() => {images}.length)"
        return int(self.page.evaluate(decoded))

    def violations(self, *, whole: bool = False) -> list[str]:
        """What axe-core finds, and whoever looks further; a fault of the page.

        The page stays as wide as who looked last had it.

        Args:
            whole: whether axe-core looks at contrast and targets as well, which takes two thirds
                of its time; whoever looks further does.
        """
        looks = [(_WIDE, lambda: self._audited(whole=whole)), (_NARROW, self._looked_through)]
        if self.page.viewport_size == _NARROW:
            looks.reverse()
        found = []
        for size, look in looks:
            if self.page.viewport_size != size:
                self.page.set_viewport_size(size)
            found += look()
        return found

    def _audited(self, *, whole: bool) -> list[str]:
        from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415 - only where it is used

        # Compiled once for all pages, as what a page evaluates is not.
        self._inspector.send("Runtime.evaluate", {"expression": AXE_SCRIPT})
        rules = {rule: {"enabled": whole} for rule in _SLOW}
        return list(self.page.evaluate(_FOUND, {**_RULES, "rules": rules}))

    def _looked_through(self) -> list[str]:
        return list(self.page.evaluate(_LOOKING))

    def _told(self, message: Any) -> None:
        if message.type == "error":
            self.faults.append(f"{message.text} {message.location}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.faults.append(f"asks {request.url}")


class Person(Visitor):
    """Somebody who is logged in, and gets everywhere by clicking and typing."""

    def __init__(self, browser: Any, address: str, language: str, name: str) -> None:
        super().__init__(browser, address, language)
        self.page.set_default_timeout(_PATIENCE)
        self.log_in(name)

    def opens(self, path: str) -> None:
        """Choose a page of the menu."""
        self.page.locator(f"nav a[href='{path}']").click()

    def follows(self, text: str) -> None:
        """Follow a link on the page."""
        self.page.locator("main").get_by_role("link", name=text, exact=True).first.click()

    def sends(self, action: str, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        """Fill fields of a form, by their names, and press its button."""
        form = self.page.locator(f"form[action='{action}']")
        for name, value in fields.items():
            field = form.locator(f"[name='{name}']")
            kind = field.evaluate("each => each.type")
            if kind == "select-one":
                field.select_option(value)
            elif kind == "file":
                field.set_input_files(value)
            else:
                field.fill(value)
        form.locator("button").click()

    def sees(self, text: str) -> None:
        """Wait until the page says something; nobody loads it again."""
        found = self.page.locator("main").get_by_text(text).first
        try:
            found.wait_for()
        except Exception as exc:  # a time-out says nothing of what is there instead
            raise AssertionError(self.page.locator("main").inner_text()[:2000]) from exc

    def section(self, heading: str) -> str:
        """What stands beneath a heading of ours, in the language of the page."""
        title = self.page.get_by_role(
            "heading", name=translated(heading, self.language), exact=True
        )
        return str(self.page.locator("section", has=title).inner_text())

    def saves(self, act: Callable[[], None], file: Path) -> bytes:
        """Keep the file that the browser is sent, and return what is in it."""
        with self.page.expect_download() as waiting:
            act()
        waiting.value.save_as(file)
        return file.read_bytes()

"""Debian's Chromium without a window, driven by Playwright, to look at pages of consoles."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The browser itself takes half as much CPU again, for what is around a page.
PROGRAMS = ("chromium-headless-shell", "chromium")


def program() -> str | None:
    """Return where it is; None where neither package is installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser, each of whose contexts has cookies of its own, and stop it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - in the extra `dev` alone

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"])
        yield browser
        browser.close()

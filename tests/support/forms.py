"""Forms of pages of the console, as a browser fills and sends them."""

from __future__ import annotations

import re
from html import unescape

import httpx

from tests.support.console import Browser

_AREA = re.compile(r'<textarea[^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', re.DOTALL)
_SAVING = '<form class="more"'  # of a table
_SELECT = re.compile(r'<select[^>]*name="([^"]*)".*?>(.*?)</select>', re.DOTALL)


def fields_of(answer: httpx.Response, path: str, name: str = "") -> dict[str, str]:
    """What the form to a path, of that name, holds."""
    forms = re.findall(rf'<form[^>]*action="{path}".*?</form>', answer.text, re.DOTALL)
    start = "form" + path.replace("/", "-") + name
    named = [
        form
        for form in forms
        if not form.startswith(_SAVING) and (not name or f'id="{start}"' in form)
    ]
    (one,) = named
    return held(one)


def saving(answer: httpx.Response, ending: str, table: str) -> dict[str, str]:
    """What a browser sends that saves a table of a page that a form brought."""
    forms = map(held, re.findall(rf"{_SAVING}.*?</form>", answer.text, re.DOTALL))
    (one,) = (each for each in forms if each["table"] == table)
    return {**one, "as": ending}


def sent(
    browser: Browser, answer: httpx.Response, path: str, name: str = "", **changed: str
) -> httpx.Response:
    """Send the form to a path, as the page holds it, with some fields changed."""
    return browser.post(path, {**fields_of(answer, path, name), **changed})


def held(form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and ("checkbox" not in tag or " checked" in tag):
            found[unescape(name[1])] = unescape(value[1])
    for name, body in _SELECT.findall(form):
        options = re.findall(r'<option value="([^"]*)"( selected)?', body)
        picked = [value for value, chosen in options if chosen] or [options[0][0]]
        found[unescape(name)] = unescape(picked[0])
    found |= {unescape(name): unescape(body) for name, body in _AREA.findall(form)}
    return found

"""What a page holds, as a browser's parser takes it: whether anything of it runs or loads."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>"\' {{ 7*7 }} <!-- </td></table>'
_LEADING = ("href", "src", "action", "formaction", "data-live", "xlink:href", "poster", "data")
_OURS = ("/", "#", "data:text/csv;base64,", "data:application/")
_RUNS = frozenset({"iframe", "object", "embed", "base", "meta", "style", "math", "template"})


class Seen(HTMLParser):
    """The elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.texts: list[str] = []
        self.values: list[str] = []
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.values += [value for name, value in attrs if name == "value" and value]
        meta = tag == "meta" and set(held) <= {"charset", "name", "content"}
        script = tag == "script" and str(held.get("src")).startswith("/static/")
        if (tag in _RUNS and not meta) or (tag == "script" and not script):
            self.faults.append(f"<{tag} {attrs}>")
        for name, value in attrs:
            leads = name in _LEADING and not (value or "").startswith(_OURS)
            away = name in _LEADING and (value or "").startswith(("//", "/\\"))
            if name.startswith("on") or name in ("style", "srcdoc") or leads or away:
                self.faults.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"<!--{data}-->")

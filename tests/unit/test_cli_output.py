"""Tables: what holds no blank stays whole, however narrow the place."""

from __future__ import annotations

import pytest

from connector.cli import output
from connector.cli.speaking import speaking

IDS = ["urn:uuid:df7992da-5a0e-4bb0-9d4b-0c29f6e0a1f2", "did:web:" + "a" * 60, "urn:x:" + "y" * 90]
TITLE = "a title of several words that is longer than a narrow terminal"


@pytest.mark.parametrize("width", [None, "20", "80", "400"])
@pytest.mark.parametrize("terminal", [False, True])
def test_an_identifier_is_never_cut(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: str | None,
    *,
    terminal: bool,
) -> None:
    if width is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TTY_COMPATIBLE", str(int(terminal)))
    rows = [(name, name, f"{TITLE} {name}", 1.5) for name in IDS]
    output.table(("agreement", "promised to", "what for", "ε"), rows, empty="")
    lines = capsys.readouterr().out.splitlines()
    assert all(any(line.count(name) >= 2 for line in lines) for name in IDS)
    assert sum(line.count(name) for line in lines for name in IDS) == 3 * len(IDS)
    assert (len(lines) < 3 + 2 * len(IDS)) == (width == "400")


def test_no_line_of_a_cell_begins_with_a_sign_in_french(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in range(10, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        with speaking(["--lang", "fr"]):
            output.table(("code",), [["error NOT_FOUND: no job `urn:x`; no job `urn:y`"]], empty="")
    told = capsys.readouterr().out
    assert "NOT_FOUND\N{NO-BREAK SPACE}: " in told
    assert not any(line.lstrip()[:1] in set(":;?!") - {""} for line in told.splitlines())

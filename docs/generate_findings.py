"""Writes `docs/reference/lint.md`: every finding of the check, with an example that is run.

Run it with `python docs/generate_findings.py` after a change of the findings or of their vectors; a
test compares. The sentences are those of the check itself on the bad vector of each finding.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connector.cli.policy.check import checked
from connector.cli.policy.lint import linted
from connector.cli.speaking import speaking
from connector.jsonld.mending import at
from policies_odrl import Finding
from policies_odrl.checking.findings import Severity, table

PAGE = Path(__file__).parent / "reference" / "lint.md"
VECTORS = Path(__file__).parents[1] / "tests" / "conformance" / "policies" / "lint"
_OPENING = """\
# Findings of the check

`preau policy check FILE` and `preau policy lint DIR` print findings; the library's `validate`,
`inspect` and `lint` return them. Each has a stable code, the place as a JSON pointer into the
policy as Préau writes it (into the document itself, where its terms would be lost), a sentence and
what to do about it, in English and in French. An **error** is not evaluated: nothing is
granted by the policy, the rule or the condition at that place, and a node refuses to publish it. A
**warning** says that the policy probably does not do what was meant; a **note** is worth knowing.
A finding marked *mechanical* is mended by `check --fix OUT`, which writes a new file and changes no
decision. One marked *suggested* is mended where you confirm
it, with `--accept CODE`, because the mended policy may grant what this one does not.

What cannot be proved is not reported: a policy without findings may still be wrong.
"""


def render() -> str:
    """Return the page."""
    expected = json.loads((VECTORS / "expected.json").read_text(encoding="utf-8"))
    parts = [_OPENING, *_summary()]
    for code, entry in table().items():
        parts += _section(code, entry, expected.get(code))
    return "\n".join(parts) + "\n"


def _summary() -> Iterator[str]:
    yield "| severity | codes |"
    yield "|---|---|"
    for severity in Severity:
        codes = [code for code, entry in table().items() if entry["severity"] == severity]
        yield f"| {severity.value} | {', '.join(f'[`{code}`](#{code})' for code in codes)} |"


def _section(code: str, entry: Mapping[str, Any], place: Any) -> Iterator[str]:
    found = {lang: _found(code, place, lang) for lang in ("en", "fr")}
    english, french = found["en"], found["fr"]
    mended = "mechanical" if english and english.mechanical else "suggested"
    mechanical = f", {mended}" if english and english.edit else ""
    yield f"\n## `{code}` {{#{code}}}\n"
    yield f"*{entry['severity']}{mechanical}*\n"
    for lang, item in (("English", english), ("Français", french)):
        words = entry["en" if lang == "English" else "fr"]
        sentence, fix = (item.sentence, item.fix) if item else (words["sentence"], words["fix"])
        yield f"- {lang}: {_shown(sentence)}. → {_shown(fix)}"
    yield from _example(code, place)


def _found(code: str, place: Any, lang: str) -> Finding | None:
    if isinstance(place, str):
        (bad,) = VECTORS.glob(f"{code}.bad.*")
        with speaking(["--lang", lang]):
            items = checked(bad).findings
        return next(item for item in items if (item.code, item.path) == (code, place))
    if isinstance(place, dict):
        with speaking(["--lang", lang]):
            found = linted(VECTORS / f"{code}.bad").findings[place["file"]]
        return next(item for item in found if (item.code, item.path) == (code, place["path"]))
    return None


def _example(code: str, place: Any) -> Iterator[str]:
    if isinstance(place, str):
        for kind, words in (("bad", "Found in"), ("good", "but not in")):
            (file,) = VECTORS.glob(f"{code}.{kind}.*")
            text = file.read_text(encoding="utf-8")
            if file.suffix == ".ttl":
                yield f"\n{words}\n\n```turtle\n{text.strip()}\n```"
            else:
                yield f"\n{words}\n\n```json\n{_fragment(json.loads(text), place)}\n```"


def _fragment(document: dict[str, Any], path: str) -> str:
    """Return the part at a path, or the whole where there is none, without context."""
    whole = {name: item for name, item in document.items() if name != "@context"}
    parts = path.split("/")[1:]
    rule = "/" + "/".join(parts[:2]) if len(parts) > 2 and parts[1].isdigit() else ""  # noqa: PLR2004 - group and index
    shown = at(whole, rule) if rule else None
    if path.startswith("/@context") or "@context" not in document:
        whole = document
    return json.dumps(shown or whole, ensure_ascii=False)


def _shown(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}").replace("{0}", "…").replace("{1}", "…")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{PAGE} written\n")

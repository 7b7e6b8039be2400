"""Write the vocabulary document of our ODRL profile, and its reference page, from its definitions.

Run `python -m docs.generate_profile` after a change of `policies_odrl/profile/profile.json`, of the
labels, or of a template; a test compares the files with what this writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connector.bootstrap.mechanisms import MECHANISMS
from connector.enforcement.coverage import cover
from connector.errors import ConstraintUnknown
from connector.jsonld.turtle import turtle_bytes
from docs.profile_document import (
    PREFIXES,
    example,
    profile_context,
    profile_data,
    profile_jsonld,
    profile_nodes,
)
from policies_odrl.authoring import Template, fill, full, templates
from policies_odrl.concepts import hierarchy
from policies_odrl.language.phrases import label, word

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "policies_odrl" / "profile"
PAGE = ROOT / "docs" / "reference" / "profile.md"


def turtle() -> str:
    """Return the vocabulary document in Turtle."""
    return turtle_bytes(profile_nodes(), PREFIXES).decode()


def jsonld() -> str:
    """Return the vocabulary document in JSON-LD."""
    return _json(profile_jsonld())


def context() -> str:
    """Return the JSON-LD context."""
    return _json(profile_context())


def page() -> str:
    """Return the reference page."""
    return (
        "\n".join([*_head(), *_operands(), *_scales(), *_concepts(), *_templates(), *_report()])
        + "\n"
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _head() -> Iterator[str]:
    data = profile_data()["profile"]
    yield "# ODRL profile"
    yield ""
    yield data["description"]["en"]
    yield ""
    yield f'A policy that uses its terms declares `"profile": "{data["iri"]}"`; `preau:` stands'
    yield f"for `{data['iri']}#`. Version {data['version']}, as Turtle, JSON-LD and JSON-LD"
    yield "context in `policies_odrl/profile/`. French names are those of the sentences that"
    yield "`preau policy explain --lang fr` prints."
    yield ""
    yield "## Actions"
    yield ""
    yield "| action | name | nom | means | part of |"
    yield "|---|---|---|---|---|"
    for item in profile_data()["actions"]:
        parents = ", ".join(f"`{name}`" for name in item["broader"])
        names = _names(item["name"], "actions")
        yield f"| `{item['name']}` | {names} | {item['definition']['en']} | {parents} |"


def _names(name: str, group: str) -> str:
    return " | ".join(label(group, full(name), lang) for lang in ("en", "fr"))


def _operands() -> Iterator[str]:
    data = profile_data()
    for title, key, text in (
        ("Left operands", "operands", "Minted because DPV has no such term."),
        (
            "Left operands of DPV",
            "reused",
            "Terms of the Data Privacy Vocabulary that its ODRL mapping types as left operands.",
        ),
    ):
        yield from ("", f"## {title}", "", text, "")
        yield "| left operand | name | nom | operators | values | means |"
        yield "|---|---|---|---|---|---|"
        for item in data[key]:
            operators = ", ".join(f"`{name}`" for name in item["operators"])
            yield (
                f"| `{item['name']}` | {_names(item['name'], 'operands')} | {operators} | "
                f"{item['value']} | {item['definition']['en']} {_note(item)}|"
            )
    yield from ("", "Examples:", "", "```json")
    yield from (example(item) for item in data["operands"])
    yield "```"


def _report() -> Iterator[str]:
    yield from ("", "## Terms of reports", "")
    yield "What the harnesses of public suites (`tests/conformance/`) write beside the Compliance"
    yield "Report Model 0.9.0 (`report:`), for what that model cannot say."
    yield from ("", "| term | type | name | nom | means |", "|---|---|---|---|---|")
    for item in profile_data()["report"]:
        names = f"{item['label']['en']} | {item['label']['fr']}"
        yield f"| `{item['name']}` | {item['type']} | {names} | {item['definition']['en']} |"


def _note(item: Mapping[str, Any]) -> str:
    return f"{item['note']['en']} " if "note" in item else ""


def _scales() -> Iterator[str]:
    for scale in profile_data()["scales"]:
        name = label("operands", full(scale["operand"]), "en")
        yield from ("", f"## Steps of the {name}", "")
        yield "From the weakest to the strongest; `gteq` asks for a step or a stronger one."
        yield from ("", "| step | name | nom | means |", "|---|---|---|---|")
        for step in scale["steps"]:
            names = _names(step["name"], "values")
            yield f"| `{step['name']}` | {names} | {step['definition']['en']} |"


def _concepts() -> Iterator[str]:
    titles = {
        "scope": "Scopes of pseudonyms",
        "unit": "Units of privacy",
        "ferpa": "Grounds of FERPA",
        "person": "Persons",
        "purpose": "Purposes of the profile",
        "event": "Events",
    }
    for group, title in titles.items():
        yield from ("", f"## {title}", "", "| term | name | nom | means |", "|---|---|---|---|")
        for item in profile_data()["concepts"]:
            if item["group"] == group:
                names = _names(item["name"], "values")
                yield f"| `{item['name']}` | {names} | {item['definition']['en']} |"
    for title, table in (
        ("Purposes", hierarchy("purposes")),
        ("Legal bases", hierarchy("legal_bases")),
        ("Measures", hierarchy("measures")),
    ):
        yield from ("", f"## {title}", "")
        yield f"{len(table)} terms that are known, with the broader ones of each."
        yield from ("", "| IRI | name | nom | broader |", "|---|---|---|---|")
        for iri, broader in sorted(table.items()):
            above = ", ".join(word(item, "en") for item in broader)
            yield f"| <{iri}> | {word(iri, 'en')} | {word(iri, 'fr')} | {above} |"


def _templates() -> Iterator[str]:
    yield from ("", "## Contract templates", "")
    yield "`preau policy new NAME` fills one in. A node publishes an offer only if it can uphold"
    yield "every part of it; of these it upholds today what the second column says."
    yield from ("", "| template | upheld today | for | parameters |", "|---|---|---|---|")
    for item in templates():
        parameters = ", ".join(f"`{field.name}`" for field in item.parameters)
        upheld = "yes" if _upheld(item) else "no"
        yield f"| `{item.name}` | {upheld} | {item.purpose['en']} | {parameters} |"


def _upheld(item: Template) -> bool:
    try:
        cover(fill(item, item.example), MECHANISMS)
    except ConstraintUnknown:
        return False
    return True


FILES = {
    FOLDER / "profile.ttl": turtle,
    FOLDER / "profile.jsonld": jsonld,
    FOLDER / "context.jsonld": context,
    PAGE: page,
}

if __name__ == "__main__":
    for file, made in FILES.items():
        file.write_text(made(), "utf-8")

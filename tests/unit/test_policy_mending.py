"""`preau policy check --fix`: what is mended means what it meant, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import Result

from connector.cli.exits import Exit
from connector.jsonld.policy import policy_document, read_policy
from policies_odrl import (
    AssetRef,
    Policy,
    explain,
)
from tests.support.command import invoked


def preau(*words: object) -> Result:
    return invoked(["policy", *map(str, words)])


CONTEXT: Final = "http://www.w3.org/ns/odrl.jsonld"


def until(year: int, **more: str) -> dict[str, Any]:
    at = {"@value": f"{year}-01-01T00:00:00Z", "@type": "xsd:dateTime"}
    return {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": at, **more}


def fixed(tmp_path: Path, **parts: Any) -> tuple[Policy, Policy]:
    """Return a policy as it was read, and as `--fix` wrote it."""
    document = {"@context": CONTEXT, "uid": "urn:p", "@type": "Set", **parts}
    file, out = tmp_path / "in.jsonld", tmp_path / "out.jsonld"
    file.write_text(json.dumps(document), "utf-8")
    out.unlink(missing_ok=True)
    done = preau("check", file, "--fix", out)
    assert done.exit_code in {Exit.OK, Exit.INVALID}  # some errors are a person's to mend
    return read_policy(document), read_policy(out.read_bytes())


@pytest.mark.parametrize("inherits", [{}, {"inheritFrom": "urn:parent"}], ids=["alone", "child"])
def test_mending_takes_a_condition_from_no_other_rule(
    inherits: dict[str, str], tmp_path: Path
) -> None:
    """A rule of a child is written once for two, so that the places of rules were others."""
    first = {"action": "print", "target": "urn:u", "constraint": [until(2028), until(2027)]}
    count = {"leftOperand": "count", "operator": "lteq", "rightOperand": 3}
    second = {"action": "read", "target": "urn:v", "constraint": [count]}
    before, after = fixed(tmp_path, target="urn:x", permission=[first, second], **inherits)
    assert [len(rule.constraints) for rule in before.permissions] == [2, 2, 1, 1]
    found = [len(rule.constraints) for rule in after.permissions]
    assert found == ([2, 2, 1, 1] if inherits else [1, 1, 1, 1])


def test_mending_leaves_the_strategy_of_conflicts_to_a_person(tmp_path: Path) -> None:
    """Without one the policy is void where its rules conflict: another one grants more."""
    named = {"target": "urn:u", "assignee": "urn:bob"}
    rules = {
        "permission": [{"action": "print", **named}],
        "prohibition": [{"action": "sell", **named}],
    }
    before, after = fixed(tmp_path, target="urn:x", inheritFrom="urn:parent", **rules)
    assert len(before.permissions) == 2
    assert after == before


def test_mending_keeps_what_others_name(tmp_path: Path) -> None:
    """A prohibition on the members of a collection became one on the collection's name alone."""
    kind = {"leftOperand": "fileFormat", "operator": "eq", "rightOperand": "text/csv"}
    shelf = {
        "uid": "urn:shelf",
        "@type": "AssetCollection",
        "source": "urn:store",
        "refinement": [kind],
    }
    ban = {"conflict": "prohibit", "prohibition": [{"action": "read", "target": "urn:shelf"}]}
    covered = [{"action": "print", "target": shelf}, {"action": "print"}]
    before, after = fixed(tmp_path, permission=covered, **ban)
    assert after.prohibitions == before.prohibitions
    assert after.prohibitions[0].target == AssetRef(
        "urn:shelf",
        True,  # noqa: FBT003
        "urn:store",
        before.prohibitions[0].target.refinements if before.prohibitions[0].target else (),
    )
    covered = [{"action": "print", "target": "urn:t"}, {"action": "print"}]
    before, after = fixed(tmp_path, permission=covered, **ban)
    assert (len(before.permissions), len(after.permissions)) == (2, 1)


@pytest.mark.parametrize("shared", [True, False])
def test_mending_takes_a_needless_connective_away_unless_it_is_named_elsewhere(
    shared: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """The condition that was named twice had nothing said of it, and could not be read."""
    needless = {"uid": "urn:c", "or": [until(2027)]}
    other = "urn:c" if shared else until(2027)
    rules = [
        {"action": "print", "target": "urn:t", "constraint": [needless]},
        {"action": "read", "target": "urn:t", "constraint": [other]},
    ]
    before, after = fixed(tmp_path, permission=rules)
    assert (after == before) is shared
    assert explain(after)[-4:] == explain(before)[-4:] or not shared
    assert policy_document(after)


@pytest.mark.parametrize(
    ("value", "written"),
    [("1e999", False), ('"\\ud800"', False), ("1e9", True), ('"\\ud83c\\udfeb"', True)],
    ids=["infinite", "half a character", "a number", "a character"],
)
def test_mending_writes_json_or_nothing(value: str, *, written: bool, tmp_path: Path) -> None:
    """A number without a finite value was written as `Infinity`, which no reader of JSON knows."""
    document = {"@context": CONTEXT, "uid": "urn:p", "@type": "Set", "unknown": 0}
    file, out = tmp_path / "in.jsonld", tmp_path / "out.jsonld"
    text = json.dumps(document | {"permission": [{"action": "read", "target": "urn:t"}]})
    file.write_text(text.replace('"unknown": 0', f'"unknown": {value}'), "utf-8")
    result = preau("check", file, "--fix", out)
    assert out.exists() is written
    assert result.exit_code == (Exit.INVALID if written else Exit.REFUSED)
    assert written or "cannot be mended by itself" in result.stderr
    assert not written or json.loads(out.read_text("utf-8"))["unknown"] == json.loads(value)

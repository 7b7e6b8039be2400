"""`preau policy explain` and `preau policy write`: there and back through files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from connector.cli.exits import Exit
from connector.cli.policy.explain import from_file
from connector.cli.policy.files import policy_at
from connector.errors import PolicyInvalid
from policies_odrl import explain, same_meaning
from policies_odrl.language.grammar import grammar
from policies_odrl.language.spelled import spelled
from tests.support.command import invoked

EXAMPLES = Path(__file__).parents[2] / "examples" / "policies"
POLICY = EXAMPLES / "research.json"


def preau(*words: str | Path) -> Result:
    return invoked(["policy", *map(str, words)])


def test_the_sentences_are_printed() -> None:
    done = preau("explain", POLICY, "--lang", "fr")
    assert done.exit_code == 0
    assert tuple(done.stdout.splitlines()) == explain(policy_at(POLICY), "fr")
    assert "1.3. Condition : au plus 5 fois." in done.stdout
    assert preau("explain", POLICY).stdout.startswith("A. This is an agreement")


def test_turtle_is_read_too() -> None:
    done = preau("explain", EXAMPLES / "request.ttl")
    assert done.stdout.startswith("A. This is a request for terms")


def test_json_says_what_each_sentence_is_about() -> None:
    done = preau("explain", POLICY, "--json")
    shown = json.loads(done.stdout)
    assert shown["lang"] == "en"
    assert {
        "number": "1.2",
        "path": "/permission/0/constraint/1",
        "text": shown["sentences"][8]["text"],
    } == shown["sentences"][8]
    assert shown["text"] == list(explain(policy_at(POLICY)))


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_sentences_make_the_policy_again(tmp_path: Path, lang: str) -> None:
    text = tmp_path / "policy.txt"
    text.write_text(preau("explain", POLICY, "--lang", lang).stdout, encoding="utf-8-sig")
    out = tmp_path / "policy.json"
    done = preau("write", text, "--lang", lang, "--out", out)
    assert done.exit_code == 0, done.output
    assert policy_at(out) == spelled(policy_at(POLICY))
    assert same_meaning(policy_at(out), policy_at(POLICY))
    printed = preau("write", text, "--lang", lang, "--json")
    assert json.loads(printed.stdout) == json.loads(out.read_text(encoding="utf-8"))


def test_the_grammar_is_printed_without_a_file() -> None:
    assert preau("write", "--grammar", "--lang", "fr").stdout == grammar("fr")
    shown = json.loads(preau("write", "--grammar", "--json").stdout)
    assert shown == {"lang": "en", "grammar": grammar("en").rstrip()}
    missing = preau("write")
    assert missing.exit_code == Exit.REFUSED
    assert "error CONFIGURATION_INVALID" in missing.stderr
    assert "--grammar" in missing.stderr


def test_a_mistake_is_named_with_the_nearest_form(tmp_path: Path) -> None:
    text = tmp_path / "policy.txt"
    lines = preau("explain", POLICY).stdout
    text.write_text(lines.replace("at most 5 times", "at most five times"), encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=r"sentence 1\.3 is not understood") as caught:
        from_file(text, "en")
    assert "nearest form: `Condition: at most … times.`" in caught.value.reason
    assert caught.value.hint == "see `preau policy write --grammar --lang en`"
    text.write_text(lines, encoding="utf-8")
    from_file(text, "en")
    with pytest.raises(PolicyInvalid, match="la phrase A"):
        from_file(text, "fr")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "policy.txt"
    text.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyInvalid, match="not UTF-8"):
        from_file(text, "en")


def test_a_policy_that_has_no_rule_is_not_written(tmp_path: Path) -> None:
    text = tmp_path / "policy.txt"
    text.write_text("A. This is a set of rules.\nB. Whatever is not permitted here is refused.\n")
    done = preau("write", text)
    assert done.exit_code == Exit.REFUSED
    assert "error POLICY_INVALID" in done.stderr
    text.write_text(text.read_text().replace("B.", "1. It is permitted to read the data.\nB."))
    assert preau("write", text).exit_code == Exit.OK

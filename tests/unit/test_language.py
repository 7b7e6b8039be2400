"""What the code says in English is said in every other language: catalogs, and how texts match."""

from __future__ import annotations

import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo

from connector.language import po
from connector.language.asked import of_command, of_header, without
from connector.language.catalog import CLICK, DOMAIN, ENGLISH, LANGUAGES, translated
from connector.language.matching import NAME, Message, Messages, named
from connector.language.typesetting import typeset
from tests.support.each import over

ROOT = Path(__file__).parents[2]
NO_BREAK = "\N{NO-BREAK SPACE}"
OTHERS = [each for each in LANGUAGES if each != ENGLISH]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "docs/generate_messages.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def words(text: str) -> list[str]:
    return re.findall(r"[^\W\d]+", text)


def texts(catalog: Catalog) -> dict[str, str]:
    return {each.id: each.string for each in catalog if isinstance(each.id, str) and each.id}


@over("language", OTHERS)
def test_each_message_of_the_code_has_its_twin(language: str, generator: ModuleType) -> None:
    kept = texts(generator.read(language))
    said = set(generator.messages())
    assert said - set(kept) == set(), "run `python docs/generate_messages.py`"
    assert set(kept) - said == set(), "run `python docs/generate_messages.py`"
    assert [text for text, twin in kept.items() if not twin] == []


@over("language", OTHERS)
def test_what_is_compiled_for_click_is_what_is_written(
    language: str, generator: ModuleType
) -> None:
    made = io.BytesIO()
    write_mo(made, generator.read(language, CLICK))
    file = generator.folder(language) / f"{CLICK}.mo"
    assert file.read_bytes() == made.getvalue(), "run `python docs/generate_messages.py`"


@over(("language", "domain"), [(each, domain) for each in OTHERS for domain in (DOMAIN, CLICK)])
def test_a_catalog_reads_as_babel_reads_it(
    language: str, domain: str, generator: ModuleType
) -> None:
    lines = (generator.folder(language) / f"{domain}.po").read_text("utf-8").splitlines()
    theirs = {k: v for k, v in texts(generator.read(language, domain)).items() if v}
    assert {k: v for k, v in po.read(lines) if k in theirs} == theirs


@over("language", OTHERS)
def test_names_and_identifiers_are_carried_over(language: str, generator: ModuleType) -> None:
    for text, twin in texts(generator.read(language)).items():
        assert set(NAME.findall(text)) == set(NAME.findall(twin)), text
        assert set(re.findall("`[^`]*`", text)) == set(re.findall("`[^`]*`", twin)), text


@over("language", OTHERS)
def test_each_message_with_names_is_met_where_they_are_filled_in(
    language: str, generator: ModuleType
) -> None:
    """What is too short to be told from other texts, or another takes for itself, is never said."""
    for text, twin in texts(generator.read(language)).items():
        english, other = named(text), named(twin)
        if NAME.search(english) and words(english) != words(other):
            filled = [NAME.sub(value, english) for value in ("7", "rows")]
            assert any(translated(each, language) != each for each in filled), text


COMPOSED = {
    "`x` at `/p` can be neither checked, enforced nor audited; it takes a synthesis of data, which "
    "this node does not have": "`x` à `/p` : aucun mécanisme ne peut le vérifier, l'appliquer ni "
    "le contrôler ensuite ; il y faut une synthèse de données, que ce nœud n'a pas",
    "/permission/0: cannot hold together: request /permission/0: purpose isA x; offer /permission/1"
    ": delta lteq 0": "/permission/0 : inconciliables : demande /permission/0 : purpose isA x ; "
    "offre /permission/1 : delta lteq 0",
    "/permission/0: epsilon: not stated -> epsilon lteq 3 because of offer /permission/0": (
        "/permission/0 : epsilon : non indiqué -> epsilon lteq 3 en raison de l'offre /permission/0"
    ),
    "█░ ε 3 of 4.5 promised: urn:x": "█░ ε promis 3 sur 4.5 : urn:x",
    "`id` must be a number; `a: b` must be `x` or a number above 0; found `or`, did you mean `x`": (
        "`id` doit être un nombre ; `a: b` doit être `x` ou un nombre supérieur à 0 ; trouvé `or`, "
        "peut-être `x`"
    ),
    "no dataset `dataset`": "introuvable : jeu de données `dataset`",
    "the policy has no rule": "la politique n'a aucune règle",
    "purpose isA x: given y; no value was given": (
        "purpose isA x : donné y ; aucune valeur n'a été donnée"
    ),
}


@over(("composed", "french"), list(COMPOSED.items()))
def test_a_text_that_is_made_of_others_is_said_part_by_part(composed: str, french: str) -> None:
    assert translated(composed, "fr").replace(NO_BREAK, " ") == french


def test_french_punctuation_stays_with_its_word_and_what_is_named_stays_as_it_is() -> None:
    assert typeset('`a : b` : « x » ; "c : d" !', "fr") == (
        f'`a : b`{NO_BREAK}: «{NO_BREAK}x{NO_BREAK}»{NO_BREAK}; "c : d"{NO_BREAK}!'
    )
    assert typeset("a : b", "en") == "a : b"
    assert translated("error X: École : Jules", "fr") == f"erreur X{NO_BREAK}: École : Jules"


def test_a_text_is_said_as_its_message_with_what_it_names() -> None:
    said = translated("the token was made for another callee", "fr")
    assert said == "le jeton a été fait pour un autre destinataire"
    assert translated("no job `no job`", "fr") == "aucun travail `no job`"
    assert translated("  no job `urn:x`", "fr") == "  aucun travail `urn:x`"
    assert translated("no job `urn:x`", "en") == "no job `urn:x`"


def test_what_no_catalog_has_stays() -> None:
    for text in ("", "urn:x", "École Jules-Ferry", "Some sentence of a peer."):
        assert translated(text, "fr") == text


def test_a_text_of_no_end_is_not_looked_at() -> None:
    """A peer's words are looked for among thousands of messages; ours are short."""
    line = "the session has ended; "
    assert "la session a pris fin" in translated(line * 2, "fr")
    assert translated("x" * 5000 + "; the session has ended", "fr").endswith(
        "la session a pris fin"
    )
    endless = line * 40_000
    assert translated(endless, "fr") is endless


def test_what_is_quoted_stays_as_it_is() -> None:
    for quoted in ("`a: b`", "`x; y, and unknown: z`", "`pending: accepted`"):
        assert translated(f"{quoted}: unknown", "fr").startswith(f"{quoted}{NO_BREAK}: ")
        assert quoted in translated(f"file: {quoted}, {quoted}; done", "fr")


def test_a_message_within_a_message_is_said_too() -> None:
    said = translated("error NOT_FOUND: no job `urn:x`", "fr")
    assert said == f"erreur NOT_FOUND{NO_BREAK}: aucun travail `urn:x`"


def test_the_message_with_most_words_of_its_own_is_meant() -> None:
    found = Messages(
        [Message("the {what} is gone", "A"), Message("the {what} of {whom} is gone", "B {whom}")]
    )
    message, values = next(found.of("the key of nord is gone"))
    assert message.filled(values, str) == "B nord"


def test_a_message_of_hardly_a_word_stands_for_nothing() -> None:
    assert list(Messages([Message("{one} to {two}", "x")]).of("from here to there")) == []


@over(("words", "variables", "language"), [
        ("", {}, "en"), ("", {"LANG": "fr_FR.UTF-8"}, "fr"), ("", {"LANG": "C.UTF-8"}, "en"),
        ("", {"LANG": "fr_FR", "LC_ALL": "en_GB"}, "en"), ("", {"LC_MESSAGES": "fr"}, "fr"),
        ("x --lang fr", {}, "fr"), ("--lang=fr x", {}, "fr"), ("--language fr", {}, "fr"),
        ("x --lang en", {"LANG": "fr"}, "en"), ("--lang de", {"LANG": "fr"}, "en"),
        ("x -- --lang fr", {}, "en"), ("fr", {}, "en"), ("--lange fr", {}, "en"),
    ])  # fmt: skip
def test_the_language_is_as_asked_or_as_the_machine_is_set(
    words: str, variables: dict[str, str], language: str
) -> None:
    assert of_command(words.split(), variables) == language


def test_the_option_goes_before_all_words() -> None:
    assert without(["a", "--lang", "fr", "b"]) == (["--lang=fr"], ["a", "b"])
    assert without(["a", "--", "--lang", "fr"]) == ([], ["a", "--", "--lang", "fr"])
    assert without(["a", "--lang"]) == ([], ["a", "--lang"])


@over(("header", "language"), [
        ("", "en"), ("fr", "fr"), ("fr-FR,fr;q=0.9,en;q=0.8", "fr"), ("en-GB,fr;q=0.5", "en"),
        ("de,fr;q=0.3,en;q=0.2", "fr"), ("fr;q=0", "en"), ("fr;q=x,en;q=0.1", "en"), ("*", "en"),
    ])  # fmt: skip
def test_the_language_of_a_browser_is_the_one_it_prefers(header: str, language: str) -> None:
    assert of_header(header) == language
